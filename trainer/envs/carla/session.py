"""A connection to one CARLA server whose world only we step."""

from __future__ import annotations

import sys
from typing import Any, NamedTuple

from trainer.envs.carla.client import calling, load_carla
from trainer.envs.carla.config import CarlaConfig
from trainer.envs.carla.map import LaneGraph
from trainer.envs.environment import OnActivity
from trainer.envs.errors import SimulatorLostError, UnsupportedEnvironmentError

_LEFT_BEHIND = ("vehicle.*", "walker.*", "sensor.*", "controller.*")


class Tick(NamedTuple):
    """One step of the simulation."""

    frame: int
    elapsed_s: float
    """Simulated time since the tick before."""
    snapshot: Any
    """`carla.WorldSnapshot` of this frame."""


class CarlaSession:
    """Client, world and map of one server, in synchronous mode until it is closed."""

    def __init__(self, config: CarlaConfig, client: Any, address: str, report: OnActivity) -> None:
        """Take over the server's world.

        Args:
            config: What to drive.
            client: A `carla.Client` that has just answered.
            address: Host and port, for messages.
            report: Told what takes long.

        Raises:
            SimulatorLostError: A call failed.
            UnsupportedEnvironmentError: The server lacks a map, blueprint or weather.
        """
        self.carla = load_carla()
        self.config, self.client, self.address = config, client, address
        self._lost = False
        self._timeout_s = config.server.call_timeout_s
        client.set_timeout(self._timeout_s)
        self._elapsed_s: float | None = None
        self._weather_now: int | None = None
        with calling(f"CARLA at {address} did not let us in"):
            self.world = client.get_world()
            self._settings_before = self.world.get_settings()
            self._open_map(report)
            carla_map = self.world.get_map()
            self.spawn_points = list(carla_map.get_spawn_points())
            self.blueprints = self.world.get_blueprint_library()
        # Whatever can be refused is refused before anything is changed.
        self.graph = self._read_map(carla_map)
        self.ego_blueprint = self._find(config.ego)
        self.ego_blueprint.set_attribute("role_name", "hero")
        self.car_blueprints = _cars(self.blueprints)
        self.weathers = [self._weather(name) for name in config.weather]
        with self.asking("synchronous mode"):
            self.world.apply_settings(self._own_settings())
        self._remove_what_was_left_behind()

    def tick(self) -> Tick:
        """Let the server simulate one tick.

        May never return when the server freezes or the Traffic Manager dead-locks: only a
        supervisor in another process can help then.

        Raises:
            SimulatorLostError: The server did not answer, or another client loaded a map.
        """
        with self.asking("tick"):
            self.world.tick(self._timeout_s)
            snapshot = self.world.get_snapshot()
            # Asks the client library only: which episode the newest message belonged to.
            episode = self.client.get_world().id
        if episode != self.world.id:
            self._lost = True
            raise SimulatorLostError(
                f"CARLA at {self.address} began another episode: does another client use this server?"
            )
        now_s, tick_s = snapshot.timestamp.elapsed_seconds, self.config.tick_s
        # Whole ticks: the difference of two times depends on how long the server has been running,
        # if only in its last bits, and a resumed run must repeat itself exactly.
        ticks = 1 if self._elapsed_s is None else round((now_s - self._elapsed_s) / tick_s)
        self._elapsed_s = now_s
        return Tick(snapshot.frame, max(1, ticks) * tick_s, snapshot)

    def set_weather(self, index: int) -> None:
        """Choose one of the configured weathers."""
        if index != self._weather_now:
            with self.asking("set the weather"):
                self.world.set_weather(self.weathers[index])
            self._weather_now = index

    def asking(self, what: str) -> _Asking:
        """Return a context in which a failed call means that the simulator is lost."""
        return _Asking(self, what)

    @property
    def lost(self) -> bool:
        """Whether a call has failed: nothing may be called any more, each call would hang."""
        return self._lost

    def mark_lost(self) -> None:
        """Note that the simulator is gone."""
        self._lost = True

    def close(self) -> None:
        """Give the world back as it was found, as far as it still answers."""
        if self._lost:
            return
        settings = self._settings_before
        if settings.synchronous_mode:
            # Left on by a client that ended without a word; kept on, the server would wait for it.
            settings.synchronous_mode = False
            settings.fixed_delta_seconds = None
        try:
            with self.asking("restore the settings"):
                self.world.apply_settings(settings)
        except SimulatorLostError as error:
            print(error, file=sys.stderr)

    def _open_map(self, report: OnActivity) -> None:
        shown = self.world.get_map().name.rsplit("/", 1)[-1]
        if shown == self.config.town:
            return
        report("loading_map")
        limit_s = self.config.server.map_load_timeout_s
        self.client.set_timeout(limit_s)
        try:
            self.world = self.client.load_world(self.config.town)
        except RuntimeError as error:
            if "time-out" in str(error) or "failed to connect" in str(error):
                self._lost = True
                raise SimulatorLostError(
                    f"{self.address} did not load {self.config.town} within {limit_s:g} s"
                ) from error
            raise UnsupportedEnvironmentError(
                f"{self.address} cannot load env.town {self.config.town}: {error}"
            ) from None
        self.client.set_timeout(self._timeout_s)

    def _read_map(self, carla_map: Any) -> LaneGraph:
        config = self.config
        if len(self.spawn_points) < 1 + config.other_vehicles:
            raise UnsupportedEnvironmentError(
                f"env.town {config.town} has {len(self.spawn_points)} places to start from, too "
                f"few for {config.other_vehicles} other vehicles; lower env.vehicles"
            )
        try:
            return LaneGraph(carla_map)
        except ValueError as error:
            raise UnsupportedEnvironmentError(f"env.town {config.town}: {error}") from None

    def _remove_what_was_left_behind(self) -> None:
        """Remove the actors of a client that ended without a word; they block places to start.

        The world shows its actors only after a tick, which applying the settings makes.
        """
        destroy = self.carla.command.DestroyActor
        with self.asking("look for actors left behind"):
            actors = self.world.get_actors()
            found = [actor.id for kind in _LEFT_BEHIND for actor in actors.filter(kind)]
            if found:
                self.client.apply_batch_sync([destroy(actor) for actor in found], False)
                print(
                    f"CARLA at {self.address}: removed {len(found)} actors that another client "
                    "left behind",
                    file=sys.stderr,
                )

    def _own_settings(self) -> Any:
        settings = self.world.get_settings()
        settings.synchronous_mode = True
        settings.fixed_delta_seconds = self.config.tick_s
        settings.no_rendering_mode = self.config.camera_size == 0
        return settings

    def _find(self, name: str) -> Any:
        try:
            return self.blueprints.find(name)
        except (IndexError, RuntimeError):
            raise UnsupportedEnvironmentError(f"{self.address} knows no blueprint {name}") from None

    def _weather(self, name: str) -> Any:
        weather = getattr(self.carla.WeatherParameters, name, None)
        if not isinstance(weather, self.carla.WeatherParameters):
            known = sorted(
                key
                for key, value in vars(self.carla.WeatherParameters).items()
                if isinstance(value, self.carla.WeatherParameters)
            )
            raise UnsupportedEnvironmentError(
                f"env.weather: {name} is unknown; there are {', '.join(known)}"
            )
        return weather


class _Asking:
    """Marks the session lost when a call in its block fails."""

    def __init__(self, session: CarlaSession, what: str) -> None:
        self._session, self._what = session, what

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, RuntimeError):
            self._session.mark_lost()
            text = " ".join(str(error).split())
            raise SimulatorLostError(
                f"CARLA at {self._session.address} was lost in '{self._what}': {text}"
            ) from error


def _cars(blueprints: Any) -> list[Any]:
    """Return the blueprints of vehicles with four wheels, in a fixed order."""
    found = [
        blueprint
        for blueprint in blueprints.filter("vehicle.*")
        if not blueprint.has_attribute("number_of_wheels")
        or int(blueprint.get_attribute("number_of_wheels")) == 4
    ]
    return sorted(found, key=lambda blueprint: blueprint.id)
