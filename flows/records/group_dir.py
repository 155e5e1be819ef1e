"""The group directory: one preset, several seeds, each with a pipeline directory of its own."""

from __future__ import annotations

from pathlib import Path

from flows.errors import UsageError
from flows.records.group_record import GroupRecord, StageJoints
from flows.records.state_folder import StateFolder
from flows.records.state_record import utc_now
from flows.records.stored_result import GROUP_FILE, PIPELINE_FILE
from flows.settings.seeds import seeds_text

STOP_FILE = ".stop"


def default_group_directory(preset: str, seeds: tuple[int, ...], stamp: str) -> Path:
    """Return `runs/<preset>-seeds0-4-<stamp>` below the current folder."""
    return Path("runs") / f"{preset}-seeds{seeds_text(seeds).replace(',', '_')}-{stamp}"[:120]


def seed_folder(group: Path, seed: int) -> Path:
    """Return the pipeline directory of one seed."""
    return group / f"seed-{seed}"


class GroupDirectory(StateFolder[GroupRecord]):
    """A group directory that we alone write to while this object is open."""

    file_name = GROUP_FILE
    state_type = GroupRecord
    stage_type = StageJoints
    entry_prefix = "joint-"

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
        """Create the directory or resume an existing one, and lock it.

        More seeds may be added to an existing group; none can be removed.

        Raises:
            UsageError: It is in use, or holds other seeds or another preset, or other files.
            OutputError: It cannot be created or written.
        """
        path = path.absolute()
        _refuse_foreign(path, preset=preset, seeds=seeds)

        def ours(known: GroupRecord | None) -> GroupRecord:
            record = known or GroupRecord(
                preset=preset, preset_source=preset_source, seeds=seeds, created_at=utc_now()
            )
            asked = stages_asked or record.stages_asked
            update = {"seeds": seeds, "overrides": overrides, "stages_asked": asked}
            return record.model_copy(update=update)

        return cls._locked(path, ours, create=True)

    def seed_path(self, seed: int) -> Path:
        """Return the pipeline directory of one seed."""
        return seed_folder(self.path, seed)

    @property
    def stop_file(self) -> Path:
        """Exists while the trainings of all seeds are asked to stop."""
        return self.path / STOP_FILE


def read_group(directory: Path) -> GroupRecord | None:
    """Read group.json; None when the folder is no group directory.

    Raises:
        UsageError: The file exists but cannot be understood.
    """
    return GroupDirectory.read(directory)


def _refuse_foreign(path: Path, *, preset: str, seeds: tuple[int, ...]) -> None:
    record = read_group(path)
    if record is None:
        if (path / PIPELINE_FILE).is_file():
            raise UsageError(
                f"{path} holds a pipeline of one seed; choose another --out for several seeds."
            )
        GroupDirectory.refuse_unknown_files(path)
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
            f"{seeds_text(gone)}. A seed can be added, not removed; choose another --out."
        )
