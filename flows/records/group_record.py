"""group.json: which seeds belong together, and how each stage was judged over all of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from flows.records.decisions import Decision
from flows.records.pipeline_record import WaitRecord
from flows.records.state_file import read_state, write_state
from gates.findings import Verdict

GROUP_FILE = "group.json"


class _Record(BaseModel):
    # A newer gonogo may have written more keys; they are dropped, not refused.
    model_config = ConfigDict(extra="ignore", frozen=True)


class JointRecord(_Record):
    """One joint judgement of a stage."""

    joint: str
    """Folder below the stage's folder: `joint-001`."""
    verdict: Verdict
    deciding: str
    judged_at: str
    seeds_needed: str
    """Rule of the gate: `all`, `4` or `0.8`."""
    gate_sha256: str = ""
    runs: Mapping[int, str] = Field(default_factory=dict)
    """The run of each seed that was looked at, `run-002`; empty for one that has none."""
    decision: Decision | None = None
    """What a person decided about a verdict that is not GO."""
    waits: WaitRecord | None = None
    """Set while a group waits for a person's decision about this judgement."""
    training_s: float | None = None
    """Time of the trainings of all seeds together."""

    @property
    def may_go_on(self) -> bool:
        """True when the next stage may start."""
        return self.verdict is Verdict.GO or (self.decision is not None and self.decision.goes_on)


class StageJoints(_Record):
    """A stage with its joint judgements, oldest first."""

    planned_steps: int
    gate: str
    joints: tuple[JointRecord, ...] = ()


class GroupRecord(_Record):
    """The content of group.json."""

    format: Literal[1] = 1
    preset: str
    preset_source: str
    """Name or absolute path, as `--preset` takes it."""
    seeds: tuple[int, ...]
    overrides: tuple[str, ...] = ()
    stages_asked: tuple[str, ...] = ()
    """Names or absolute paths, as `--stages` takes them."""
    created_at: str
    stages: Mapping[str, StageJoints] = Field(default_factory=dict)

    def last_joint(self, stage: str) -> JointRecord | None:
        """Return the newest joint judgement of a stage."""
        record = self.stages.get(stage)
        return record.joints[-1] if record and record.joints else None

    def with_joint(self, stage: str, joint: JointRecord, *, steps: int, gate: str) -> GroupRecord:
        """Return a record in which `joint` is added, or replaces the one of the same name."""
        old = self.stages.get(stage)
        joints = tuple(j for j in old.joints if j.joint != joint.joint) if old else ()
        new = StageJoints(planned_steps=steps, gate=gate, joints=(*joints, joint))
        return self.model_copy(update={"stages": {**self.stages, stage: new}})


def read_group(directory: Path) -> GroupRecord | None:
    """Read group.json; None when the folder is no group directory.

    Raises:
        UsageError: The file is there but cannot be understood.
    """
    try:
        return read_state(directory / GROUP_FILE, GroupRecord)
    except NotADirectoryError:
        return None


def write_group(directory: Path, record: GroupRecord) -> None:
    """Write group.json whole or not at all.

    Raises:
        OutputError: The folder cannot be written or the disk is full.
    """
    write_state(directory / GROUP_FILE, record, "The group's state")
