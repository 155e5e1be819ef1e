"""Tells before a training whether its stage can be judged at all: a check needs a number of logged updates."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from gates.checks.gate_file import GateSpec
from gates.runs.schedule import update_schedule


class TooShort(Struct, frozen=True, kw_only=True):
    """Why a stage cannot judge a recipe, whatever the training brings."""

    steps: int
    updates: int
    """Critic updates by the end of the stage."""
    warmup: int
    """Critic updates before the first actor update."""
    rows: int
    """Logged updates by the end of the stage."""
    rows_needed: int
    steps_needed: int
    """Fewest steps of a stage that can judge the recipe."""

    @property
    def sentence(self) -> str:
        """What is wrong and how long a stage has to be."""
        made = f"{self.updates:,} critic updates are made by step {self.steps:,}"
        if self.warmup:
            made += f", the first {self.warmup:,} of them as warm-up"
        return (
            f"{made}; {self.rows} updates with the actor are logged and the gate needs {self.rows_needed}, "
            f"which takes {self.steps_needed:,} steps"
        )


def rows_needed(gate: GateSpec) -> int:
    """Return how many logged updates the required checks of a gate need."""
    counts = (
        check.min_points
        for check in gate.checks
        if check.required and not check.dry_run and check.of_updates
    )
    return max(counts, default=0)


def too_short(train: Mapping[str, object], steps: int, gate: GateSpec) -> TooShort | None:
    """Hold a stage's steps against what its gate needs; None when it can be judged, or nothing tells the schedule.

    Args:
        train: Resolved hyperparameters of our trainer.
        steps: Environment steps of the stage.
        gate: Gate of the stage.
    """
    schedule, needed = update_schedule(train), rows_needed(gate)
    if schedule is None or schedule.rows_by(steps) >= needed:
        return None
    return TooShort(
        steps=steps,
        updates=schedule.updates_by(steps),
        warmup=schedule.critic_warmup_updates,
        rows=schedule.rows_by(steps),
        rows_needed=needed,
        steps_needed=schedule.step_of_row(needed),
    )
