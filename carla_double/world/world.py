"""The simulated world: actors, their motion, the episode. It knows nothing of sockets."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from carla_double.town.lane_graph import SPAWN_HEIGHT_M, LaneGraph, build_lanes
from carla_double.town.town import DEFAULT_MAP, PLANS
from carla_double.wire import payloads
from carla_double.wire.encodings import CallError, EpisodeSettings, Transform, VehicleControl
from carla_double.world.actors import NOBODY, SPECTATOR, Actor, Description, blueprint_of
from carla_double.world.contacts import Contact, outline, overlap, resolve, touching
from carla_double.world.fleet import ComplexArray, Fleet, IntArray
from carla_double.world.traffic import Traffic
from carla_double.world.vehicle_model import drive

DEFAULT_STEP_S = 0.05
"""Time step where the settings fix none."""
DEFAULT_WEATHER = (5.0, 0.0, 0.0, 10.0, -1.0, 45.0, 2.0, 0.75, 0.1, 0.0, 1.0, 0.03, 0.0331, 0.0)
"""The fourteen weather parameters at the start."""
SPEED_LIMIT_KMH = 30.0
SELF_DRIVING_ROLE = "autopilot"
"""Vehicles of this `role_name` join the double's own traffic until a client controls them."""
_NOT_MOVED = Transform()
STATE_STREAM = 1
"""Stream of the episode state; those of sensors come after."""


class World:
    """One server's world. Ids of actors and streams are never used twice, whatever is loaded.

    Args:
        map_name: One of `PLANS`.
        seed: Of the traffic.
    """

    def __init__(self, map_name: str = DEFAULT_MAP, seed: int = 0) -> None:
        self.seed = seed
        self.frame = 0
        self.elapsed_s = 0.0
        self.step_s = DEFAULT_STEP_S
        """Length of the newest step."""
        self.episode = 0
        self.settings = EpisodeSettings()
        self.weather: tuple[float, ...] = DEFAULT_WEATHER
        self.contacts: list[Contact] = []
        """Of the newest step."""
        self._last_actor = 0
        self._last_stream = STATE_STREAM
        self.load(map_name)

    def load(self, map_name: str) -> None:
        """Start a new episode on a map; all actors are gone.

        Raises:
            CallError: There is no such map.
        """
        self.map_name = known_map(map_name)
        self.lanes: LaneGraph = build_lanes(self.map_name)
        self.episode += 1
        self.elapsed_s = 0.0
        self.map_changed = True
        self.weather = DEFAULT_WEATHER
        self.actors: dict[int, Actor] = {}
        self.fleet = Fleet()
        self._rows: dict[int, int] = {}
        self._places: dict[int, Transform] = {}
        self._traffic = Traffic(self.lanes, self.seed)
        self.contacts = []
        self.spectator = self._add(SPECTATOR, [0, "spectator", []], {}, Transform(z=50.0))
        self._rearrange()

    def spawn(self, description: Description, at: Transform, parent: int = NOBODY) -> Actor:
        """Add an actor; with a parent, `at` is relative to it.

        Raises:
            CallError: The blueprint is unknown, the parent is gone, or something is in the way.
        """
        blueprint = blueprint_of(description)
        if parent != NOBODY and parent not in self.actors:
            raise CallError(f"unable to attach actor: parent actor {parent} not found")
        vehicle = blueprint.id.startswith("vehicle.")
        if vehicle and self._occupied(at, blueprint.box):
            raise CallError("Spawn failed because of collision at spawn position")
        actor = self._add(blueprint, description.encoded, description.attributes, at, parent)
        if vehicle:
            self._add_vehicle(actor, at)
        self._rearrange()
        return actor

    def destroy(self, actor_id: int) -> Actor | None:
        """Remove an actor and return it; None if there is no such id."""
        if actor_id == self.spectator.id:
            return None
        actor = self.actors.pop(actor_id, None)
        if actor is None:
            return None
        self._places.pop(actor_id, None)
        row = self._rows.pop(actor_id, None)
        if row is not None:
            self._traffic.leave(self.fleet, row)
            self.fleet.remove(row)
        for orphan in [a for a in self.actors.values() if a.parent == actor_id]:
            place = self.transform_of(orphan.id) if row is None else orphan.mount
            self._places[orphan.id] = place
            self.actors[orphan.id] = replace(orphan, parent=NOBODY)
        self._rearrange()
        return actor

    def actor(self, actor_id: int) -> Actor:
        """Return a living actor.

        Raises:
            CallError: There is no such id.
        """
        actor = self.actors.get(actor_id)
        if actor is None:
            raise CallError(f"actor {actor_id} not found")
        return actor

    def row_of(self, actor_id: int) -> int:
        """Return a vehicle's row in the fleet.

        Raises:
            CallError: It is no living vehicle.
        """
        row = self._rows.get(actor_id)
        if row is None:
            raise CallError(f"actor {actor_id} is no living vehicle")
        return row

    def control(self, actor_id: int, control: VehicleControl) -> None:
        """Set what drives a vehicle from now on; it leaves the double's own traffic.

        Raises:
            CallError: It is no living vehicle.
        """
        fleet, row = self.fleet, self.row_of(actor_id)
        if fleet.on_lane[row]:
            self._leave_traffic(row)
        for name, value in vars(control).items():
            getattr(fleet, name)[row] = value

    def set_autopilot(self, actor_id: int, enabled: bool) -> None:
        """Let a vehicle join or leave the double's own traffic.

        Raises:
            CallError: It is no living vehicle.
        """
        row = self.row_of(actor_id)
        if enabled:
            self._traffic.join(self.fleet, row)
        else:
            self._traffic.leave(self.fleet, row)
        self._regroup()

    def set_physics(self, actor_id: int, enabled: bool) -> None:
        """Let a vehicle move by itself or only by `set_transform`; no effect on other actors."""
        row = self._rows.get(actor_id)
        if row is not None:
            self.fleet.physics[row] = enabled
            self._regroup()

    def set_transform(self, actor_id: int, at: Transform) -> None:
        """Put an actor somewhere; a vehicle keeps its speed.

        Raises:
            CallError: There is no such actor.
        """
        self.actor(actor_id)
        row = self._rows.get(actor_id)
        if row is None:
            self._places[actor_id] = at
            return
        self.fleet.position[row] = complex(at.x, at.y)
        self.fleet.yaw_rad[row] = math.radians(at.yaw)
        if self.fleet.on_lane[row]:
            self._traffic.join(self.fleet, row)

    def set_velocity(self, actor_id: int, x_mps: float, y_mps: float) -> None:
        """Give a vehicle a speed along its heading, the part of the vector along it.

        Raises:
            CallError: It is no living vehicle.
        """
        row = self.row_of(actor_id)
        yaw = self.fleet.yaw_rad[row]
        self.fleet.speed_mps[row] = x_mps * math.cos(yaw) + y_mps * math.sin(yaw)

    def transform_of(self, actor_id: int) -> Transform:
        """Return where an actor is.

        Raises:
            CallError: There is no such actor.
        """
        row = self._rows.get(actor_id)
        if row is not None:
            place = self.fleet.position[row]
            return Transform(
                float(place.real),
                float(place.imag),
                0.0,
                0.0,
                _degrees(float(self.fleet.yaw_rad[row])),
                0.0,
            )
        actor = self.actor(actor_id)
        if actor.parent == NOBODY:
            return self._places[actor_id]
        base, mount = self.transform_of(actor.parent), actor.mount
        if mount == _NOT_MOVED:
            return base
        yaw = math.radians(base.yaw)
        return Transform(
            base.x + mount.x * math.cos(yaw) - mount.y * math.sin(yaw),
            base.y + mount.x * math.sin(yaw) + mount.y * math.cos(yaw),
            base.z + mount.z,
            base.pitch + mount.pitch,
            _degrees(yaw + math.radians(mount.yaw)),
            base.roll + mount.roll,
        )

    def step(self) -> int:
        """Advance by one frame and return its number."""
        fixed = self.settings.fixed_delta_s
        self.step_s = DEFAULT_STEP_S if fixed is None else fixed
        self.frame += 1
        self.elapsed_s += self.step_s
        fleet = self.fleet
        if len(self._on_lane):
            self._traffic.step(fleet, self._on_lane, self._free, self.step_s)
        if len(self._free):
            drive(fleet, self._free, self.step_s)
            pairs = touching(fleet, self._free)
            self.contacts = resolve(fleet, pairs) if pairs else []
        else:
            self.contacts = []
        return self.frame

    def state_message(self) -> bytes:
        """Return the message from which clients build the snapshot of the newest frame."""
        flags = payloads.MAP_CHANGED if self.map_changed else 0
        self.map_changed = False
        self._fill_records()
        return payloads.episode_state(
            frame=self.frame,
            elapsed_s=self.elapsed_s,
            episode=self.episode,
            platform_s=self.elapsed_s,
            delta_s=self.step_s,
            flags=flags,
            actors=self._records.tobytes(),
        )

    def next_stream(self) -> int:
        """Return a stream id that was never used before."""
        self._last_stream += 1
        return self._last_stream

    def _add(
        self,
        blueprint: Any,
        description: list[Any],
        attributes: Any,
        at: Transform,
        parent: int = NOBODY,
    ) -> Actor:
        self._last_actor += 1
        streams = (
            blueprint.id.startswith("sensor.") and blueprint.id != "sensor.other.lane_invasion"
        )
        actor = Actor(
            id=self._last_actor,
            blueprint=blueprint,
            description=description,
            attributes=attributes,
            parent=parent,
            mount=at,
            stream_id=self.next_stream() if streams else None,
        )
        self.actors[actor.id] = actor
        if parent == NOBODY:
            self._places[actor.id] = at
        return actor

    def _add_vehicle(self, actor: Actor, at: Transform) -> None:
        box = actor.blueprint.box
        assert box is not None
        row = self.fleet.add(
            id=actor.id,
            position=complex(at.x, at.y),
            yaw_rad=math.radians(at.yaw),
            half_length_m=box.half_length_m,
            half_width_m=box.half_width_m,
            height_m=2.0 * box.half_height_m,
            mass_kg=actor.blueprint.mass_kg,
            shade=_color(actor.attributes.get("color", "")),
            physics=True,
            granted=-1,
        )
        self._rows[actor.id] = row
        if actor.attributes.get("role_name") == SELF_DRIVING_ROLE:
            self._traffic.join(self.fleet, row)

    def _leave_traffic(self, row: int) -> None:
        self._traffic.leave(self.fleet, row)
        self._regroup()

    def _occupied(self, at: Transform, box: Any) -> bool:
        fleet = self.fleet
        if not len(fleet) or at.z > 3.0:
            return False
        here = Fleet()
        here.add(
            position=complex(at.x, at.y),
            yaw_rad=math.radians(at.yaw),
            half_length_m=box.half_length_m,
            half_width_m=box.half_width_m,
        )
        near = np.flatnonzero(np.abs(fleet.position - here.position[0]) < 15.0)
        own = outline(here, 0)
        return any(overlap(own, outline(fleet, int(row))) for row in near)

    def _regroup(self) -> None:
        fleet = self.fleet
        self._on_lane: IntArray = np.flatnonzero(fleet.on_lane & fleet.physics)
        self._free: IntArray = np.flatnonzero(~fleet.on_lane & fleet.physics)

    def _rearrange(self) -> None:
        """Arrange the records of the state message: vehicles first, then all others."""
        self._rows = {int(actor_id): row for row, actor_id in enumerate(self.fleet.id)}
        self._others = [actor_id for actor_id in self.actors if actor_id not in self._rows]
        self._records: npt.NDArray[Any] = np.zeros(len(self.actors), payloads.ACTOR_RECORD)
        vehicles = len(self.fleet)
        # A view, because every single field of a record is dear to write.
        self._poses = _floats(self._records, "x", 6)
        self._records["id"][:vehicles] = self.fleet.id
        self._records["id"][vehicles:] = self._others
        self._records["state"] = payloads.ACTIVE
        self._records["speed_limit"][:vehicles] = SPEED_LIMIT_KMH
        self._records["traffic_light_state"][:vehicles] = payloads.NO_TRAFFIC_LIGHT
        self._regroup()

    def _fill_records(self) -> None:
        fleet, vehicles = self.fleet, len(self.fleet)
        if vehicles:
            records = self._records[:vehicles]
            heading = np.exp(1j * fleet.yaw_rad)
            _put(records, "x", "y", fleet.position)
            _put(records, "vx", "vy", fleet.speed_mps * heading)
            _put(records, "ax", "ay", fleet.acceleration * heading)
            records["yaw"] = np.degrees(np.angle(heading))
            records["wz"] = np.degrees(fleet.turn_rate)
            for name in ("throttle", "steer", "brake", "hand_brake", "reverse", "gear"):
                records[name] = getattr(fleet, name)
            records["manual_gear_shift"] = fleet.manual_gear_shift
        for row, actor_id in enumerate(self._others, vehicles):
            at = self.transform_of(actor_id)
            self._poses[row] = at.x, at.y, at.z, at.pitch, at.yaw, at.roll


def known_map(name: str) -> str:
    """Return the full name of a map given as `Town01`, `Carla/Maps/Town01` or a path to it.

    Raises:
        CallError: There is no such map.
    """
    for known in PLANS:
        if name.rstrip("/") == known or name.rstrip("/").split("/")[-1] == known.split("/")[-1]:
            return known
    raise CallError(f"map not found: '{name}'; the double of CARLA has {', '.join(PLANS)}")


def spawn_points(lanes: LaneGraph) -> list[Transform]:
    """Return where vehicles can be put."""
    return [Transform(x, y, SPAWN_HEIGHT_M, 0.0, yaw, 0.0) for x, y, yaw in lanes.spawn_points]


def _floats(records: npt.NDArray[Any], first: str, count: int) -> npt.NDArray[np.float32]:
    """Return a view of neighbouring fields of all records, `float32[records, count]`."""
    offset = records.dtype.fields[first][1]  # type: ignore[index]
    shape, strides = (len(records), count), (records.itemsize, 4)
    return np.ndarray(shape, "<f4", records, offset, strides)


def _put(records: npt.NDArray[Any], real: str, imaginary: str, values: ComplexArray) -> None:
    records[real], records[imaginary] = values.real, values.imag


def _degrees(angle_rad: float) -> float:
    """Return an angle in degrees, in [-180, 180)."""
    return (math.degrees(angle_rad) + 180.0) % 360.0 - 180.0


def _color(text: str) -> int:
    try:
        red, green, blue = (min(max(int(part), 0), 255) for part in text.split(","))
    except ValueError:
        return 0xA0A0A0
    return red << 16 | green << 8 | blue
