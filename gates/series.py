"""Values that the event reader returns: scalar series, files and their damage."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


@dataclass(frozen=True, eq=False, kw_only=True)
class Series:
    """The points of one tag in the order in which they were written.

    Steps need not rise: equal steps are several episodes that ended together, falling steps are
    reported by the integrity check. Values may be NaN or infinite; whoever reduces them decides
    what that means.
    """

    tag: str
    steps: IntArray
    """`int64[n]`, environment step of each point."""
    values: FloatArray
    """`float64[n]`."""
    wall_times: FloatArray
    """`float64[n]`, seconds since the epoch."""
    derived_from: str = ""
    """How the values were computed when no such tag was logged (`-train/actor_loss`); empty for
    logged tags."""
    aggregated: str = ""
    """What each value sums up (`mean over the last 100 episodes`) where the tag means one measurement:
    distributions, counts and sums of such values say nothing. Empty for measurements."""

    def __len__(self) -> int:
        return len(self.values)


@dataclass(frozen=True, kw_only=True)
class Damage:
    """One place where an event file could not be read as written."""

    path: Path
    offset: int
    """Byte at which the unreadable record starts."""
    kind: str
    """`torn_tail` (normal while a run is written), `bad_length`, `bad_crc`, `bad_record` or
    `not_an_event_file`."""
    note: str


@dataclass(frozen=True, kw_only=True)
class EventFile:
    """An event file as it was read."""

    path: Path
    sha256: str
    """Of exactly the bytes that were judged."""
    size_bytes: int
    records: int
    first_wall_time: float | None
    last_wall_time: float | None
    purge_step: int | None = None
    """Step of the file's session-start record: earlier files' points at or after it are void."""


@dataclass(frozen=True, kw_only=True)
class EventLog:
    """Everything that was read from the event files of one run."""

    series: Mapping[str, Series]
    files: tuple[EventFile, ...]
    damage: tuple[Damage, ...] = ()
    purged_points: int = 0
    """Points of earlier attempts that a later attempt's purge step made void."""
    skipped_tags: Mapping[str, str] = field(default_factory=dict)
    """Tags that are not scalars or exceed a limit, with the reason."""
    ignored: tuple[str, ...] = ()
    """Sub-directories with event files of their own: separate runs that were not read."""
    void_from_step: int | None = None
    """Only in a later poll of an `EventTail`: points of earlier polls at or after this step are
    void."""
    restarted: bool = False
    """Only in a later poll of an `EventTail`: a file was replaced, all points of earlier polls are
    void."""
