"""Checkpoints of a trainer by command: files of its own, known by a pattern and told whole from broken."""

from __future__ import annotations

import glob
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

from flows.settings.trainers.command_trainer import TrainerCommand

_ZIP_BEGIN = b"PK\x03\x04"


def checkpoints_of(trainer: TrainerCommand, run: Path) -> Iterator[tuple[Path, str]]:
    """Yield the files of the preset's pattern, newest first, each with what is broken about it.

    Nothing of a checkpoint is ever loaded here. Of an archive, which those of PyTorch and Stable-Baselines3 are, it
    can be told all the same whether its end is there.
    """
    pattern = trainer.checkpoint_pattern(run)
    found = [Path(name) for name in glob.glob(pattern)] if pattern else []  # noqa: PTH207
    for path in sorted(found, key=_age, reverse=True):
        yield path, _broken(path)


def newest_whole(
    trainer: TrainerCommand, run: Path, *, left_out: frozenset[Path] = frozenset()
) -> Path | None:
    """Return the newest checkpoint that is whole and not among those to leave out; None without one."""
    found = checkpoints_of(trainer, run)
    return next((path for path, broken in found if not broken and path not in left_out), None)


def can_go_on(trainer: TrainerCommand, checkpoint: Path | None) -> bool:
    """Tell whether the preset's `resume` can be followed, with this checkpoint or by itself."""
    section = trainer.section
    return bool(section.resume) and (checkpoint is not None or not section.checkpoints)


def _age(path: Path) -> tuple[float, list[int]]:
    """Order by time; files of the same second, as after copying, by the numbers in their names."""
    numbers = [int(digits) for digits in re.findall(r"[0-9]+", path.name)]
    try:
        return path.stat().st_mtime, numbers
    except OSError:
        return 0.0, numbers


def _broken(path: Path) -> str:
    """Say what is broken about a checkpoint; empty where nothing is known to be."""
    try:
        if path.is_dir():
            return "" if any(path.iterdir()) else "is empty"
        with path.open("rb") as file:
            begin = file.read(len(_ZIP_BEGIN))
        if not begin:
            return "is empty"
        if begin == _ZIP_BEGIN and not zipfile.is_zipfile(path):
            return "is cut off"
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    return ""
