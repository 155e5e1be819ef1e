"""Settings of the CARLA environment and of its simulator."""

from __future__ import annotations

import itertools
import string
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from trainer.envs.driving.reward import RewardConfig
from trainer.envs.environment import EnvConfig
from trainer.mistakes import Mistake

SCENARIO_VEHICLES = {0: 20, 1: 50, 2: 100}
"""Other vehicles of each scenario."""
PLACEHOLDERS = ("port", "python")
"""What may be written in braces in `server.command`."""
PORTS_PER_SERVER = 3
"""A server takes its port and the next two."""

Seconds = Annotated[float, Field(gt=0)]
Port = Annotated[int, Field(ge=0, le=65_533)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class CarlaServerConfig(_Part):
    """Where the simulator runs, or how it is started."""

    host: str = Field(default="localhost", min_length=1)
    """Machine that the simulator runs on; a started one always runs on this machine."""
    ports: tuple[Port, ...] = Field(default=(2000,), min_length=1)
    """Port of each server; one server carries one environment. 0: any free port, only when started."""
    start: Literal["connect", "command", "container"] = "connect"
    """`connect`: it runs already; `command`: start `command`; `container`: start `image`."""
    command: tuple[str, ...] = ()
    """Program and arguments, without a shell. `{port}` is the port, `{python}` this interpreter."""
    image: str = "carlasim/carla:0.9.16"
    """Container image, started with `docker run`."""
    gpus: str = Field(default="all", pattern=r"^[\w=,:\"-]+$")
    """Value of docker's option `--gpus`."""
    ready_timeout_s: Seconds = 120.0
    """Longest wait until the simulator answers, no matter who starts it."""
    call_timeout_s: Seconds = 30.0
    """Time after which an unanswered call means that the simulator is lost."""
    map_load_timeout_s: Seconds = 300.0
    """The same while a map is loaded. Never below the real load time: the client would be unusable."""
    camera_timeout_s: Seconds = 3.0
    """Longest wait for a camera image; then the simulation makes a tick and the next image is taken."""
    restart_every_episodes: int = Field(default=0, ge=0)
    """Episodes after which a started server is replaced, against its memory growth; 0: never."""

    @field_validator("command")
    @classmethod
    def _check_placeholders(cls, command: tuple[str, ...]) -> tuple[str, ...]:
        for part in command:
            try:
                fields = [(name, spec) for _, name, spec, _ in string.Formatter().parse(part)]
            except ValueError as error:
                raise ValueError(f"{part!r}: {error}; write {{{{ and }}}} for braces") from None
            for name, spec in fields:
                if name is not None and (name not in PLACEHOLDERS or spec):
                    known = ", ".join(f"{{{known}}}" for known in PLACEHOLDERS)
                    raise ValueError(f"{part!r}: {{{name}}} is unknown; there are {known}")
        return command

    @model_validator(mode="after")
    def _check_together(self) -> CarlaServerConfig:
        if (self.start == "command") != bool(self.command):
            raise ValueError("command and start: command need each other")
        if self.start == "command" and not any("{port}" in part for part in self.command):
            raise ValueError("command: one argument must hold {port}")
        if self.start == "connect":
            if 0 in self.ports:
                raise ValueError("ports: 0 (any free port) needs a server that is started here")
            if self.restart_every_episodes:
                raise ValueError("restart_every_episodes needs a server that is started here")
        elif self.host not in ("localhost", "127.0.0.1"):
            raise ValueError(f"host: a server that is started here cannot run on {self.host}")
        fixed = sorted(port for port in self.ports if port)
        if any(b - a < PORTS_PER_SERVER for a, b in itertools.pairwise(fixed)):
            raise ValueError("ports: each server also takes the next two, leave 3 between them")
        return self


class CarlaCameraConfig(_Part):
    """The camera on the vehicle."""

    x_m: float = Field(default=1.5, ge=-10, le=10)
    """Place ahead of the vehicle's centre, in m."""
    z_m: float = Field(default=2.4, ge=0, le=50)
    """Height above the ground, in m."""
    pitch_deg: float = Field(default=-10.0, ge=-90, le=90)
    """Downward below 0; -90 looks straight down."""
    fov_deg: float = Field(default=90.0, gt=0, lt=180)
    """Horizontal field of view."""


class CarlaConfig(EnvConfig):
    """Driving in CARLA 0.9.16 with the observation, action and reward of `drive`."""

    id: Literal["carla"] = "carla"
    """Name of the environment."""
    server: CarlaServerConfig = CarlaServerConfig()
    """Where the simulator runs, or how it is started."""
    town: str = Field(default="Town01", pattern=r"^\w+$")
    """Map; it is loaded when the server shows another one."""
    scenario: Literal[0, 1, 2] = 0
    """Amount of traffic: 20, 50 or 100 other vehicles."""
    vehicles: int | None = Field(default=None, ge=0, le=200)
    """Other vehicles, in place of the scenario's number."""
    traffic: Literal["traffic_manager", "none"] = "traffic_manager"
    """Who drives the other vehicles: CARLA's Traffic Manager, or nobody on our side.

    The Traffic Manager can dead-lock or end the whole process (carla issue 9172); the supervisor
    then restarts the trainer. With `none` the others stand still on a real server; the stand-in
    drives them itself."""
    traffic_manager_port: Port = 0
    """First port of the Traffic Managers, one for each server; 0: any free ones."""
    ego: str = Field(default="vehicle.tesla.model3", pattern=r"^vehicle\.[\w.]+$")
    """Blueprint of the controlled vehicle."""
    weather: tuple[str, ...] = Field(default=("ClearNoon",), min_length=1)
    """Names of CARLA's weather presets; each episode draws one."""
    tick_s: float = Field(default=0.05, gt=0, le=0.1)
    """Simulated time of one tick; 0.05 s is 20 Hz."""
    ticks_per_step: int = Field(default=1, ge=1, le=20)
    """Ticks per environment step; 2 gives the 0.1 s of `drive`."""
    steer_share: float = Field(default=0.5, gt=0, le=1)
    """Share of the vehicle's steering range that the action 1 means."""
    brake_share: float = Field(default=0.5, gt=0, le=1)
    """Share of the brake that the action -1 means. Half of it slows down about as much as the
    throttle speeds up, as in `drive`, so that random actions do not end in standing still."""
    camera_size: int = Field(default=84, ge=0, le=512)
    """Height and width of the camera image in pixels; 0 leaves the camera out."""
    camera: CarlaCameraConfig = CarlaCameraConfig()
    """Where the camera sits and what it sees."""
    frame_stack: int = Field(default=4, ge=1, le=16)
    """Consecutive camera images in one observation, oldest first."""
    max_episode_steps: int = Field(default=1_000, ge=1)
    """Steps after which an episode is truncated."""
    route_m: float = Field(default=2_000.0, ge=100, le=20_000)
    """Length of the route. Its end is a goal and terminates the episode; since every step pays, a
    goal within reach of the time limit would teach to avoid it."""
    stall_limit_s: float = Field(default=5.0, gt=0)
    """Simulated time below 1 m/s after which an episode terminates, in s."""
    wrong_way_limit_s: float = Field(default=2.0, gt=0)
    """Simulated time against the direction of the lane after which an episode terminates, in s."""
    off_route_m: float = Field(default=5.25, gt=1.75)
    """Distance from the middle of the route's lane beyond which the vehicle has left the road."""
    warm_up_ticks: int = Field(default=5, ge=1, le=200)
    """Ticks at the start of an episode in which vehicles settle and sensors begin to send."""
    reward: RewardConfig = RewardConfig()
    """Scales, penalties and weights of the reward."""

    @property
    def step_s(self) -> float:
        """Simulated time of one environment step."""
        return self.tick_s * self.ticks_per_step

    @property
    def other_vehicles(self) -> int:
        """Number of other vehicles."""
        return SCENARIO_VEHICLES[self.scenario] if self.vehicles is None else self.vehicles


def too_few_servers(config: CarlaConfig, num_envs: int) -> Mistake | None:
    """Return the mistake of asking for more environments than there are servers."""
    servers = len(config.server.ports)
    if num_envs <= servers:
        return None
    return Mistake(
        key="train.num_envs",
        text=f"{num_envs} environments need as many CARLA servers, env.server.ports lists {servers}",
    )
