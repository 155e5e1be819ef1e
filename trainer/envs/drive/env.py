"""Gymnasium faces of the embedded driving simulator: a vector environment and a single one.

Observation, a Dict:

* `camera`: `uint8[frame_stack, camera_size, camera_size]`, grey top views, oldest first;
* `vector`: `float32[53]`, kinematics and waypoints of the right lane, as
  `trainer.envs.driving.observation` describes them.

Action, `float32[2]` in [-1, 1]: steer (1 is full left), throttle or brake. Other vehicles appear
in the camera only.

Importing this module registers `gonogo/Drive-v0` with Gymnasium; the settings of `DriveConfig`
are its keyword arguments.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from trainer.envs.drive.config import STEP_S, DriveConfig
from trainer.envs.drive.simulation import DriveSimulation, Observation, StepOutcome
from trainer.envs.driving.spaces import action_space, observation_space

GYMNASIUM_ID = "gonogo/Drive-v0"
"""Name under which the environment is registered with Gymnasium."""


class DriveVectorEnv(VectorEnv[Observation, npt.NDArray[np.float32], npt.NDArray[Any]]):
    """Many driving environments stepped together, each reset in the step in which it ends.

    `infos` of a step holds `reward_components` (name to `float32[n]`), `driving` (a trace step),
    `collision`, `off_road` and `stalled` (`bool[n]`), all of the step just made. When an environment has ended it also
    holds `final_obs`, the observations before the reset, and `_final_obs`, which rows of them
    count; `final_info` and `_final_info` likewise.
    """

    metadata = {"autoreset_mode": AutoresetMode.SAME_STEP, "render_modes": []}  # noqa: RUF012

    def __init__(
        self, config: DriveConfig | None = None, *, num_envs: int = 1, **settings: Any
    ) -> None:
        self.config = config if config is not None else DriveConfig(**settings)
        self.num_envs = num_envs
        self.single_observation_space = observation_space(
            self.config.camera_size, self.config.frame_stack
        )
        self.single_action_space = action_space()
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self.simulation = DriveSimulation(self.config, num_envs)

    def reset(
        self,
        *,
        seed: int | Sequence[int] | None = None,
        options: dict[str, Any] | None = None,
    ) -> tuple[Observation, dict[str, Any]]:
        """Start new episodes everywhere.

        Args:
            seed: Environment `i` draws from a generator seeded with (seed, i); with a list, from
                (seed[i], 0). None continues with the generators as they are, random at first.
            options: Not used.
        """
        del options
        if isinstance(seed, (int, np.integer)):
            self.simulation.seed([(int(seed), i) for i in range(self.num_envs)])
        elif seed is not None:
            if len(seed) != self.num_envs:
                raise ValueError(f"{len(seed)} seeds were given for {self.num_envs} environments")
            self.simulation.seed([(int(s), 0) for s in seed])
        self.simulation.reset(range(self.num_envs))
        return self.simulation.observe(), {}

    def step(
        self, actions: npt.NDArray[np.float32]
    ) -> tuple[
        Observation,
        npt.NDArray[np.float32],
        npt.NDArray[np.bool_],
        npt.NDArray[np.bool_],
        dict[str, Any],
    ]:
        """Make one step everywhere; an action outside [-1, 1] is clipped."""
        simulation = self.simulation
        outcome = simulation.step(actions)
        infos: dict[str, Any] = {
            "reward_components": outcome.components,
            "driving": outcome.trace,
            **_causes(outcome),
        }
        observation = simulation.observe()
        ended = outcome.terminated | outcome.truncated
        if np.count_nonzero(ended):
            infos["final_info"] = dict(infos)
            infos["final_obs"] = observation
            infos["_final_info"] = infos["_final_obs"] = ended
            simulation.reset(np.flatnonzero(ended).tolist())
            observation = simulation.observe()
        return observation, outcome.reward, outcome.terminated, outcome.truncated, infos

    def get_state(self) -> dict[str, npt.NDArray[Any]]:
        """Return everything that later steps depend on, as plain arrays."""
        return self.simulation.get_state()

    def set_state(self, state: dict[str, npt.NDArray[Any]]) -> Observation:
        """Continue from `get_state()`; returns the observation that was current then.

        Raises:
            ValueError: The state is of another configuration or another number of environments.
        """
        self.simulation.set_state(state)
        return self.simulation.observe()


class DriveEnv(gymnasium.Env[Any, Any]):
    """One driving environment, the same as environment 0 of a `DriveVectorEnv` with that seed."""

    metadata = {"render_modes": ["rgb_array"], "render_fps": round(1 / STEP_S)}  # noqa: RUF012

    def __init__(
        self, config: DriveConfig | None = None, render_mode: str | None = None, **settings: Any
    ) -> None:
        self.config = config if config is not None else DriveConfig(**settings)
        self.render_mode = render_mode
        self.observation_space = observation_space(self.config.camera_size, self.config.frame_stack)
        self.action_space = action_space()
        self.simulation = DriveSimulation(self.config, 1)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Start a new episode; without a seed, the generator continues."""
        super().reset(seed=seed)
        del options
        if seed is not None:
            self.simulation.seed([(seed, 0)])
        self.simulation.reset([0])
        return self._observe(), {}

    def step(
        self, action: npt.NDArray[np.float32]
    ) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """Make one step; `info` holds the reward components and what ended the episode."""
        outcome = self.simulation.step(np.asarray(action, np.float32)[None])
        info: dict[str, Any] = {
            "reward_components": {name: float(v[0]) for name, v in outcome.components.items()},
            **{name: bool(v[0]) for name, v in _causes(outcome).items()},
        }
        return (
            self._observe(),
            float(outcome.reward[0]),
            bool(outcome.terminated[0]),
            bool(outcome.truncated[0]),
            info,
        )

    def render(self) -> npt.NDArray[np.uint8] | None:
        """Return the newest camera image in `rgb_array` mode, `uint8[size, size, 3]`."""
        if self.render_mode != "rgb_array" or not self.config.camera_size:
            return None
        image = self.simulation.observe()["camera"][0, -1]
        return np.repeat(image[:, :, None], 3, axis=2)

    def _observe(self) -> Observation:
        return {name: array[0] for name, array in self.simulation.observe().items()}


def _causes(outcome: StepOutcome) -> dict[str, npt.NDArray[np.bool_]]:
    return {
        "collision": outcome.collision,
        "off_road": outcome.off_road,
        "stalled": outcome.stalled,
    }


if GYMNASIUM_ID not in gymnasium.registry:
    gymnasium.register(
        GYMNASIUM_ID,
        entry_point="trainer.envs.drive.env:DriveEnv",
        vector_entry_point="trainer.envs.drive.env:DriveVectorEnv",
    )
