"""What the reports on several seeds need besides the joint judgement."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from gates.progress import EvaluationPoint, StageState
from gates.seeds.result import JointResult
from gates.series import EventLog
from reports.context import Command


@dataclass(frozen=True, kw_only=True)
class SeedShown:
    """What is shown of one seed besides its verdict."""

    report_path: str = ""
    """Path of its own report, relative to the joint report; empty when there is none."""
    evaluations: tuple[EvaluationPoint, ...] = ()
    log: EventLog | None = None
    """Its series; None when they cannot be read or are not to be drawn."""


@dataclass(frozen=True, kw_only=True)
class JointContext:
    """Everything that the report on the seeds of one stage shows."""

    title: str
    """`drive, seeds 0-4, 50k, joint-001`."""
    generated_at: str
    """UTC time in ISO 8601 at which the report was made."""
    result: JointResult
    shown: Mapping[int, SeedShown] = field(default_factory=dict)
    """By seed."""
    next_commands: tuple[Command, ...] = ()
    decision: str = ""
    """What a person decided, one line: `CONDITIONAL, approved by Ada: known spike`; unescaped."""
    json_twin: str = "joint.json"


@dataclass(frozen=True, kw_only=True)
class GroupStage:
    """One stage as the report on all seeds shows it."""

    name: str
    planned_steps: int
    state: StageState
    result: JointResult | None = None
    """None when the seeds were not judged together yet."""
    decision: str = ""
    """As in `JointContext`."""
    report_path: str | None = None
    """Path of the joint report, relative to the group's report."""
    training_s: float | None = None
    """Of all seeds together."""
    message: str = ""


@dataclass(frozen=True, kw_only=True)
class GroupContext:
    """Everything that the report on all stages of several seeds shows."""

    title: str
    """`drive, seeds 0-4`."""
    generated_at: str
    stages: tuple[GroupStage, ...]
    """In the order in which they run."""
    newest: JointContext | None = None
    """The newest joint judgement; paths in it are relative to the group's report."""
    next_commands: tuple[Command, ...] = ()
    git_revision: str | None = None
    versions: Mapping[str, str] = field(default_factory=dict)
