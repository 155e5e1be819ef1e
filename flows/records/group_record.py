"""group.json: which seeds belong together, and how each stage was judged over all of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field

from flows.records.state_record import Entry, StageEntries, StateRecord
from gates.findings import Verdict


class JointRecord(Entry):
    """One joint judgement of a stage."""

    joint: str
    """Folder below the stage's folder: `joint-001`."""
    verdict: Verdict
    judged_at: str
    seeds_needed: str
    """Rule of the gate: `all`, `4` or `0.8`."""
    runs: Mapping[int, str] = Field(default_factory=dict)
    """The run of each seed that was looked at, `run-002`; empty for one that has none."""

    @property
    def name(self) -> str:
        """Folder below the stage's folder."""
        return self.joint


class StageJoints(StageEntries[JointRecord]):
    """A stage with its joint judgements, oldest first."""

    joints: tuple[JointRecord, ...] = ()
    key: ClassVar[str] = "joints"


class GroupRecord(StateRecord[JointRecord, StageJoints]):
    """The content of group.json."""

    seeds: tuple[int, ...]
    auto_seeds: bool = False
    """Seeds are added until it is decided; `seeds` are those so far."""
