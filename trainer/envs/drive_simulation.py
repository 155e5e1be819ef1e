"""The embedded driving simulation, batched: every quantity is an array over environments.

There is no loop over environments but in the resets. Each environment has a random generator of
its own and no environment sees another one, so environment `i` drives the same trajectory
whatever the size of the batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from trainer.envs.camera import Camera
from trainer.envs.drive_config import (
    STEP_S,
    VECTOR_DIM,
    WAYPOINT_SPACING_M,
    WAYPOINTS,
    DriveConfig,
)
from trainer.envs.driving_reward import DrivingMeasurement, driving_reward
from trainer.envs.road_geometry import (
    HALF_ROAD_M,
    POINT_SPACING_M,
    RIGHT_LANE_M,
    ROAD_LENGTH_M,
    ROAD_POINTS,
    TABLE_POINTS,
    build_roads,
)
from trainer.envs.traffic import Traffic
from trainer.envs.vehicle_model import move

FloatArray = npt.NDArray[np.float32]
BoolArray = npt.NDArray[np.bool_]
Observation = dict[str, npt.NDArray[Any]]

STANDSTILL_MPS = 0.5
"""Below this speed a vehicle counts as standing."""
LATERAL_UNIT_M = 1.75
"""The observation's unit of lateral deviation."""
HEADING_UNIT_RAD = 0.5
"""The observation's unit of heading error."""

_HORIZON_M = WAYPOINTS * WAYPOINT_SPACING_M
_LOOK_AHEAD = (np.arange(1, WAYPOINTS + 1) * round(WAYPOINT_SPACING_M / POINT_SPACING_M)).astype(
    np.intp
)
_RNG_WORDS = 6
_WORD = (1 << 64) - 1


@dataclass(frozen=True, kw_only=True)
class StepOutcome:
    """Result of one step before any reset; arrays over environments."""

    reward: FloatArray
    """`float32[n]`."""
    components: dict[str, FloatArray]
    """Weighted part of each reward term, `float32[n]`."""
    collision: BoolArray
    """`bool[n]`."""
    off_road: BoolArray
    """`bool[n]`."""
    stalled: BoolArray
    """`bool[n]`."""
    terminated: BoolArray
    """`bool[n]`: collision, off road or stalled."""
    truncated: BoolArray
    """`bool[n]`: the time limit, also when the episode terminates in the same step."""


class DriveSimulation:
    """Vehicles on closed two-lane roads among other vehicles."""

    def __init__(self, config: DriveConfig, num_envs: int) -> None:
        self.config = config
        self.num_envs = num_envs
        self._roads = build_roads(config.roads, config.road_seed)
        self._camera: Camera | None = None
        if config.camera_size:
            self._camera = Camera(
                shapes=config.roads,
                road_seed=config.road_seed,
                size=config.camera_size,
                span_m=config.camera_span_m,
            )
        self._stall_steps = max(1, round(config.stall_limit_s / STEP_S))
        self._generators = [np.random.default_rng([0, i]) for i in range(num_envs)]
        self.traffic = Traffic(num_envs, config.vehicles)
        self.road = np.zeros(num_envs, np.intp)
        self.position = np.zeros(num_envs, np.complex64)
        self.heading_rad = np.zeros(num_envs, np.float32)
        self.speed_mps = np.zeros(num_envs, np.float32)
        self.acceleration = np.zeros(num_envs, np.complex64)
        self.arc_m = np.zeros(num_envs, np.float32)
        self.lateral_m = np.zeros(num_envs, np.float32)
        """Lateral position relative to the middle of the right lane, positive to the left."""
        self.heading_error_rad = np.zeros(num_envs, np.float32)
        self.steps = np.zeros(num_envs, np.int32)
        self.standing_steps = np.zeros(num_envs, np.int32)
        self._direction = np.ones(num_envs, np.complex64)
        size = config.camera_size
        self._frames = np.zeros((num_envs, config.frame_stack, size, size), np.uint8)

    def seed(self, seeds: Sequence[tuple[int, int]]) -> None:
        """Give each environment a new generator, from one pair (seed, index) per environment."""
        self._generators = [np.random.default_rng(pair) for pair in seeds]

    def reset(self, indices: Sequence[int]) -> None:
        """Start new episodes in the environments `indices`."""
        target_mps = self.config.reward.target_speed_mps
        for i in indices:
            rng = self._generators[i]
            road = int(rng.integers(2 * self._roads.shapes))
            point = int(rng.integers(ROAD_POINTS))
            lateral_m, heading_rad = rng.uniform(-0.3, 0.3), rng.uniform(-0.05, 0.05)
            row = road * TABLE_POINTS + point
            tangent = self._roads.tangent[row]
            self.road[i] = road
            self.arc_m[i] = point * POINT_SPACING_M
            self.lateral_m[i] = lateral_m
            self.heading_error_rad[i] = heading_rad
            self.position[i] = self._roads.right_lane[row] + 1j * lateral_m * tangent
            self.heading_rad[i] = np.angle(tangent) + heading_rad
            self.speed_mps[i] = rng.uniform(0.6, 1.0) * target_mps
            self.traffic.place(i, self.arc_m[i], target_mps, rng)
        chosen = np.asarray(indices, np.intp)
        self.acceleration[chosen] = 0.0
        self.steps[chosen] = 0
        self.standing_steps[chosen] = 0
        self._face()
        self._look()
        if self._camera is not None:
            self._frames[chosen] = self._render(chosen)[:, None]

    def step(self, actions: FloatArray) -> StepOutcome:
        """Move everything by one step; `actions` as `vehicle_model.move` takes them, clipped here.

        Environments that end are not reset: the caller does so, after reading `observe()`.
        """
        config = self.config
        motion = move(self.speed_mps, np.clip(actions, -1.0, 1.0), STEP_S)
        # Moving along the mean heading of the step keeps the path exact for gentle turns.
        middle_rad = self.heading_rad + 0.5 * motion.turn_rad
        self.position.real += motion.distance_m * np.cos(middle_rad)
        self.position.imag += motion.distance_m * np.sin(middle_rad)
        self.heading_rad += motion.turn_rad
        self._face()
        self.speed_mps = motion.speed_mps
        before_m = self.arc_m
        self._locate(before_m + motion.distance_m)
        gained_m = self.arc_m - before_m
        gained_m -= ROAD_LENGTH_M * np.rint(gained_m * (1.0 / ROAD_LENGTH_M))

        self.traffic.step(self.arc_m, self.lateral_m + RIGHT_LANE_M, STEP_S)
        collision, time_to_collision_s = self._look()
        off_road = np.abs(self.lateral_m + RIGHT_LANE_M) > HALF_ROAD_M
        self.standing_steps += 1
        self.standing_steps *= self.speed_mps < STANDSTILL_MPS
        stalled = self.standing_steps >= self._stall_steps
        self.steps += 1

        jerk = np.abs(motion.acceleration - self.acceleration) * (1.0 / STEP_S)
        self.acceleration = motion.acceleration
        reward, components = driving_reward(
            DrivingMeasurement(
                speed_along_mps=self.speed_mps * np.cos(self.heading_error_rad),
                lateral_m=self.lateral_m,
                heading_rad=self.heading_error_rad,
                jerk_mps3=jerk,
                time_to_collision_s=time_to_collision_s,
                progress_m=gained_m,
                step_s=STEP_S,
                collision=collision,
                off_road=off_road,
                stalled=stalled,
            ),
            config.reward,
        )
        if self._camera is not None:
            self._frames[:, :-1] = self._frames[:, 1:]
            self._frames[:, -1] = self._render(None)
        return StepOutcome(
            reward=reward,
            components=components,
            collision=collision,
            off_road=off_road,
            stalled=stalled,
            terminated=collision | off_road | stalled,
            truncated=self.steps >= config.max_episode_steps,
        )

    def observe(self) -> Observation:
        """Return new arrays: `vector` and, unless the camera is off, `camera`."""
        vector = np.empty((self.num_envs, VECTOR_DIM), np.float32)
        vector[:, 0] = self.speed_mps * (1.0 / self.config.reward.target_speed_mps)
        vector[:, 1] = self.lateral_m * (1.0 / LATERAL_UNIT_M)
        vector[:, 2] = self.heading_error_rad * (1.0 / HEADING_UNIT_RAD)
        point = (self.arc_m * (1.0 / POINT_SPACING_M)).astype(np.intp)
        point += self.road * TABLE_POINTS
        waypoints = self._roads.right_lane.take(point[:, None] + _LOOK_AHEAD)
        waypoints -= self.position[:, None]
        waypoints *= (self._direction.conj() * np.float32(1.0 / _HORIZON_M))[:, None]
        vector[:, 3:] = waypoints.view(np.float32)
        if self._camera is None:
            return {"vector": vector}
        return {"camera": self._frames.copy(), "vector": vector}

    def get_state(self) -> dict[str, npt.NDArray[Any]]:
        """Return copies of everything that a later step depends on, as plain arrays."""
        state = {name: np.copy(array) for name, array in self._state_arrays().items()}
        state["generators"] = np.array([_pack(g) for g in self._generators], np.uint64)
        return state

    def set_state(self, state: dict[str, npt.NDArray[Any]]) -> None:
        """Continue from `get_state()` of a simulation with the same configuration and size.

        Raises:
            ValueError: An array is missing, unknown or of another shape.
        """
        own = self._state_arrays()
        own["generators"] = np.zeros((self.num_envs, _RNG_WORDS), np.uint64)
        if set(own) != set(state):
            raise ValueError(
                f"environment state holds {sorted(state)}, but this environment needs {sorted(own)}"
            )
        for name, array in own.items():
            if np.shape(state[name]) != array.shape:
                raise ValueError(
                    f"environment state '{name}' has shape {np.shape(state[name])}, but this "
                    f"environment needs {array.shape}: configuration or num_envs differ"
                )
        for name, array in own.items():
            array[...] = state[name]
        self._generators = [_unpack(words) for words in state["generators"]]
        self._face()
        self._look()

    def _state_arrays(self) -> dict[str, npt.NDArray[Any]]:
        return {
            "road": self.road,
            "position": self.position,
            "heading_rad": self.heading_rad,
            "speed_mps": self.speed_mps,
            "acceleration": self.acceleration,
            "arc_m": self.arc_m,
            "lateral_m": self.lateral_m,
            "heading_error_rad": self.heading_error_rad,
            "steps": self.steps,
            "standing_steps": self.standing_steps,
            "traffic_arc_m": self.traffic.arc_m,
            "traffic_lateral_m": self.traffic.lateral_m,
            "traffic_wanted_mps": self.traffic.wanted_mps,
            "traffic_speed_mps": self.traffic.speed_mps,
            "frames": self._frames,
        }

    def _locate(self, guess_m: FloatArray) -> None:
        """Project the vehicles onto their roads, starting from a guess of their arc length."""
        point = np.rint(guess_m * (1.0 / POINT_SPACING_M)).astype(np.intp)
        point %= ROAD_POINTS
        row = point + self.road * TABLE_POINTS
        towards_road = self._roads.tangent.take(row).conj()
        offset = (self.position - self._roads.middle.take(row)) * towards_road
        bend = self._roads.curvature.take(row)
        # One Newton step to the foot of the perpendicular; the road is an arc near the point.
        along_m = offset.real / np.maximum(1.0 - bend * offset.imag, 0.5)
        self.lateral_m = offset.imag - 0.5 * bend * along_m * along_m - np.float32(RIGHT_LANE_M)
        turned = self._direction * towards_road
        error = np.arctan2(turned.imag, turned.real) - bend * along_m
        self.heading_error_rad = error
        arc_m = point.astype(np.float32) * np.float32(POINT_SPACING_M) + along_m
        self.arc_m = arc_m % np.float32(ROAD_LENGTH_M)

    def _face(self) -> None:
        """Refresh the unit vectors of the headings."""
        self._direction.real = np.cos(self.heading_rad)
        self._direction.imag = np.sin(self.heading_rad)

    def _look(self) -> tuple[BoolArray, FloatArray]:
        """Refresh where the traffic is, seen from the controlled vehicles."""
        return self.traffic.look(self.arc_m, self.lateral_m + RIGHT_LANE_M, self.speed_mps)

    def _render(self, chosen: npt.NDArray[np.intp] | None) -> npt.NDArray[np.uint8]:
        """Return the current images of the chosen (None: all) environments."""
        camera = self._camera
        assert camera is not None
        index = slice(None) if chosen is None else chosen
        road, position, direction = self.road[index], self.position[index], self._direction[index]
        images = camera.render(road, position, direction)
        relative_m = self.traffic.relative_arc_m[index]
        seen = (relative_m > -camera.behind_m - 5.0) & (relative_m < camera.ahead_m + 15.0)
        environment, vehicle = seen.nonzero()
        if environment.size:
            arc_m = self.traffic.arc_m[index][environment, vehicle]
            lateral_m = self.traffic.lateral_m[index][environment, vehicle]
            point = (arc_m * (1.0 / POINT_SPACING_M)).astype(np.intp)
            row = point + road[environment] * TABLE_POINTS
            tangent = self._roads.tangent.take(row)
            place = self._roads.middle.take(row) + np.complex64(1j) * lateral_m * tangent
            turn = direction[environment].conj()
            camera.draw_vehicles(
                images, environment, (place - position[environment]) * turn, tangent * turn
            )
        return images


def _pack(generator: np.random.Generator) -> list[int]:
    """Return the state of a PCG64 generator as six 64-bit words."""
    state = generator.bit_generator.state
    inner = state["state"]
    return [
        inner["state"] >> 64,
        inner["state"] & _WORD,
        inner["inc"] >> 64,
        inner["inc"] & _WORD,
        state["has_uint32"],
        state["uinteger"],
    ]


def _unpack(words: npt.NDArray[np.uint64]) -> np.random.Generator:
    """Return a generator in the state that `_pack` described."""
    high, low, inc_high, inc_low, has_uint32, uinteger = (int(word) for word in words)
    bits = np.random.PCG64()
    bits.state = {
        "bit_generator": "PCG64",
        "state": {"state": high << 64 | low, "inc": inc_high << 64 | inc_low},
        "has_uint32": has_uint32,
        "uinteger": uinteger,
    }
    return np.random.Generator(bits)
