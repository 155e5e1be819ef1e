"""The group directory: one preset, several seeds, each with a pipeline directory of its own."""

from __future__ import annotations

import os
import re
from pathlib import Path

from flows.errors import OutputError, UsageError
from flows.records.group_record import GROUP_FILE, GroupRecord, JointRecord, read_group, write_group
from flows.records.locked_folder import LockedFolder, lock_folder
from flows.records.pipeline_record import FILE_NAME, utc_now
from flows.settings.plan import StagePlan
from flows.settings.seeds import seeds_text

STOP_FILE = ".stop"
_JOINT = re.compile(r"joint-(\d{3,})")


def default_group_directory(preset: str, seeds: tuple[int, ...], stamp: str) -> Path:
    """Return `runs/<preset>-seeds0-4-<stamp>` below the current folder."""
    return Path("runs") / f"{preset}-seeds{seeds_text(seeds).replace(',', '_')}-{stamp}"[:120]


def seed_folder(group: Path, seed: int) -> Path:
    """Return the pipeline directory of one seed."""
    return group / f"seed-{seed}"


class GroupDirectory(LockedFolder):
    """A group directory that we alone write to while this object is open."""

    def __init__(self, path: Path, record: GroupRecord, lock: int) -> None:
        super().__init__(path, lock)
        self.record = record

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        preset: str,
        preset_source: str,
        seeds: tuple[int, ...],
        overrides: tuple[str, ...],
        stages_asked: tuple[str, ...],
    ) -> GroupDirectory:
        """Create the directory or go on in an existing one, and lock it.

        More seeds may be added to an existing group; none can be taken out of it.

        Raises:
            UsageError: It is in use, holds other seeds or another preset, or something that is not ours.
            OutputError: It cannot be created or written.
        """
        path = path.absolute()
        _refuse_foreign(path, preset=preset, seeds=seeds)
        try:
            path.mkdir(parents=True, exist_ok=True)
            lock = lock_folder(path)
        except OSError as error:
            raise OutputError.from_os_error("The group's folder", path, error) from error
        try:
            record = read_group(path) or GroupRecord(
                preset=preset, preset_source=preset_source, seeds=seeds, created_at=utc_now()
            )
            update = {
                "seeds": seeds,
                "overrides": overrides,
                "stages_asked": stages_asked or record.stages_asked,
            }
            group = cls(path, record.model_copy(update=update), lock)
            write_group(path, group.record)
        except BaseException:
            os.close(lock)
            raise
        return group

    @classmethod
    def view(cls, path: Path) -> GroupDirectory | None:
        """Return the directory for reading only, without its lock; None when it is none.

        Raises:
            UsageError: Its group.json cannot be understood.
        """
        record = read_group(path)
        return None if record is None else cls(path.absolute(), record, lock=-1)

    def seed_path(self, seed: int) -> Path:
        """Return the pipeline directory of one seed."""
        return seed_folder(self.path, seed)

    @property
    def stop_file(self) -> Path:
        """Exists while the trainings of all seeds are asked to stop."""
        return self.path / STOP_FILE

    def new_joint(self, stage: str) -> Path:
        """Create the folder of the next joint judgement of a stage.

        Raises:
            OutputError: It cannot be created.
        """
        folder = self.path / stage
        try:
            folder.mkdir(exist_ok=True)
            names = (_JOINT.fullmatch(path.name) for path in folder.iterdir())
            number = max((int(match.group(1)) for match in names if match), default=0) + 1
            joint = folder / f"joint-{number:03d}"
            joint.mkdir()
        except OSError as error:
            raise OutputError.from_os_error("A joint judgement", folder, error) from error
        return joint

    def joint_path(self, stage: str, joint: JointRecord) -> Path:
        """Return the folder of a recorded joint judgement."""
        return self.path / stage / joint.joint

    def save_joint(self, stage: StagePlan, joint: JointRecord) -> None:
        """Write a joint judgement to group.json.

        Raises:
            OutputError: It cannot be written.
        """
        record = self.record.with_joint(stage.name, joint, steps=stage.steps, gate=stage.gate)
        self.record = record
        write_group(self.path, record)


def _refuse_foreign(path: Path, *, preset: str, seeds: tuple[int, ...]) -> None:
    record = read_group(path)
    if record is None:
        if (path / FILE_NAME).is_file():
            raise UsageError(
                f"{path} holds a pipeline of one seed; choose another --out for several seeds."
            )
        if path.is_dir() and any(not entry.name.startswith(".") for entry in path.iterdir()):
            raise UsageError(
                f"{path} is not empty and holds no {GROUP_FILE}; choose an empty or new folder for "
                "--out."
            )
        return
    if record.preset != preset:
        raise UsageError(
            f"{path} holds seeds of preset {record.preset}, this is preset {preset}. Choose another "
            "--out."
        )
    gone = sorted(set(record.seeds) - set(seeds))
    if gone:
        raise UsageError(
            f"{path} holds seeds {seeds_text(record.seeds)}, and --seeds {seeds_text(seeds)} leaves out "
            f"{seeds_text(gone)}. A seed can be added, not taken out; choose another --out."
        )
