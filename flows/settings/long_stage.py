"""What ends or judges a long stage on its way: early stopping, interim gates, hopelessness; part of a stage file."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

from flows.settings.run_options import PlateauMode
from gates.runs.ended_early import PlateauRule

Count = Annotated[int, Field(ge=1, strict=True)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, defer_build=True)


class EarlyStopSettings(_Part):
    """A training whose evaluations stopped to improve: say so, or end it, so that its gate judges it as any other."""

    mode: PlateauMode = "warn"
    """`warn` says what ending would save, and how to end it; `stop` ends it. The plan asked for all steps."""
    steps: Count | None = None
    """Environment steps without an improvement of the best evaluation; unset: never said nor ended."""
    evaluations: Count = 4
    """Evaluations that these steps must hold at least."""
    window: Count = 3
    """Neighbouring evaluations whose mean counts as well: a better mean is an improvement, too."""
    min_delta: Annotated[float, Field(ge=0)] = 0.0
    """Return by which an evaluation must exceed the best one to be an improvement."""
    not_before: Annotated[int, Field(ge=0, strict=True)] = 0
    """Environment step before which nothing ends."""

    @property
    def rule(self) -> PlateauRule | None:
        """The rule that finds the plateau; None when early stopping is off."""
        if self.steps is None:
            return None
        return PlateauRule(
            steps=self.steps,
            evaluations=self.evaluations,
            window=self.window,
            min_delta=self.min_delta,
            not_before=self.not_before,
        )


class HopelessSettings(_Part):
    """A training that can no longer earn a GO is stopped, which is a NO_GO; off unless a key is set."""

    interim_no_go: Count | None = None
    """Interim gates in a row that a required check marked `live` must fail, the same one in all of them."""
    goal_return: float | None = None
    """Mean evaluation return below which a policy may not stand still."""
    goal_evaluations: Annotated[int, Field(ge=5, strict=True)] = 8
    """Evaluations in a row, all below the goal, that show whether it does."""
    goal_tolerance: Annotated[float, Field(ge=0, lt=1)] = 0.002
    """Share of what is missing to the goal up to which their returns count as the same."""


class LongStage(_Part):
    """What happens on the way to a stage's end, besides supervision."""

    early_stop: EarlyStopSettings = EarlyStopSettings()
    """Ending a training that no longer improves."""
    interim: tuple[Count, ...] = ()
    """Environment steps at which the stage's gate says what it would say; nothing stops or starts."""
    hopeless: HopelessSettings = HopelessSettings()
    """Stopping a training that can no longer earn a GO."""

    def with_plateau_mode(self, mode: PlateauMode | None) -> LongStage:
        """Return the same with another mode of early stopping; None changes nothing."""
        if mode is None:
            return self
        return self.model_copy(
            update={"early_stop": self.early_stop.model_copy(update={"mode": mode})}
        )

    @model_validator(mode="after")
    def _consistent(self) -> LongStage:
        if list(self.interim) != sorted(set(self.interim)):
            raise ValueError("interim: steps must rise, each once")
        needed = self.hopeless.interim_no_go
        if needed is not None and len(self.interim) < needed:
            raise ValueError(
                f"hopeless.interim_no_go: {needed} interim gates in a row are asked for, interim "
                f"names {len(self.interim)}"
            )
        return self
