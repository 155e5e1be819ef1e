"""Finds the event files of one run; several runs below one directory are never mixed."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gates.errors import InputError

_MARK = "tfevents"
RESOURCES = ".gonogo-resources"
"""End of the name of an event file that holds what a supervisor measured, which is nothing that a trainer logged."""
_SEARCH_LIMIT = 20_000
"""Directories that are looked into; a larger tree is not a run."""
_NAMED = 8


class NoEventFilesError(InputError):
    """There are no event files yet; while a run starts that is no mistake."""


@dataclass(frozen=True, kw_only=True)
class EventFolder:
    """The one directory whose event files are a run."""

    path: Path
    ignored: tuple[str, ...]
    """Other directories below the one that was given that hold event files."""


def find_event_folder(directory: Path) -> EventFolder:
    """Return the directory that holds the event files of the run in `directory`.

    That is `directory/events` (a run directory) or `directory` itself, else the only directory
    below it that has event files. In a run directory, one with a run.json and `events/`, that is
    looked for below `events/` alone: what lies beside it was discarded. Symbolic links to directories
    are not followed.

    Raises:
        NoEventFilesError: The directory is missing or holds no event files.
        InputError: It is a file, cannot be read, or holds the event files of several runs.
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
    folders = list(_folders_with_event_files(directory))
    events = directory / "events"
    if directory in folders and events in folders:
        raise InputError(
            f"{directory} holds event files both directly and in events/; give the one to be judged"
        )
    preferred = [folder for folder in folders if folder in (directory, events)]
    if (directory / "run.json").is_file() and events.is_dir():
        folders = [f for f in folders if f in (directory, events) or events in f.parents]
    chosen = preferred or folders
    if not chosen:
        raise NoEventFilesError(
            f"{directory} holds no event files (names with `{_MARK}`), also not in its sub-directories"
        )
    if len(chosen) > 1:
        raise InputError(
            f"{directory} holds the event files of {len(chosen)} runs; give one of them: "
            f"{_listed(directory, chosen)}"
        )
    others = tuple(str(folder.relative_to(directory)) for folder in folders if folder != chosen[0])
    return EventFolder(path=chosen[0], ignored=others)


def event_files(folder: Path) -> list[Path]:
    """Return whatever is named like an event file in `folder`, in the order of the names."""
    try:
        with os.scandir(folder) as entries:
            names = [e.name for e in entries if _is_named_so(e.name) and not e.is_dir()]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise InputError(f"{folder} cannot be read: {error.strerror}") from None
    return [folder / name for name in sorted(names)]


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
        if any(map(_is_named_so, names)):
            yield Path(folder)


def _is_named_so(name: str) -> bool:
    """Tell a trainer's event file by its name; TensorBoard's profiler leaves empty marker files."""
    return _MARK in name and not name.endswith((".profile-empty", RESOURCES))


def _listed(directory: Path, folders: list[Path]) -> str:
    names = [str(folder.relative_to(directory)) for folder in folders[:_NAMED]]
    more = len(folders) - len(names)
    return ", ".join(names) + (f" and {more} more" if more else "")
