"""Values that the event reader returns: scalar series, files and their damage."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from msgspec import Struct, field, structs
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

AS_LOGGED = "as_logged/"
"""Prefix of a tag whose name is canonical but whose meaning is another one in its dialect."""


class Series(Struct, frozen=True, eq=False, kw_only=True):
    """The points of one tag in the order in which they were written.

    Steps need not rise: equal steps are several episodes that ended together, falling steps are
    reported by the integrity check. Values may be NaN or infinite; whoever reduces them decides
    what that means.
    """

    tag: str
    steps: IntArray
    """`int64[n]`, environment step of each point, unless `other_axis` says what else they count."""
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
    logged_as: str = ""
    """Tag in the event files, where a dialect translated it; empty when that is `tag` itself."""
    other_axis: str = ""
    """What `steps` counts where that is not the environment step: `update`, `episode` or `unknown`."""

    def __len__(self) -> int:
        return len(self.values)

    def where(self, points: slice | BoolArray) -> Series:
        """Return the points at a slice or where a mask is true."""
        return structs.replace(
            self,
            steps=self.steps[points],
            values=self.values[points],
            wall_times=self.wall_times[points],
        )


class Damage(Struct, frozen=True, kw_only=True):
    """One place where an event file could not be read as written."""

    path: Path
    offset: int
    """Byte at which the unreadable record starts."""
    kind: str
    """`torn_tail` (normal while a run is written), `zeros` (a tail that was never written), `bad_length`,
    `bad_crc`, `bad_record` or `not_an_event_file`."""
    note: str


class EventFile(Struct, frozen=True, kw_only=True):
    """An event file as it was read."""

    path: Path
    sha256: str
    """SHA-256 of exactly the bytes that were judged."""
    size_bytes: int
    records: int
    first_wall_time: float | None
    last_wall_time: float | None
    part: str = ""
    """Folder that another writer of the run made, as `add_scalars` does; empty for the run's own."""
    prefix: str = ""
    """What stands before the tags of such a folder, where the run's own files hold the same ones."""
    purge_step: int | None = None
    """Step of the file's session-start record: earlier files' points at or after it are void."""


class EventLog(Struct, frozen=True, kw_only=True):
    """Everything that was read from the event files of one run."""

    series: Mapping[str, Series]
    files: tuple[EventFile, ...]
    damage: tuple[Damage, ...] = ()
    purged_points: int = 0
    """Points of earlier attempts that a later attempt's purge step made void."""
    skipped_tags: Mapping[str, str] = field(default_factory=dict)
    """Tags that are not scalars or exceed a limit, with the reason."""
    ignored: Mapping[str, str] = field(default_factory=dict)
    """Files and sub-directories that are named like event files and were not read, with the reason."""
    compressed: tuple[str, ...] = ()
    """Those of them that are compressed and stand nowhere else: a part of the run that was not read."""
    folders: tuple[str, ...] = ()
    """Directories of the run, relative to the one that was given; several when it went on in a new one."""
    trainer: str = ""
    """Title of the dialect by which the tags were translated; empty while they are as logged."""
    recognised: bool = True
    """False when no dialect was declared and none fits the tags."""
    algorithms: tuple[str, ...] = ()
    """Algorithms that log these tags (`DDPG`, `TD3`); empty when the tags do not tell."""
    void_from_step: int | None = None
    """Only in a later poll of an `EventTail`: points of earlier polls at or after this step are
    void."""
    restarted: bool = False
    """Only in a later poll of an `EventTail`: a file was replaced, all points of earlier polls are
    void."""
