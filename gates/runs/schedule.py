"""When a configured recipe makes its updates, and which of them it logs."""

from __future__ import annotations

import math
from collections.abc import Mapping

from msgspec import Struct


class UpdateSchedule(Struct, frozen=True, kw_only=True):
    """Updates of our trainer by environment step; docs/run-directory.md describes the keys."""

    learning_starts: int
    train_freq: int
    gradient_steps: int
    policy_delay: int
    critic_warmup_updates: int
    num_envs: int
    log_every_updates: int

    def updates_by(self, step: int) -> int:
        """Critic updates that are made by a step."""
        rounds = max(0, step - self.learning_starts) // self.train_freq
        return rounds * self.gradient_steps

    def rows_by(self, step: int) -> int:
        """Logged updates by a step; only updates that also train the actor are logged."""
        beyond = self.updates_by(step) - self._first_actor_update
        return 0 if beyond < 0 else beyond // self._between_rows + 1

    def step_of_row(self, number: int) -> int:
        """First step by which so many updates are logged."""
        update = self._first_actor_update + (number - 1) * self._between_rows
        step = self.learning_starts + math.ceil(update / self.gradient_steps) * self.train_freq
        return math.ceil(step / self.num_envs) * self.num_envs

    @property
    def _first_actor_update(self) -> int:
        return (self.critic_warmup_updates // self.policy_delay + 1) * self.policy_delay

    @property
    def _between_rows(self) -> int:
        return math.ceil(self.log_every_updates / self.policy_delay) * self.policy_delay


def update_schedule(train: Mapping[str, object]) -> UpdateSchedule | None:
    """Read the schedule from a resolved configuration; None when a key is missing, as for other trainers."""
    names = UpdateSchedule.__struct_fields__
    values = {name: train.get(name) for name in names}
    numbers = {
        name: value
        for name, value in values.items()
        if isinstance(value, int) and not isinstance(value, bool)
        and value >= (0 if name in ("learning_starts", "critic_warmup_updates") else 1)
    }  # fmt: skip
    return UpdateSchedule(**numbers) if len(numbers) == len(names) else None
