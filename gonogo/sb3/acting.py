"""Noise on the actions of TD3 and DDPG: what the policy says when the environment is stepped."""

from __future__ import annotations

from typing import Any

from gonogo.evidence.exploration import Exploration
from gonogo.evidence.guard import Guard
from gonogo.evidence.replaced import Replaced


class Acting:
    """Looks at the policy's answers to the observations that are acted on."""

    def __init__(self, model: Any, guard: Guard) -> None:
        """Take the model and who guards what is attached to it."""
        self._model = model
        space = model.action_space
        self._exploration = Exploration(space.low, space.high)
        self._said: Any = None
        """What the policy said of the observation that is acted on; None where it was not asked."""
        self._replaced = Replaced(model.policy, "predict", guard.hook(self._asked))

    def detach(self) -> None:
        """Look no longer."""
        self._replaced.remove()

    def step(self, seen: dict[str, Any]) -> None:
        """Take down a step; `seen` are the local variables of the rollout."""
        self._exploration.step(seen["actions"], self._said)
        self._said = None

    def tags(self) -> dict[str, float]:
        """Describe the newest steps."""
        return self._exploration.tags()

    def _asked(self, result: tuple[Any, Any], observation: Any, *_: Any, **__: Any) -> None:
        """Keep the answer to the observation that is acted on; evaluations ask about others."""
        if observation is self._model._last_obs:
            self._said = result[0]
