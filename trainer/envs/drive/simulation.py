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

from trainer.envs.drive.camera import Camera
from trainer.envs.drive.config import LANE_WIDTH_M, STEP_S, DriveConfig
from trainer.envs.drive.road_geometry import (
    HALF_ROAD_M,
    POINT_SPACING_M,
    RIGHT_LANE_M,
    ROAD_LENGTH_M,
    ROAD_POINTS,
    TABLE_POINTS,
    build_roads,
)
from trainer.envs.drive.road_position import locate
from trainer.envs.drive.traffic import Traffic
from trainer.envs.drive.vehicle_model import move
from trainer.envs.driving.limits import (
    STANDSTILL_MPS,
    START_HEADING_RAD,
    START_LATERAL_M,
    START_SPEED_SHARE,
    VEHICLE_WIDTH_M,
)
from trainer.envs.driving.observation import WAYPOINT_SPACING_M, WAYPOINTS, driving_vector
from trainer.envs.driving.reward import DrivingMeasurement, driving_reward
from trainer.envs.driving.trace import trace_step
from trainer.envs.float_constant import constant
from trainer.envs.frame_stack import FrameStack
from trainer.envs.generator_state import GENERATOR_WORDS, pack_generators, unpack_generators

FloatArray = npt.NDArray[np.float32]
BoolArray = npt.NDArray[np.bool_]
Observation = dict[str, npt.NDArray[Any]]

_LOOK_AHEAD = (np.arange(1, WAYPOINTS + 1) * round(WAYPOINT_SPACING_M / POINT_SPACING_M)).astype(
    np.intp
)
_POINTS_PER_M = constant(1.0 / POINT_SPACING_M)
_STEPS_PER_S = constant(1.0 / STEP_S)
_ROAD_LENGTH = constant(ROAD_LENGTH_M)
_HALF_ROAD = constant(HALF_ROAD_M)
_RIGHT_LANE = constant(RIGHT_LANE_M)
_SIDE_IN_LANE = constant(0.5 * (LANE_WIDTH_M - VEHICLE_WIDTH_M))
_STANDSTILL = constant(STANDSTILL_MPS)
_HALF = constant(0.5)


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
    trace: FloatArray
    """How was driven, `float32[n, len(TRACE)]`."""


class DriveSimulation:
    """Vehicles on closed two-lane roads among other vehicles."""

    def __init__(self, config: DriveConfig, num_envs: int) -> None:
        self.config = config
        self.num_envs = num_envs
        self._roads = build_roads(config.roads, config.road_seed)
        self._camera = Camera(config) if config.camera_size else None
        self._stall_steps = max(1, round(config.stall_limit_s / STEP_S))
        self._per_target_speed = constant(1.0 / config.reward.target_speed_mps)
        self._generators = [np.random.default_rng() for _ in range(num_envs)]
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
        size = config.camera_size
        self._stack = FrameStack(num_envs, config.frame_stack, size)
        # Derived from the state above.
        self._first_point = np.zeros(num_envs, np.intp)
        self._direction = np.ones(num_envs, np.complex64)

    def seed(self, seeds: Sequence[tuple[int, int]]) -> None:
        """Give each environment a new generator, from one pair (seed, index) per environment."""
        self._generators = [np.random.default_rng(pair) for pair in seeds]

    def reset(self, indices: Sequence[int]) -> None:
        """Start new episodes in the environments `indices`."""
        target_mps = self.config.reward.target_speed_mps
        for i in indices:
            rng = self._generators[i]
            road, point = int(rng.integers(2 * self._roads.shapes)), int(rng.integers(ROAD_POINTS))
            lateral_m = rng.uniform(-START_LATERAL_M, START_LATERAL_M)
            heading_rad = rng.uniform(-START_HEADING_RAD, START_HEADING_RAD)
            row = road * TABLE_POINTS + point
            tangent = self._roads.tangent[row]
            self.road[i] = road
            self.arc_m[i] = point * POINT_SPACING_M
            self.lateral_m[i] = lateral_m
            self.heading_error_rad[i] = heading_rad
            self.position[i] = self._roads.right_lane[row] + 1j * lateral_m * tangent
            self.heading_rad[i] = np.angle(tangent) + heading_rad
            self.speed_mps[i] = rng.uniform(*START_SPEED_SHARE) * target_mps
            self.traffic.place(i, float(self.arc_m[i]), target_mps, rng)
        chosen = np.asarray(indices, np.intp)
        self.acceleration[chosen] = 0.0
        self.steps[chosen] = 0
        self.standing_steps[chosen] = 0
        self._derive()
        if self._camera is not None:
            self._stack.begin(chosen, self._render(chosen))

    def step(self, actions: FloatArray) -> StepOutcome:
        """Move everything by one step; `actions` as `vehicle_model.move` takes them, clipped here.

        Environments that end are not reset: the caller does so, after reading `observe()`.

        Raises:
            ValueError: An action is not a number.
        """
        motion = move(self.speed_mps, np.asarray(actions, np.float32))
        invaded = np.abs(self.lateral_m) <= _SIDE_IN_LANE
        # Moving along the mean heading of the step keeps the path exact for gentle turns.
        middle_rad = self.heading_rad + _HALF * motion.turn_rad
        self.position.real += motion.distance_m * np.cos(middle_rad)
        self.position.imag += motion.distance_m * np.sin(middle_rad)
        self.heading_rad += motion.turn_rad
        self._direction.real = np.cos(self.heading_rad)
        self._direction.imag = np.sin(self.heading_rad)
        self.speed_mps = motion.speed_mps
        arc_m, self.lateral_m, self.heading_error_rad = locate(
            self._roads,
            self._first_point,
            self.position,
            self._direction,
            self.arc_m + motion.distance_m,
        )
        invaded &= np.abs(self.lateral_m) > _SIDE_IN_LANE
        progress_m = arc_m - self.arc_m
        self.arc_m = arc_m % _ROAD_LENGTH

        across_m = self.lateral_m + _RIGHT_LANE
        self.traffic.step(self.arc_m, across_m, STEP_S)
        collision, time_to_collision_s = self.traffic.look(self.arc_m, across_m, self.speed_mps)
        off_road = np.abs(across_m) > _HALF_ROAD
        self.standing_steps += 1
        self.standing_steps *= self.speed_mps < _STANDSTILL
        stalled = self.standing_steps >= self._stall_steps
        self.steps += 1

        jerk_mps3 = np.abs(motion.acceleration - self.acceleration) * _STEPS_PER_S
        self.acceleration = motion.acceleration
        reward, components = driving_reward(
            DrivingMeasurement(
                speed_along_mps=self.speed_mps * np.cos(self.heading_error_rad),
                lateral_m=self.lateral_m,
                heading_rad=self.heading_error_rad,
                jerk_mps3=jerk_mps3,
                time_to_collision_s=time_to_collision_s,
                progress_m=progress_m,
                step_s=STEP_S,
                collision=collision,
                off_road=off_road,
                stalled=stalled,
            ),
            self.config.reward,
        )
        if self._camera is not None:
            self._stack.push(self._render(slice(None)))
        return StepOutcome(
            reward=reward,
            components=components,
            collision=collision,
            off_road=off_road,
            stalled=stalled,
            terminated=collision | off_road | stalled,
            truncated=self.steps >= self.config.max_episode_steps,
            trace=trace_step(
                speed_mps=self.speed_mps,
                heading_rad=self.heading_rad,
                lateral_m=self.lateral_m,
                heading_error_rad=self.heading_error_rad,
                progress_m=progress_m,
                distance_m=motion.distance_m,
                lane_invasions=invaded,
            ),
        )

    def observe(self) -> Observation:
        """Return new arrays: `vector` and, unless the camera is off, `camera`."""
        point = (self.arc_m * _POINTS_PER_M).astype(np.intp)
        point += self._first_point
        vector = driving_vector(
            speed_share=self.speed_mps * self._per_target_speed,
            lateral_m=self.lateral_m,
            heading_error_rad=self.heading_error_rad,
            position=self.position,
            direction=self._direction,
            waypoints=self._roads.right_lane.take(point[:, None] + _LOOK_AHEAD),
        )
        if self._camera is None:
            return {"vector": vector}
        return {"camera": self._stack.frames.copy(), "vector": vector}

    def get_state(self) -> dict[str, npt.NDArray[Any]]:
        """Return copies of everything that a later step depends on, as plain arrays."""
        state = {name: np.copy(array) for name, array in self._state_arrays().items()}
        state["generators"] = pack_generators(self._generators)
        return state

    def set_state(self, state: dict[str, npt.NDArray[Any]]) -> None:
        """Continue from `get_state()` of a simulation with the same configuration and size.

        Raises:
            ValueError: An array is missing, unknown or of another shape; nothing was changed.
        """
        own = self._state_arrays()
        own["generators"] = np.zeros((self.num_envs, GENERATOR_WORDS), np.uint64)
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
        self._generators = unpack_generators(own["generators"])
        for i in range(self.num_envs):
            self.traffic.follow(i)
        self._derive()

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
            "frames": self._stack.frames,
        }

    def _derive(self) -> None:
        """Compute what follows from the state."""
        self._first_point = self.road * TABLE_POINTS
        self._direction.real = np.cos(self.heading_rad)
        self._direction.imag = np.sin(self.heading_rad)

    def _render(self, chosen: slice | npt.NDArray[np.intp]) -> npt.NDArray[np.uint8]:
        """Return the current images of the chosen environments, `uint8[k, size, size]`."""
        camera = self._camera
        assert camera is not None
        position, direction = self.position[chosen], self._direction[chosen]
        images = camera.render(self.road[chosen], position, direction)
        if self.traffic.vehicles:
            place, tangent = self.traffic.places(self._roads, self._first_point, chosen)
            turn = direction.conj()[:, None]
            camera.draw_vehicles(images, (place - position[:, None]) * turn, tangent * turn)
        return images
