"""Gymnasium faces of driving in CARLA: a vector environment and a single one.

Observation and action are those of `trainer.envs.drive.env` with a camera of the same size, so that a
policy loads in both; here the camera looks ahead instead of down. Importing this module imports no
carla and connects to nothing: that happens in the first `reset`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from trainer.envs.carla.config import CarlaConfig, too_few_servers
from trainer.envs.carla.driving import CAUSES, CarlaDriving, Observation, StepOutcome
from trainer.envs.driving.reward import REWARD_COMPONENTS
from trainer.envs.driving.spaces import ACTION_DIM, action_space, observation_space
from trainer.envs.environment import OnActivity
from trainer.envs.errors import UnsupportedEnvironmentError

GYMNASIUM_ID = "gonogo/Carla-v0"
"""Name under which the environment is registered with Gymnasium."""


class CarlaVectorEnv(VectorEnv[Observation, npt.NDArray[np.float32], npt.NDArray[Any]]):
    """Vehicles in one simulator each, stepped together, each reset in the step in which it ends.

    `infos` of a step holds `reward_components` (name to `float32[n]`), `driving` (a trace step), each
    of `CAUSES`, `collision_other` (`bool[n]`) and `lane_invasions` (`int64[n]`), all of the step
    just made. When an environment has ended it also holds `final_obs`, the observations before the
    reset, and `_final_obs`, which rows of them count; `final_info` and `_final_info` likewise.

    The state of a simulator cannot be saved, so there is no `get_state`.
    """

    metadata = {"autoreset_mode": AutoresetMode.SAME_STEP, "render_modes": []}  # noqa: RUF012

    def __init__(
        self,
        config: CarlaConfig | None = None,
        *,
        num_envs: int = 1,
        report: OnActivity = lambda _: None,
        **settings: Any,
    ) -> None:
        """Prepare; nothing is connected to before the first `reset`.

        Raises:
            UnsupportedEnvironmentError: There are fewer servers than environments.
        """
        self.config = config if config is not None else CarlaConfig(**settings)
        problem = too_few_servers(self.config, num_envs)
        if problem:
            raise UnsupportedEnvironmentError(problem.text, key=problem.key)
        self.num_envs = num_envs
        size, frames = self.config.camera_size, self.config.frame_stack
        self.single_observation_space = observation_space(size, frames)
        self.single_action_space = action_space()
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self.drivings = [CarlaDriving(self.config, i, report) for i in range(num_envs)]
        self._threads = ThreadPoolExecutor(num_envs) if num_envs > 1 else None

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

        Raises:
            SimulatorLostError: A simulator does not answer.
            EnvironmentSetupError: A simulator cannot be used as configured.
        """
        del options
        self.seed(seed)
        # The client library holds Python's lock while it connects: one after another.
        for driving in self.drivings:
            driving.reset()
        return self._observe(), {}

    def seed(self, seed: int | Sequence[int] | None) -> None:
        """Seed what `reset` seeds, without starting anything."""
        if isinstance(seed, (int, np.integer)):
            for i, driving in enumerate(self.drivings):
                driving.seed((int(seed), i))
        elif seed is not None:
            if len(seed) != self.num_envs:
                raise ValueError(f"{len(seed)} seeds were given for {self.num_envs} environments")
            for driving, own in zip(self.drivings, seed, strict=True):
                driving.seed((int(own), 0))

    def step(
        self, actions: npt.NDArray[np.float32]
    ) -> tuple[
        Observation,
        npt.NDArray[np.float32],
        npt.NDArray[np.bool_],
        npt.NDArray[np.bool_],
        dict[str, Any],
    ]:
        """Make one step everywhere; an action outside [-1, 1] is clipped.

        Raises:
            SimulatorLostError: A simulator does not answer. Nothing of this step may be used.
        """
        outcomes = self._everywhere(lambda i: self.drivings[i].step(actions[i]))
        infos = _infos(outcomes)
        observation = self._observe()
        terminated = np.array([outcome.terminated for outcome in outcomes])
        truncated = np.array([outcome.truncated for outcome in outcomes])
        ended = terminated | truncated
        if ended.any():
            infos["final_info"] = dict(infos)
            infos["final_obs"] = observation
            infos["_final_info"] = infos["_final_obs"] = ended
            for i in np.flatnonzero(ended).tolist():
                self.drivings[i].reset()
            observation = self._observe()
        reward = np.array([outcome.reward for outcome in outcomes], np.float32)
        return observation, reward, terminated, truncated, infos

    def close_extras(self, **_kwargs: Any) -> None:
        """Give every simulator back, and end those that were started here."""
        for driving in self.drivings:
            driving.close()
        if self._threads is not None:
            self._threads.shutdown()

    def _everywhere(self, step: Callable[[int], StepOutcome]) -> list[StepOutcome]:
        """Call `step` for every environment; simulators tick at the same time."""
        if self._threads is None:
            return [step(i) for i in range(self.num_envs)]
        return list(self._threads.map(step, range(self.num_envs)))

    def _observe(self) -> Observation:
        parts = [driving.observe() for driving in self.drivings]
        if len(parts) == 1:
            return parts[0]
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def autopilot(env: VectorEnv[Any, Any, Any]) -> Callable[[Observation], npt.NDArray[np.float32]]:
    """Let CARLA's Traffic Manager drive in all episodes from now on; what is returned gives idle actions.

    Raises:
        UnsupportedEnvironmentError: No Traffic Manager runs in these environments.
    """
    assert isinstance(env, CarlaVectorEnv)
    if env.config.traffic != "traffic_manager" or not env.config.other_vehicles:
        raise UnsupportedEnvironmentError(
            "the driver by rules is CARLA's Traffic Manager, which does not run here; set it to traffic_manager",
            key="env.traffic",
        )
    for driving in env.drivings:
        driving.autopilot = True
    idle = np.zeros((env.num_envs, ACTION_DIM), np.float32)
    return lambda _: idle


class CarlaEnv(gymnasium.Env[Any, Any]):
    """One vehicle, the same as environment 0 of a `CarlaVectorEnv` with that seed."""

    metadata = {"render_modes": ["rgb_array"], "render_fps": 20}  # noqa: RUF012

    def __init__(
        self, config: CarlaConfig | None = None, render_mode: str | None = None, **settings: Any
    ) -> None:
        self.config = config if config is not None else CarlaConfig(**settings)
        self.render_mode = render_mode
        self.observation_space = observation_space(self.config.camera_size, self.config.frame_stack)
        self.action_space = action_space()
        self.driving = CarlaDriving(self.config, 0, lambda _: None)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Start a new episode; without a seed, the generator continues."""
        super().reset(seed=seed)
        del options
        if seed is not None:
            self.driving.seed((seed, 0))
        self.driving.reset()
        return self._observe(), {}

    def step(
        self, action: npt.NDArray[np.float32]
    ) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """Make one step; `info` holds the reward components and what ended the episode."""
        outcome = self.driving.step(np.asarray(action, np.float32))
        info: dict[str, Any] = {
            "reward_components": outcome.components,
            **outcome.causes,
            "lane_invasions": outcome.lane_invasions,
        }
        return self._observe(), outcome.reward, outcome.terminated, outcome.truncated, info

    def render(self) -> npt.NDArray[np.uint8] | None:
        """Return the newest camera image in `rgb_array` mode, `uint8[size, size, 3]`, grey."""
        if self.render_mode != "rgb_array" or not self.config.camera_size:
            return None
        return np.repeat(self._observe()["camera"][-1][:, :, None], 3, axis=2)

    def close(self) -> None:
        """Give the simulator back."""
        self.driving.close()

    def _observe(self) -> Observation:
        return {name: array[0] for name, array in self.driving.observe().items()}


def _infos(outcomes: Sequence[StepOutcome]) -> dict[str, Any]:
    return {
        "reward_components": {
            name: np.array([outcome.components[name] for outcome in outcomes], np.float32)
            for name in REWARD_COMPONENTS
        },
        **{cause: np.array([outcome.causes[cause] for outcome in outcomes]) for cause in CAUSES},
        "collision_other": np.array([outcome.collision_other for outcome in outcomes]),
        "lane_invasions": np.array([outcome.lane_invasions for outcome in outcomes], np.int64),
        "driving": np.concatenate([outcome.trace for outcome in outcomes]),
    }


if GYMNASIUM_ID not in gymnasium.registry:
    gymnasium.register(
        GYMNASIUM_ID,
        entry_point="trainer.envs.carla.env:CarlaEnv",
        vector_entry_point="trainer.envs.carla.env:CarlaVectorEnv",
    )
