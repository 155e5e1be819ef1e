"""The actors of one episode: the controlled vehicle, its sensors and the other vehicles."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from trainer.envs.carla.map import plane_direction, plane_point
from trainer.envs.carla.sensors import CarlaSensors
from trainer.envs.carla.session import CarlaSession, Tick
from trainer.envs.carla.traffic_manager import TrafficManager
from trainer.envs.driving.limits import START_HEADING_RAD, START_LATERAL_M
from trainer.envs.driving.route import POINT_SPACING_M, Route
from trainer.envs.errors import SimulatorLostError

FREE_AROUND_EGO_M = 10.0
"""No other vehicle starts closer to the controlled one than this."""
_PATH_SPACING_M = 25.0
"""Distance between the places that the autopilot is led along; a place inside a junction may lead it astray."""
LEAST_TRAFFIC_SHARE = 0.9
"""Share of the other vehicles that must find a place: with fewer it would be another task."""


class Motion(NamedTuple):
    """Where a vehicle is and how it moves; y is mirrored, so that left is positive."""

    location: Any
    """`carla.Location`."""
    position: complex
    direction: complex
    """Unit vector of the heading."""
    velocity: complex
    """m/s in the plane."""


class CarlaActors:
    """Spawns an episode's actors, reads their motion and removes them in one batch."""

    def __init__(
        self,
        session: CarlaSession,
        traffic: TrafficManager | None,
        route_m: float,
        rng: np.random.Generator,
    ) -> None:
        """Put all vehicles on the road and let them settle.

        Raises:
            SimulatorLostError: A call failed, or no place to start from is free.
        """
        self._session = session
        order = [int(i) for i in rng.permutation(len(session.spawn_points))]
        self.ego, self.route, chosen = self._place_ego(order, route_m, rng)
        self._others = self._place_others(order, chosen, rng)
        session.tick()
        if traffic is not None:
            # Only then: the client library keeps every actor that was ever looked up.
            with session.asking("look for the other vehicles"):
                vehicles = list(session.world.get_actors(self._others)) if self._others else []
            traffic.drive(vehicles, rng)
        self.sensors = CarlaSensors(session, self.ego)

    def control(self, *, steer: float, throttle: float, brake: float) -> None:
        """Set the controls until the next call; a positive `steer` is to the left."""
        control = self._session.carla.VehicleControl(throttle=throttle, steer=-steer, brake=brake)
        with self._session.asking("control the vehicle"):
            self.ego.apply_control(control)

    def drive_itself(self, traffic: TrafficManager, speed_mps: float) -> None:
        """Let CARLA's autopilot drive the vehicle along its route."""
        every = round(_PATH_SPACING_M / POINT_SPACING_M)
        height_m = float(self.ego.get_location().z)
        # y is mirrored back.
        places = [
            self._session.carla.Location(float(point.real), -float(point.imag), height_m)
            for point in self.route.points[every::every]
        ]
        traffic.follow(self.ego, places, speed_mps)

    def start_rolling(self, speed_mps: float) -> None:
        """Give the vehicle a speed along its heading."""
        with self._session.asking("start rolling"):
            forward = self.ego.get_transform().get_forward_vector()
            self.ego.set_target_velocity(forward * speed_mps)

    def motion(self, tick: Tick) -> Motion:
        """Return the controlled vehicle's motion in a tick.

        Raises:
            SimulatorLostError: The vehicle is gone: another client removed it or loaded a map.
        """
        actor = tick.snapshot.find(self.ego.id)
        if actor is None:
            self._session.mark_lost()
            raise SimulatorLostError(
                f"the vehicle vanished from CARLA at {self._session.address}: does another client "
                "use this server?"
            )
        transform, velocity = actor.get_transform(), actor.get_velocity()
        return Motion(
            transform.location,
            plane_point(transform.location),
            plane_direction(transform.rotation.yaw),
            plane_point(velocity),
        )

    def others(self, tick: Tick) -> tuple[npt.NDArray[np.complex128], npt.NDArray[np.complex128]]:
        """Return positions and velocities of the other vehicles, each `complex128[k]`."""
        positions, velocities = [], []
        for actor_id in self._others:
            actor = tick.snapshot.find(actor_id)
            if actor is not None:
                positions.append(plane_point(actor.get_transform().location))
                velocities.append(plane_point(actor.get_velocity()))
        return np.array(positions, np.complex128), np.array(velocities, np.complex128)

    def remove(self) -> None:
        """Remove everything in one batch; after a loss nothing is called."""
        session = self._session
        if session.lost:
            return
        self.sensors.stop()
        self._destroy([*(sensor.id for sensor in self.sensors.actors), self.ego.id, *self._others])
        session.tick()

    def _destroy(self, actors: list[int]) -> None:
        destroy, session = self._session.carla.command.DestroyActor, self._session
        with session.asking("remove the actors"):
            session.client.apply_batch_sync([destroy(actor) for actor in actors], False)

    def _place_ego(
        self, order: list[int], route_m: float, rng: np.random.Generator
    ) -> tuple[Any, Route, int]:
        session = self._session
        for index in order:
            place = session.spawn_points[index]
            route = session.graph.random_route(place.location, route_m, rng)
            if route is None:
                continue
            with session.asking("place the vehicle"):
                ego = self._spawn(session.ego_blueprint, _beside(session, place, rng))
            if ego is not None:
                return ego, route, index
        raise SimulatorLostError(
            f"CARLA at {session.address} has no free place to start from on {session.config.town}"
        )

    def _spawn(self, blueprint: Any, place: Any) -> Any | None:
        """Return a new actor; None if something is in the way.

        `try_spawn_actor` would also return None for every place, each after a whole time-out, when
        the server is gone.
        """
        try:
            return self._session.world.spawn_actor(blueprint, place)
        except RuntimeError as error:
            if "collision" not in str(error):
                raise
            return None

    def _place_others(self, order: list[int], taken: int, rng: np.random.Generator) -> list[int]:
        """Spawn the other vehicles and return their ids; occupied places are passed over.

        Raises:
            SimulatorLostError: A call failed, or far too few places are free.
        """
        session = self._session
        wanted = session.config.other_vehicles
        ego_place = plane_point(session.spawn_points[taken].location)
        free = [
            index
            for index in order
            if abs(plane_point(session.spawn_points[index].location) - ego_place)
            >= FREE_AROUND_EGO_M
        ]
        spawn, found = session.carla.command.SpawnActor, list[int]()
        while len(found) < wanted and free:
            batch, free = free[: wanted - len(found)], free[wanted - len(found) :]
            commands = [
                spawn(self._other_blueprint(rng), session.spawn_points[index]) for index in batch
            ]
            with session.asking("place the other vehicles"):
                answers = session.client.apply_batch_sync(commands, False)
            found += [answer.actor_id for answer in answers if not answer.error]
        if len(found) < LEAST_TRAFFIC_SHARE * wanted:
            self._destroy([self.ego.id, *found])
            raise SimulatorLostError(
                f"CARLA at {session.address} has free places to start from on "
                f"{session.config.town} for only {len(found)} of {wanted} other vehicles"
            )
        return found

    def _other_blueprint(self, rng: np.random.Generator) -> Any:
        blueprints = self._session.car_blueprints
        blueprint = blueprints[int(rng.integers(len(blueprints)))]
        # The role that a real server's own examples give; the protocol double drives these itself.
        blueprint.set_attribute("role_name", "autopilot")
        if blueprint.has_attribute("color"):
            colors = blueprint.get_attribute("color").recommended_values
            blueprint.set_attribute("color", colors[int(rng.integers(len(colors)))])
        return blueprint


def _beside(session: CarlaSession, place: Any, rng: np.random.Generator) -> Any:
    """Return a `carla.Transform` a little off a place to start from."""
    lateral_m = float(rng.uniform(-START_LATERAL_M, START_LATERAL_M))
    heading_rad = float(rng.uniform(-START_HEADING_RAD, START_HEADING_RAD))
    # Attributes of a Transform are references: the place itself must stay as it is.
    turn = place.rotation
    turned = session.carla.Rotation(turn.pitch, turn.yaw - math.degrees(heading_rad), turn.roll)
    return session.carla.Transform(place.location - place.get_right_vector() * lateral_m, turned)
