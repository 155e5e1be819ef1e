"""Noise on the actions of TD3 and DDPG: what the policy says while the environment is stepped."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gonogo.evidence.exploration import Exploration
from gonogo.evidence.guard import Guard
from gonogo.evidence.replaced import Replaced


class Acting:
    """Looks at the policy during rollouts only."""

    def __init__(self, model: Any, guard: Guard) -> None:
        """Take the model and who guards what is attached to it."""
        self._model, self._hook = model, guard.hook
        space = model.action_space
        self._exploration = Exploration(space.low, space.high)
        self._said: Any = None
        """What the policy said of the observation that is acted on; None where it was not asked."""
        self._replaced: Replaced | None = None

    def attach(self) -> None:
        """Look from now on; `step` must follow each step of the environment."""
        self._said = None
        look: Callable[..., None] = self._hook(self._asked)
        self._replaced = Replaced(self._model.policy, "predict", look)

    def detach(self) -> None:
        """Take off what was attached."""
        if self._replaced is not None:
            self._replaced.remove()
        self._replaced = None

    def step(self, seen: dict[str, Any]) -> None:
        """Take down a step; `seen` are the local variables of the rollout."""
        self._exploration.step(seen["actions"].reshape(len(seen["actions"]), -1), self._said)
        self._said = None

    def tags(self) -> dict[str, float]:
        """Describe the newest steps."""
        return self._exploration.tags()

    def _asked(self, result: tuple[Any, Any], observation: Any, *_: Any, **__: Any) -> None:
        """Keep the answer to the observation that is acted on; evaluations ask about others."""
        if observation is self._model._last_obs:
            self._said = result[0].reshape(len(result[0]), -1)
