"""Finds what was stored below a folder: judged folders, run folders of our trainer, other event files."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from flows.errors import UsageError
from flows.records.stored_result import GATE_FILE, GROUP_FILE, PIPELINE_FILE, RUN_FILE
from flows.training.health.events import FOLDER as RESOURCES
from gates.events.folder import DISCARDED

_EVENTS = "events"
_NEVER_ENTERED = frozenset({"checkpoints", "plots"})
"""Large, and nothing that is judged lies below them."""


@dataclass(kw_only=True)
class StoredRuns:
    """What one walk through a folder found, each list in the order of the paths."""

    judged: list[Path] = field(default_factory=list)
    """Folders with a gate.json."""
    pipelines: list[Path] = field(default_factory=list)
    """Folders with a pipeline.json."""
    groups: list[Path] = field(default_factory=list)
    """Folders with a group.json: several seeds of one recipe."""
    runs: list[Path] = field(default_factory=list)
    """Run folders of our trainer, and folders with event files of other trainers."""
    unreadable: list[tuple[Path, str]] = field(default_factory=list)
    """Folders that cannot be listed, with the reason."""


def find_stored(root: Path) -> StoredRuns:
    """List what lies below `root` by names only; no file is opened, no symbolic link followed.

    Raises:
        UsageError: There is no such folder.
    """
    require_folder(root)
    found = StoredRuns()

    def note(error: OSError) -> None:
        found.unreadable.append((Path(error.filename), error.strerror or str(error)))

    for folder, subfolders, names in os.walk(root, onerror=note):
        here = Path(folder)
        own = RUN_FILE in names
        subfolders[:] = sorted(
            name
            for name in subfolders
            if not name.startswith(".")
            and name not in _NEVER_ENTERED
            and not (own and (name in (_EVENTS, RESOURCES) or name.startswith(DISCARDED)))
        )
        if GATE_FILE in names:
            found.judged.append(here)
        if PIPELINE_FILE in names:
            found.pipelines.append(here)
        if GROUP_FILE in names:
            found.groups.append(here)
        if own:
            found.runs.append(here)
        elif _has_event_files(names):
            found.runs.append(here.parent if here.name == _EVENTS and here != root else here)
    return found


def require_folder(path: Path) -> None:
    """Refuse what is no folder.

    Raises:
        UsageError: There is no such folder, or it is a file.
    """
    if not path.is_dir():
        kind = "a file, not a folder" if path.exists() else "no such folder"
        raise UsageError(f"{path}: {kind}. Name a folder that holds runs.")


def find_runs(roots: Iterable[Path]) -> Iterator[tuple[Path, Path]]:
    """Yield every run below some folders once, as (the folder it was found below, its own folder).

    Raises:
        UsageError: One of the folders does not exist.
    """
    seen: set[Path] = set()
    for root in roots:
        for run in find_stored(root).runs:
            resolved = run.resolve()
            if resolved not in seen:
                seen.add(resolved)
                yield root, run


def _has_event_files(names: Iterable[str]) -> bool:
    return any("tfevents" in name and not name.endswith(".profile-empty") for name in names)
