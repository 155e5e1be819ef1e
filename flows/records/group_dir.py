"""The group directory: one preset, several seeds, each with a pipeline directory of its own."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from flows.errors import UsageError
from flows.records.group_record import GroupRecord, StageJoints
from flows.records.json_file import utc_now
from flows.records.state_folder import StateFolder
from flows.records.stored_result import GROUP_FILE, PIPELINE_FILE
from flows.settings.seeds import seeds_text

if TYPE_CHECKING:
    from flows.settings.plan import PipelinePlan

STOP_FILE = ".stop"


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
        plan: PipelinePlan,
        *,
        seeds: tuple[int, ...],
        auto_seeds: bool = False,
        preset_source: str,
        stages_asked: tuple[str, ...] = (),
    ) -> GroupDirectory:
        """Create the directory or resume an existing one, and lock it.

        More seeds may be added to an existing group; none can be removed.

        Raises:
            UsageError: It is in use, or holds other seeds or another preset, or other files.
            OutputError: It cannot be created or written.
        """
        if (path / PIPELINE_FILE).is_file() and cls.read(path) is None:
            raise UsageError(
                f"{path} holds a pipeline of one seed; choose another --out for several seeds."
            )
        new = GroupRecord(
            preset=plan.preset,
            preset_source=preset_source,
            seeds=seeds,
            auto_seeds=auto_seeds,
            overrides=plan.overrides,
            stages_asked=stages_asked,
            created_at=utc_now(),
        )
        own = {"seeds": seeds, "auto_seeds": auto_seeds}
        return cls._opened(path, new, lambda known: new.taking_up(known).model_copy(update=own))

    @classmethod
    def why_not(cls, known: GroupRecord, new: GroupRecord) -> str:
        """Say what else the directory holds."""
        if known.preset != new.preset:
            return f"seeds of preset {known.preset}, this is preset {new.preset}. Choose another --out."
        gone = sorted(set(known.seeds) - set(new.seeds))
        if not gone:
            return ""
        return (
            f"seeds {seeds_text(known.seeds)}, and --seeds {seeds_text(new.seeds)} leaves out "
            f"{seeds_text(gone)}. A seed can be added, not removed; choose another --out."
        )

    def take_in(self, seeds: Iterable[int]) -> None:
        """Add seeds to the group, before the first of them trains."""
        every = tuple(sorted({*self.record.seeds, *seeds}))
        if every != self.record.seeds:
            self.save(self.record.model_copy(update={"seeds": every}))

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
