"""Collects the trace of the episode that each environment is in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from trainer.driving.episode import DrivenEpisode, measure
from trainer.envs.driving.trace import TRACE, ending_of
from trainer.envs.environment import DrivingTask

_FIRST_STEPS = 256


class DriveRecorder:
    """Traces of the running episodes of parallel environments."""

    def __init__(self, num_envs: int, task: DrivingTask) -> None:
        self._task = task
        self._rows = np.arange(num_envs)
        self._steps = np.zeros(num_envs, np.intp)
        self._trace = np.zeros((num_envs, _FIRST_STEPS, len(TRACE)), np.float32)

    def add(self, infos: Mapping[str, Any]) -> None:
        """Record one step of every environment, from what its `step` returned as `infos`."""
        self._grow(int(self._steps.max(initial=0)) + 1)
        self._trace[self._rows, self._steps] = infos["driving"]
        self._steps += 1

    def end(self, index: int, steps: int, infos: Mapping[str, Any]) -> DrivenEpisode | None:
        """Measure the episode of an environment that has just ended, and begin the next one.

        None when not all of its `steps` were recorded.
        """
        recorded = int(self._steps[index])
        self._steps[index] = 0
        if recorded != steps:
            return None
        return measure(self._trace[index, :recorded], ending_of(infos, index), self._task)

    def restart(self) -> None:
        """Forget the running episodes."""
        self._steps[:] = 0

    def state_dict(self) -> dict[str, Any]:
        """Return what was recorded of the running episodes."""
        kept = zip(self._trace, self._steps, strict=True)
        return {"traces": [trace[:steps].tolist() for trace, steps in kept]}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue with what was recorded; episodes of which nothing was stay unmeasured."""
        self.restart()
        for index, trace in enumerate(state.get("traces", ())):
            self._grow(len(trace))
            self._trace[index, : len(trace)] = np.array(trace, np.float32).reshape(-1, len(TRACE))
            self._steps[index] = len(trace)

    def _grow(self, steps: int) -> None:
        while steps > self._trace.shape[1]:
            self._trace = np.concatenate([self._trace, np.zeros_like(self._trace)], axis=1)
