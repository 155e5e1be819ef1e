"""Checkpoints of other trainers: found in any folder, newest first, whole ones told from broken ones."""

from __future__ import annotations

import os
import sys
import zipfile
from pathlib import Path

import pytest

from flows.settings.trainers.command_trainer import TrainerCommand, TrainerSection
from flows.training.trainers.checkpoints import can_go_on, checkpoints_of, newest_whole

NAMES = ["lr=[1e-3] (b)", "*", "a?b", "[!x]", "{run}", "%s", "-rf", " ", "new\nline", "\udcff"]


def command(cwd: Path, pattern: str) -> TrainerCommand:
    section = TrainerSection(
        command=(sys.executable,), dialect="own", checkpoints=pattern, resume=("--go-on",)
    )
    return TrainerCommand(section=section, cwd=cwd, dialect="gonogo", known={})


def archive(path: Path, at: float) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("data", "x" * 1000)
    os.utime(path, (at, at))
    return path


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("pattern", ["{run}/c/*.zip", "c/agent-?.zip"])
def test_only_the_preset_writes_patterns(tmp_path: Path, name: str, pattern: str) -> None:
    folder = tmp_path / name
    found = archive(folder / "c" / "agent-1.zip", 1.0)
    archive(tmp_path / "axb" / "c" / "agent-2.zip", 9.0)
    trainer = command(folder, pattern)
    assert newest_whole(trainer, folder) == found


def test_the_newest_whole_one_is_taken(tmp_path: Path) -> None:
    whole = archive(tmp_path / "agent-2000.zip", 1.0)
    archive(tmp_path / "agent-900.zip", 1.0)  # of the same second, as after copying
    cut = archive(tmp_path / "agent-3000.zip", 3.0)
    cut.write_bytes(cut.read_bytes()[:-30])
    (tmp_path / "agent-4000.zip").touch()
    (tmp_path / "agent-5000.zip").mkdir()
    trainer = command(tmp_path, "*.zip")
    assert newest_whole(trainer, tmp_path) == whole
    broken = {path.name: why for path, why in checkpoints_of(trainer, tmp_path) if why}
    assert broken == {
        "agent-3000.zip": "is cut off",
        "agent-4000.zip": "is empty",
        "agent-5000.zip": "is empty",
    }


def test_what_is_no_archive_is_left_to_its_trainer(tmp_path: Path) -> None:
    (tmp_path / "agent.zip").write_text("2605")
    trainer = command(tmp_path, "*.zip")
    checkpoint = newest_whole(trainer, tmp_path)
    assert checkpoint is not None
    assert can_go_on(trainer, checkpoint)
    assert not can_go_on(trainer, None)
