"""Finds the event files of one run, and names whatever else looks like one; runs are never mixed."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from msgspec import Struct

from gates.errors import InputError

_MARK = "tfevents"
RESOURCES = ".gonogo-resources"
"""End of the name of an event file that holds what a supervisor measured, which is nothing that a trainer logged."""
_COMPRESSED = (".gz", ".bz2", ".xz", ".zst", ".zip")
_LEFT_OUT = {
    _COMPRESSED: "it is compressed; unpack it to have it read",
    (".profile-empty", RESOURCES): "",
}
"""Ends of names that only look like event files, and why they are not read; empty: no need to say so."""
DISCARDED = "attempt-"
"""Beginning of the names of a run directory's folders with what was logged by attempts that were given up."""
_HIDDEN = "it is hidden, as the unfinished copy of an interrupted transfer is"
_SEARCH_LIMIT = 20_000
"""Directories that are looked into; a larger tree is not a run."""
_NAMED = 8


class NoEventFilesError(InputError):
    """There are no event files yet; while a run starts that is no mistake."""


class SeveralRunsError(InputError):
    """Several directories hold event files, none below another one."""

    def __init__(self, text: str, *, runs: tuple[Path, ...], others: tuple[Path, ...]) -> None:
        super().__init__(text)
        self.runs = runs
        self.others = others
        """Directories with event files of their own below one of those, or beside them."""


class EventFolder(Struct, frozen=True, kw_only=True):
    """The directory whose event files are a run."""

    path: Path
    below: tuple[Path, ...]
    """Directories below it with event files of their own, as `add_scalars` and `add_hparams` make them."""
    beside: tuple[Path, ...] = ()
    """Other directories with event files in the one that was given."""
    went_on: tuple[Path, ...] = ()
    """Directories in which the same run went on, in their order."""

    @property
    def paths(self) -> tuple[Path, ...]:
        """All directories of the run."""
        return (self.path, *self.went_on)


def find_event_folder(directory: Path) -> EventFolder:
    """Return the directory that holds the event files of the run in `directory`.

    That is `directory/events` (a run directory) or `directory` itself, else the only directory below it
    that has event files, apart from its own sub-directories. In a run directory, one with a run.json and
    `events/`, it is looked for below `events/` first, and never in what was discarded. Symbolic links to
    directories are followed where there are no event files otherwise.

    Raises:
        NoEventFilesError: The directory is missing or holds no event files.
        SeveralRunsError: It holds the event files of several runs, or of one that went on in a new directory.
        InputError: It is a file or cannot be read.
    """
    try:
        if not stat.S_ISDIR(directory.stat().st_mode):
            raise InputError(
                f"{directory} is a file; give the directory that holds the event files of the run"
            )
    except FileNotFoundError:
        raise NoEventFilesError(f"{directory} does not exist") from None
    except OSError as error:
        raise InputError(f"{directory} cannot be read: {error.strerror}") from None
    folders = logged_in(directory)
    events = directory / "events"
    if directory in folders and events in folders:
        raise InputError(
            f"{directory} holds event files both directly and in events/; give the one to be judged"
        )
    preferred = [folder for folder in folders if folder in (directory, events)]
    if (directory / "run.json").is_file() and events.is_dir():
        inside = [f for f in folders if f in (directory, events) or events in f.parents]
        folders = inside or folders
    chosen = preferred or folders
    if not chosen:
        packed = [*compressed(directory), *compressed(events)]
        raise NoEventFilesError(
            f"{directory} holds event files in compressed form alone ({packed[0]}); unpack them"
            if packed
            else f"{directory} holds no event files (names with `{_MARK}`), also not in its sub-directories"
        )
    runs = [folder for folder in chosen if not any(other in folder.parents for other in chosen)]
    if len(runs) > 1:
        raise SeveralRunsError(
            f"{directory} holds the event files of {len(runs)} runs; give one of them: "
            f"{_listed(directory, runs)}",
            runs=tuple(runs),
            others=tuple(folder for folder in folders if folder not in runs),
        )
    return folder_of(runs, [folder for folder in folders if folder not in runs])


def logged_in(directory: Path) -> list[Path]:
    """Return the directories with event files, those behind symbolic links where there are none otherwise.

    What a run directory holds of attempts that were given up is left out.

    Raises:
        InputError: It cannot be read or is too large.
    """
    is_run = (directory / "run.json").is_file() and (directory / "events").is_dir()

    def counts(folder: Path) -> bool:
        return not (is_run and f"{folder.relative_to(directory)}".startswith(DISCARDED))

    found = list(filter(counts, _folders_with_event_files(directory)))
    return found or list(_behind_links(directory, counts))


def folder_of(runs: Sequence[Path], others: Sequence[Path]) -> EventFolder:
    """Return the directories of one run, told from others with event files of their own."""
    below = [folder for folder in others if any(run in folder.parents for run in runs)]
    return EventFolder(
        path=runs[0],
        went_on=tuple(runs[1:]),
        below=tuple(below),
        beside=tuple(folder for folder in others if folder not in below),
    )


def event_files(folder: Path) -> list[Path]:
    """Return the event files in `folder`, in the order of their names."""
    return [folder / name for name in _names(folder) if why_left_out(name) is None]


def left_out(folder: Path) -> dict[str, str]:
    """Return the names in `folder` that only look like event files, with the reason for not reading them."""
    reasons = {name: why_left_out(name) for name in _names(folder)}
    return {name: reason for name, reason in reasons.items() if reason}


def compressed(folder: Path) -> list[str]:
    """Return the event files in `folder` that are there in compressed form alone."""
    names = _names(folder)
    return [
        name
        for name in names
        if name.endswith(_COMPRESSED)
        and not name.startswith(".")
        and name.rpartition(".")[0] not in names
    ]


def why_left_out(name: str) -> str | None:
    """Return why a file is not read whose name holds `tfevents`; None for an event file."""
    if name.startswith("."):
        return _HIDDEN
    return next((why for ends, why in _LEFT_OUT.items() if name.endswith(ends)), None)


def _names(folder: Path) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            return sorted(e.name for e in entries if _MARK in e.name and not e.is_dir())
    except FileNotFoundError:
        return []
    except OSError as error:
        raise InputError(f"{folder} cannot be read: {error.strerror}") from None


def _folders_with_event_files(directory: Path) -> Iterator[Path]:
    def refuse(error: OSError) -> None:
        if Path(error.filename) == directory:
            raise InputError(f"{directory} cannot be read: {error.strerror}")

    walk = os.walk(directory, onerror=refuse)
    for count, (folder, subfolders, names) in enumerate(walk):
        if count >= _SEARCH_LIMIT:
            raise InputError(
                f"{directory} holds more than {_SEARCH_LIMIT:,} directories; give the run's own directory"
            )
        subfolders.sort()
        if any(_MARK in name and why_left_out(name) is None for name in names):
            yield Path(folder)


def _behind_links(directory: Path, counts: Callable[[Path], bool]) -> Iterator[Path]:
    """Yield the directories with event files behind symbolic links, each place once; none of a tree too large."""
    seen = {directory.resolve()}
    found: list[Path] = []
    places = [directory]
    for place in places:
        for count, (folder, subfolders, names) in enumerate(os.walk(place)):
            if count >= _SEARCH_LIMIT:
                return
            if place is not directory and any(
                _MARK in name and why_left_out(name) is None for name in names
            ):
                found.append(Path(folder))
            below = (Path(folder, name) for name in subfolders)
            new = {path.resolve(): path for path in below if path.is_symlink() and counts(path)}
            places += [path for target, path in new.items() if not _covered(target, seen)]
            seen |= new.keys()
    yield from sorted(found)


def _covered(target: Path, seen: set[Path]) -> bool:
    """Tell whether a place lies in one that is searched, or is around it."""
    return any(target == s or s in target.parents or target in s.parents for s in seen)


def _listed(directory: Path, folders: list[Path]) -> str:
    names = [str(folder.relative_to(directory)) for folder in folders[:_NAMED]]
    more = len(folders) - len(names)
    return ", ".join(names) + (f" and {more} more" if more else "")
