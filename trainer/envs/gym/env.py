"""Registered Gymnasium environments in the same form as the embedded ones.

Observations become `{"camera", "vector"}`, actions are rescaled from [-1, 1], and an environment
that ends is reset in the same step. `terminated` and `truncated` stay apart as they come.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt
from gymnasium import error, spaces
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from trainer.envs.errors import (
    MissingExtraError,
    UnknownEnvironmentError,
    UnsupportedEnvironmentError,
)
from trainer.envs.gym.config import GYM_PREFIX, GymConfig
from trainer.envs.gym.observation import ObservationAdapter
from trainer.mistakes import nearest

Observation = dict[str, npt.NDArray[Any]]

_HIGHWAY_NAMES = (
    "exit",
    "highway",
    "intersection",
    "lane-keeping",
    "merge",
    "parking",
    "racetrack",
    "roundabout",
    "two-way",
    "u-turn",
)


def make_env(config: GymConfig) -> gymnasium.Env[Any, Any]:
    """Return one environment as Gymnasium makes it.

    Raises:
        UnknownEnvironmentError: No environment of that name is registered.
        MissingExtraError: A package that it needs is not installed.
        UnsupportedEnvironmentError: It rejects `kwargs`, or TD3 cannot act in it.
    """
    name = config.id.removeprefix(GYM_PREFIX)
    _register_highway(name)
    limit = (
        {} if config.max_episode_steps is None else {"max_episode_steps": config.max_episode_steps}
    )
    try:
        env = gymnasium.make(name, disable_env_checker=True, **limit, **config.kwargs)
    except error.UnregisteredEnv:
        close = nearest(name, gymnasium.registry)
        raise UnknownEnvironmentError(
            f"{config.id!r} is not registered with Gymnasium",
            key="env.id",
            nearest=f"{GYM_PREFIX}{close}" if close else "",
        ) from None
    except (error.DependencyNotInstalled, ImportError) as problem:
        raise MissingExtraError(
            f"{config.id!r} needs a package that is not installed: {_advice(name, problem)}",
            key="env.id",
        ) from None
    except (error.Error, TypeError) as problem:
        raise UnsupportedEnvironmentError(
            f"{config.id!r} cannot be made with env.kwargs {config.kwargs}: {problem}",
            key="env.id",
        ) from None
    _check_action(config.id, env.action_space)
    return env


class GymVectorEnv(VectorEnv[Observation, npt.NDArray[np.float32], npt.NDArray[Any]]):
    """Copies of one registered environment, stepped one after another.

    `vector` is always there, with width 0 when the environment shows nothing but an image;
    `camera` is there for environments with an image. When an environment has ended, `infos`
    holds `final_obs`, the observations before the reset, and `_final_obs`, which of them count.
    """

    metadata = {"autoreset_mode": AutoresetMode.SAME_STEP, "render_modes": []}  # noqa: RUF012

    def __init__(self, config: GymConfig, *, num_envs: int = 1) -> None:
        self.config = config
        self.num_envs = num_envs
        self._envs = [make_env(config) for _ in range(num_envs)]
        try:
            self._adapter = ObservationAdapter(self._envs[0].observation_space, config.camera_size)
        except UnsupportedEnvironmentError as problem:
            raise UnsupportedEnvironmentError(f"{config.id!r} {problem}", key="env.id") from None
        box = self._envs[0].action_space
        assert isinstance(box, spaces.Box)
        self._action_shape, self._action_dtype = box.shape, box.dtype
        self._low = box.low.astype(np.float64).ravel()
        self._half_range = 0.5 * (box.high.astype(np.float64).ravel() - self._low)

        self.vector_dim = self._adapter.vector_dim
        self.action_dim = self._low.size
        self.camera_shape: tuple[int, int, int] | None = None
        parts: dict[str, spaces.Space[Any]] = {
            "vector": spaces.Box(-np.inf, np.inf, (self.vector_dim,), np.float32)
        }
        self._obs: Observation = {"vector": np.zeros((num_envs, self.vector_dim), np.float32)}
        if self._adapter.has_image:
            self.camera_shape = (config.frame_stack, config.camera_size, config.camera_size)
            parts["camera"] = spaces.Box(0, 255, self.camera_shape, np.uint8)
            self._obs["camera"] = np.zeros((num_envs, *self.camera_shape), np.uint8)
        self.single_observation_space = spaces.Dict(parts)
        self.single_action_space = spaces.Box(-1.0, 1.0, (self.action_dim,), np.float32)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)

    @property
    def max_episode_steps(self) -> int | None:
        """Time limit of an episode; None where the environment is registered without one."""
        spec = self._envs[0].spec
        return None if spec is None else spec.max_episode_steps

    def meaning(self) -> dict[str, object]:
        """Say how observations and actions of the registered environment become ours."""
        size = self.config.camera_size
        picture = {"camera": f"the image, grey, averaged to {size}x{size}; oldest first"}
        return {
            **(picture if self.camera_shape is not None else {}),
            "vector": "all other parts of the observation, flattened in the order of its space",
            "action": "low + (action + 1) / 2 (high - low), flattened, is what the environment takes",
            "low": self._low.tolist(),
            "high": (self._low + 2.0 * self._half_range).tolist(),
        }

    def reset(
        self,
        *,
        seed: int | Sequence[int] | None = None,
        options: dict[str, Any] | None = None,
    ) -> tuple[Observation, dict[str, Any]]:
        """Start new episodes everywhere.

        Args:
            seed: Environment `i` gets a seed drawn from (seed, i), so that two runs with
                neighbouring seeds share no episode; a list is passed on as it is. None continues
                with the environments' own generators.
            options: Passed on to each environment.
        """
        seeds: Sequence[int | None]
        if isinstance(seed, (int, np.integer)):
            seeds = [_derived_seed(int(seed), i) for i in range(self.num_envs)]
        else:
            seeds = [None] * self.num_envs if seed is None else seed
        if len(seeds) != self.num_envs:
            raise ValueError(f"{len(seeds)} seeds were given for {self.num_envs} environments")
        for i, env in enumerate(self._envs):
            observation, _ = env.reset(seed=seeds[i], options=options)
            self._begin(i, observation)
        self._refuse_black_images()
        return self._copy(), {}

    def step(
        self, actions: npt.NDArray[np.float32]
    ) -> tuple[
        Observation,
        npt.NDArray[np.float64],
        npt.NDArray[np.bool_],
        npt.NDArray[np.bool_],
        dict[str, Any],
    ]:
        """Make one step everywhere; an action outside [-1, 1] is clipped."""
        reward = np.zeros(self.num_envs)
        terminated = np.zeros(self.num_envs, np.bool_)
        truncated = np.zeros(self.num_envs, np.bool_)
        clipped = np.clip(np.asarray(actions, np.float64), -1.0, 1.0)
        scaled = self._low + (clipped + 1.0) * self._half_range
        if "camera" in self._obs:
            frames = self._obs["camera"]
            frames[:, :-1] = frames[:, 1:]
        for i, env in enumerate(self._envs):
            action = scaled[i].reshape(self._action_shape).astype(self._action_dtype)
            observation, reward[i], terminated[i], truncated[i], _ = env.step(action)
            self._write(i, observation)
        ended = terminated | truncated
        infos: dict[str, Any] = {"reward_components": {}}
        if ended.any():
            infos["final_obs"] = self._copy()
            infos["_final_obs"] = ended
            for i in np.flatnonzero(ended).tolist():
                observation, _ = self._envs[i].reset()
                self._begin(i, observation)
        return self._copy(), reward, terminated, truncated, infos

    def key_of(self, column: int) -> str:
        """Say which number of the observation stands in a column of `vector`."""
        return self._adapter.key_of(column)

    def close_extras(self, **_kwargs: Any) -> None:
        """Close every environment."""
        for env in self._envs:
            env.close()

    def _write(self, i: int, observation: Any) -> None:
        self._adapter.vector(observation, self._obs["vector"][i])
        if self._adapter.has_image:
            self._adapter.image(observation, self._obs["camera"][i, -1])

    def _begin(self, i: int, observation: Any) -> None:
        self._write(i, observation)
        if self._adapter.has_image:
            self._obs["camera"][i, :-1] = self._obs["camera"][i, -1]

    def _copy(self) -> Observation:
        return {name: array.copy() for name, array in self._obs.items()}

    def _refuse_black_images(self) -> None:
        """Refuse an environment whose images are all black; highway-env draws nothing without a warning.

        Raises:
            UnsupportedEnvironmentError: Every image is black.
        """
        if _is_highway(self.config.id) and "camera" in self._obs and not self._obs["camera"].any():
            raise UnsupportedEnvironmentError(
                f"{self.config.id!r} returns black images; unset SDL_VIDEODRIVER, which makes "
                "highway-env draw nothing",
                key="env.id",
            )


def _derived_seed(seed: int, index: int) -> int:
    return int(np.random.SeedSequence([seed, index]).generate_state(1)[0])


def _is_highway(name: str) -> bool:
    return name.removeprefix(GYM_PREFIX).startswith(_HIGHWAY_NAMES)


def _register_highway(name: str) -> None:
    """Import highway-env where `name` is one of its environments: that registers them."""
    if name in gymnasium.registry or not _is_highway(name):
        return
    try:
        importlib.import_module("highway_env")
    except ImportError:
        raise MissingExtraError(
            f"'{GYM_PREFIX}{name}' needs a package that is not installed: pip install highway-env",
            key="env.id",
        ) from None


def _advice(name: str, problem: Exception) -> str:
    spec = gymnasium.registry.get(name)
    entry = str(spec.entry_point) if spec is not None else ""
    for part, extra in (
        ("mujoco", "mujoco"),
        ("box2d", "box2d"),
        ("classic_control", "classic_control"),
    ):
        if f".{part}" in entry and "gymnasium-robotics" not in str(problem):
            return f"pip install 'gymnasium[{extra}]'"
    return str(problem).rstrip(".")


def _check_action(env_id: str, space: spaces.Space[Any]) -> None:
    if not isinstance(space, spaces.Box):
        raise UnsupportedEnvironmentError(
            f"{env_id!r} takes {space} as its action; TD3 needs a Box of real numbers", key="env.id"
        )
    if not space.is_bounded():
        raise UnsupportedEnvironmentError(
            f"{env_id!r} has an action without bounds ({space}); TD3 needs finite ones",
            key="env.id",
        )
