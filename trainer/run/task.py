"""A task: a validated request with the environment and the algorithm that it names."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from trainer.config import Request
from trainer.envs.environment import EnvConfig, Environment, EnvSpec, OnActivity

if TYPE_CHECKING:
    from gymnasium.vector import VectorEnv

    from trainer.agents.agent import Agent


@dataclass(frozen=True, kw_only=True)
class Task:
    """Everything that a training needs to know before it starts."""

    request: Request
    environment: Environment[Any]
    env: EnvConfig
    """Settings of the environment."""
    spec: EnvSpec
    """The environment's observation and action."""
    agent: str
    """The algorithm's agent as `module:class`; importing it imports torch."""

    @property
    def code(self) -> tuple[str, ...]:
        """Modules and packages that, with what they import, decide what is learned."""
        return ("trainer.loop", self.agent.partition(":")[0], self.environment.package)

    def make_env(
        self, num_envs: int, seed: int, on_activity: OnActivity = lambda _: None
    ) -> VectorEnv[dict[str, Any], Any, Any]:
        """Make seeded environments that are stepped together.

        Raises:
            EnvironmentSetupError: They cannot be made.
        """
        return self.environment.make(self.env, num_envs, seed, on_activity)

    def make_agent(self, *, device: str | None = None) -> Agent:
        """Make an untrained agent, on another device than the configured one if `device` is given."""
        from trainer.observation import ObservationShape

        module, _, name = self.agent.partition(":")
        build: Callable[..., Agent] = getattr(importlib.import_module(module), name)
        config = self.request.train
        if device is not None:
            config = config.model_copy(update={"device": device})
        shape = ObservationShape(camera=self.spec.camera_shape, vector=self.spec.vector_dim)
        return build(config, shape, self.spec.action_dim)
