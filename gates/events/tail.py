"""Reads the event files of a run while they grow: each poll returns the points that are new."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from msgspec import structs

from gates.errors import InputError
from gates.events.decoder import EventDecoder
from gates.events.file import FileReplacedError, FileTail
from gates.events.folder import (
    EventFolder,
    NoEventFilesError,
    SeveralRunsError,
    compressed,
    event_files,
    find_event_folder,
    folder_of,
    left_out,
)
from gates.events.one_run.order import in_order
from gates.events.one_run.went_on import WentOn, went_on
from gates.events.one_run.writers import main_folder
from gates.events.points import Decoded, by_tag, purge
from gates.events.tag_table import TagTable
from gates.series import EventLog, Series

BELOW = "a folder with event files of its own, which are not the run's"
"""Why the event files of another directory are not read."""
_EMPTY = "it is empty"


class EventTail:
    """The event files of one run, read piece by piece.

    Files follow one another in the order in which they were begun. When two of them grow at the
    same time, their points come in the order of the polls.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._went_on: dict[tuple[Path, ...], WentOn] = {}
        self._main: dict[tuple[Path, ...], Path] = {}
        self.folder: EventFolder | None = None
        """Where the run's files lie; None before the first one."""
        self._begin()

    def _begin(self) -> None:
        self._tags = TagTable()
        self._decoder = EventDecoder(self._tags)
        self._files: list[FileTail] = []
        self._copies: dict[Path, str] = {}
        self._void_from: Mapping[Path, int] = {}
        """Where a run went on in a new folder without a word about what is void."""
        self._delivered = False

    def poll(self) -> EventLog:
        """Return the points that were added since the last poll.

        `series` and `purged_points` are of this poll alone; `files`, `damage` and `skipped_tags`
        describe all that was read so far. Points of earlier polls are void where `void_from_step`
        or `restarted` says so; `join` obeys that. Before the run has an event file the log is
        empty.

        Raises:
            InputError: The directory holds several runs, or a file cannot be read.
        """
        restarted = False
        for _ in range(3):
            try:
                log = self._poll()
            except FileReplacedError:
                restarted = restarted or self._delivered
                self._begin()
            else:
                return structs.replace(log, restarted=True) if restarted else log
        raise InputError(f"the event files in {self._directory} change while they are read")

    def _poll(self) -> EventLog:
        try:
            folder = self.folder = self._find()
        except NoEventFilesError:
            if self._delivered:
                raise FileReplacedError("the event files are gone") from None
            return EventLog(series={}, files=())
        decoded = self._read_files(folder)
        self._copies = self._find_copies()
        files = [file for file in self._files if file.path not in self._copies]
        if any(file.events for file in files):  # else what is empty is all there is to say
            files = [file for file in files if not file.is_empty]
        kept, purged = purge([(file.lowest_start, decoded[file.path]) for file in files])
        starts = [s for file in files for d in decoded[file.path] for _, s in d.session_starts]
        log = EventLog(
            series=by_tag(kept, self._tags.names),
            files=tuple(file.as_event_file() for file in files if file.was_read),
            damage=tuple(damage for file in files for damage in file.damage()),
            purged_points=purged,
            skipped_tags=self._tags.skipped_tags(),
            ignored=self._ignored(folder),
            compressed=tuple(name for path in folder.paths for name in compressed(path)),
            folders=tuple(str(path.relative_to(self._directory)) for path in folder.paths),
            void_from_step=min(starts) if starts and self._delivered else None,
        )
        self._delivered = self._delivered or bool(kept)
        return log

    def _find(self) -> EventFolder:
        """Look anew at every poll: a run may get its first own file, or a new folder, at any time."""
        try:
            return find_event_folder(self._directory)
        except SeveralRunsError as several:
            main = self._main.get(several.runs) or main_folder(self._directory, several.runs)
            if main is not None:
                self._main[several.runs] = main
                return folder_of([main], [f for f in (*several.runs, *several.others) if f != main])
            found = self._went_on.get(several.runs) or went_on(self._directory, several.runs)
            if found is None:
                raise
            if set(found.folders) == set(several.runs):
                self._went_on[several.runs] = found
            self._void_from = found.void_from
            return folder_of(found.folders, several.others)

    def _find_copies(self) -> dict[Path, str]:
        """Return the files that are copies of another one, with the name of that one.

        Raises:
            FileReplacedError: One that was taken for a copy no longer is.
        """
        copies: dict[Path, str] = {}
        begun: dict[float, list[FileTail]] = {}
        for file in sorted(self._files, key=lambda file: -file.size_bytes):
            if file.first_wall_time is None or file.events < 2:
                continue  # a first record alone holds no point that could count twice
            alike = begun.setdefault(file.first_wall_time, [])
            whole = next((other for other in alike if file.begins_like(other)), None)
            if whole is None:
                alike.append(file)
            else:
                copies[file.path] = whole.path.name
        if self._copies.keys() - copies.keys():
            raise FileReplacedError("a copy of an event file has become another one")
        return copies

    def _ignored(self, folder: EventFolder) -> dict[str, str]:
        copies = {path.name: f"it is a copy of {name}" for path, name in self._copies.items()}
        folders = dict.fromkeys((*folder.below, *folder.beside), BELOW)
        named = {f"{path.relative_to(self._directory)}/": why for path, why in folders.items()}
        unread = {name: why for path in folder.paths for name, why in left_out(path).items()}
        empty = {file.path.name: _EMPTY for file in self._files if file.is_empty}
        return {**unread, **empty, **copies, **named}

    def _read_files(self, folder: EventFolder) -> dict[Path, list[Decoded]]:
        """Read what is new in every file and put new files in their place.

        Raises:
            FileReplacedError: The delivered points cannot be continued: a file is gone or was replaced, or
                something turned up that belongs before them.
        """
        known = {file.path: file for file in self._files}
        paths = [path for each in folder.paths for path in event_files(each)]
        if not known.keys() <= set(paths):
            raise FileReplacedError("an event file is gone")
        files = [known.get(path) or FileTail(path, self._decoder) for path in paths]
        decoded = {file.path: file.read() for file in files}
        files = in_order(files)
        for each, step in self._void_from.items():
            next(file for file in files if file.path.parent == each).void_before_it(step)
        if self._delivered:
            if files[: len(known)] != self._files:
                raise FileReplacedError("an event file belongs before others that were read")
            if any(
                d.session_starts for file in files[: len(known) - 1] for d in decoded[file.path]
            ):
                raise FileReplacedError("a session started in an event file that is not the last")
        self._files = files
        return decoded


def join(logs: Sequence[EventLog]) -> EventLog:
    """Return consecutive polls of one tail as one log."""
    parts: dict[str, list[Series]] = {}
    purged = 0
    for log in logs:
        if log.restarted:
            parts, purged = {}, 0
        if log.void_from_step is not None:
            for tag, pieces in parts.items():
                kept = [piece.where(piece.steps < log.void_from_step) for piece in pieces]
                purged += sum(map(len, pieces)) - sum(map(len, kept))
                parts[tag] = kept
        purged += log.purged_points
        for tag, series in log.series.items():
            parts.setdefault(tag, []).append(series)
    joined = {tag: _concatenated(tag, pieces) for tag, pieces in parts.items()}
    last = logs[-1] if logs else EventLog(series={}, files=())
    return structs.replace(
        last,
        series={tag: series for tag, series in joined.items() if len(series)},
        purged_points=purged,
        void_from_step=None,
        restarted=False,
    )


def _concatenated(tag: str, pieces: list[Series]) -> Series:
    return Series(
        tag=tag,
        steps=np.concatenate([piece.steps for piece in pieces]),
        values=np.concatenate([piece.values for piece in pieces]),
        wall_times=np.concatenate([piece.wall_times for piece in pieces]),
    )
