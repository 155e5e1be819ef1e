"""What an environment declares about itself: one `Environment` record in its own folder."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict

from trainer.mistakes import Mistake

if TYPE_CHECKING:
    from gymnasium.vector import VectorEnv

Activity = Literal["connecting", "loading_map"]
"""What an environment may be busy with for minutes: phases of the heartbeat."""
OnActivity = Callable[[Activity], None]


class EnvConfig(BaseModel):
    """Settings of an environment; each kind of environment adds its own."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    id: str
    """Name of the environment."""


@dataclass(frozen=True, kw_only=True)
class DrivingTask:
    """What the measures of a drive depend on."""

    step_s: float
    """Simulated time of one step."""
    target_speed_mps: float
    """Desired speed along the lane."""
    route_m: float
    """Length of the route that an episode is measured by."""


@dataclass(frozen=True, kw_only=True)
class EnvSpec:
    """What a network needs to know of an environment."""

    camera_shape: tuple[int, int, int] | None
    """(frames, height, width) of the `camera` part of the observation; None without a camera."""
    vector_dim: int
    """Length of the `vector` part of the observation; 0 without one."""
    action_dim: int
    """Length of the action; every entry lies in [-1, 1]."""
    max_episode_steps: int | None
    """Steps after which an episode is truncated; None: never."""
    reward_components: tuple[str, ...] = ()
    """Names of the parts of the reward that `infos["reward_components"]` holds."""
    meaning: Mapping[str, object] = field(default_factory=dict)
    """What `camera`, `vector` and `action` mean, for those who use a policy elsewhere."""
    driving: DrivingTask | None = None
    """Set where `infos["driving"]` holds trace steps (`trainer.envs.driving.trace`)."""
    exclusive: bool = False
    """Only one vector environment of this configuration may exist, because it owns a simulator: an
    evaluation uses the training's, whose running episodes it cuts off."""


Config = TypeVar("Config", bound=EnvConfig)


def _always_available(_config: EnvConfig, _num_envs: int) -> Mistake | None:
    return None


def _no_servers(_config: EnvConfig) -> tuple[str, ...]:
    return ()


def _no_conditions(_config: EnvConfig) -> Mapping[str, object]:
    return {}


def _no_names() -> Iterable[str]:
    return ()


@dataclass(frozen=True, kw_only=True)
class Environment(Generic[Config]):
    """One kind of environment; `trainer.envs.registry` lists them all.

    `make(config, num_envs, seed, on_activity)` returns environments that are stepped together and
    are seeded: the first `reset()` without a seed continues from there. Observations are
    dictionaries with `vector` (possibly of width 0) and, where there are images, `camera`; actions
    are `float32[num_envs, action_dim]` in [-1, 1]. An environment that ends is reset in the same
    step; `infos["final_obs"]` then holds the observations before the reset, a dictionary of arrays
    whose rows count where `terminated | truncated`. `infos["reward_components"]` is a dictionary of
    `float32[num_envs]`, empty without components. `on_activity` is called now and then while the
    environment waits for a simulator.

    `make` and `describe` raise `EnvironmentSetupError` if the environment cannot be made.
    """

    id: str
    """`env.id` in a preset. An id that ends in a colon stands for all ids that begin with it."""
    config: type[Config]
    describe: Callable[[Config], EnvSpec]
    make: Callable[[Config, int, int, OnActivity], VectorEnv[dict[str, Any], Any, Any]]
    why_unavailable: Callable[[Config, int], Mistake | None] = _always_available
    """Say why so many environments cannot be made on this machine, as far as that can be told
    without making one; None if nothing is known to prevent it."""
    servers: Callable[[Config], tuple[str, ...]] = _no_servers
    """Return `host:port` of each simulator that a training keeps to itself."""
    names: Callable[[], Iterable[str]] = _no_names
    """Return the ids that an id with a colon stands for, to suggest one for a typo."""
    conditions: Callable[[Config], Mapping[str, object]] = _no_conditions
    """Return the settings that say under what conditions is driven, by name: town, weather, vehicles."""
    rule_based: Callable[[VectorEnv[Any, Any, Any]], Callable[[Any], Any]] | None = None
    """Make a driver by rules for such environments, from observations to actions; None without one. It may take the
    environments over for good, and raise `EnvironmentSetupError` where it cannot drive in them."""
    packages: tuple[str, ...] = ()
    """Distributions whose versions a run records."""

    @property
    def package(self) -> str:
        """Dotted name of the folder that declares this environment."""
        return self.make.__module__.rpartition(".")[0]

    @property
    def shown_id(self) -> str:
        """The id as it is shown to people: `gym:<id>`."""
        return f"{self.id}<id>" if self.id.endswith(":") else self.id

    def answers_to(self, env_id: str) -> bool:
        """Tell whether `env_id` names this environment."""
        return env_id.startswith(self.id) if self.id.endswith(":") else env_id == self.id
