"""What pipeline.json and group.json have in common: stages, each with its judgements, oldest first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from flows.records.decisions import Decision
from gates.findings import Verdict


class Record(BaseModel):
    """Part of a state file."""

    # A newer gonogo may have written more keys; they are dropped, not refused. Not every directory that
    # is judged belongs to a pipeline, so the models are built when they are used.
    model_config = ConfigDict(extra="ignore", frozen=True, defer_build=True)


class WaitRecord(Record):
    """A pipeline that waits for a person's decision."""

    since: str
    until: str | None = None
    """When it stops waiting; None: never."""
    flow_run: str = ""
    """Id of the Prefect flow run; empty when none has to be resumed."""
    api_url: str = ""
    """Of the Prefect server that knows the flow run."""


class Entry(Record):
    """A judgement of a stage, or a training that is still to be judged."""

    deciding: str = ""
    """The one sentence that decided the verdict."""
    gate_sha256: str = ""
    """Hash of the rules that judged; empty before the verdict."""
    decision: Decision | None = None
    """What a person decided about a verdict that is not GO; the decision files are the original."""
    waits: WaitRecord | None = None
    """Set while a pipeline waits for that decision."""
    training_s: float | None = None
    """Duration of the training, of all seeds together in a joint judgement."""

    @property
    def may_go_on(self) -> bool:
        """True when the next stage may start."""
        return self.verdict is Verdict.GO or (self.decision is not None and self.decision.goes_on)

    if TYPE_CHECKING:

        @property
        def name(self) -> str:
            """Folder below the stage's folder: `run-001`, `joint-001`."""

        @property
        def verdict(self) -> Verdict | None:
            """What was decided; None before the judgement."""


E = TypeVar("E", bound=Entry)
AnyStage = TypeVar("AnyStage", bound="StageEntries[Any]")
AnyState = TypeVar("AnyState", bound="StateRecord[Any, Any]")


class StageEntries(Record, Generic[E]):
    """A stage with its judgements."""

    planned_steps: int
    gate: str

    key: ClassVar[str]
    """Field that holds the entries, oldest first."""

    @property
    def entries(self) -> tuple[E, ...]:
        """The judgements, oldest first."""
        return tuple(getattr(self, self.key))

    def with_entry(self: AnyStage, entry: Entry) -> AnyStage:
        """Return the stage with `entry` added, or in the place of the one with the same name."""
        entries = self.entries
        known = entry.name in {old.name for old in entries}
        replaced = tuple(entry if old.name == entry.name else old for old in entries)
        return self.model_copy(update={self.key: replaced if known else (*entries, entry)})


class StateRecord(Record, Generic[E, AnyStage]):
    """The content of a state file."""

    format: Literal[1] = 1
    preset: str
    preset_source: str
    """Name or absolute path, as `--preset` takes it."""
    overrides: tuple[str, ...] = ()
    """The current recipe's differences from the preset; a later `--set` adds to them."""
    stages_asked: tuple[str, ...] = ()
    """Names or absolute paths, as `--stages` takes them."""
    created_at: str
    stages: Mapping[str, AnyStage] = Field(default_factory=dict)

    def taking_up(self: AnyState, known: AnyState | None) -> AnyState:
        """Return a known state with our overrides and stages; ourselves if there is none."""
        if known is None:
            return self
        asked = self.stages_asked or known.stages_asked
        return known.model_copy(update={"overrides": self.overrides, "stages_asked": asked})

    def last(self, stage: str) -> E | None:
        """Return the newest entry of a stage."""
        record = self.stages.get(stage)
        return record.entries[-1] if record and record.entries else None

    def entry(self, stage: str, name: str) -> E | None:
        """Return the entry of a folder; None when it is unknown."""
        record = self.stages.get(stage)
        return next((e for e in record.entries if e.name == name), None) if record else None

    def with_stage(self: AnyState, name: str, stage: StageEntries[Any]) -> AnyState:
        """Return the record with a stage added or replaced."""
        return self.model_copy(update={"stages": {**self.stages, name: stage}})
