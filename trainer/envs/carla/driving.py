"""One vehicle driving episodes in one simulator: measures, rewards and ends of episodes."""

from __future__ import annotations

import cmath
import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from trainer.envs.carla.actors import CarlaActors, Motion
from trainer.envs.carla.config import CarlaConfig
from trainer.envs.carla.session import Tick
from trainer.envs.carla.simulator import CarlaSimulator
from trainer.envs.driving.limits import (
    STANDSTILL_MPS,
    START_SPEED_SHARE,
    VEHICLE_LENGTH_M,
    VEHICLE_WIDTH_M,
    time_to_collision,
)
from trainer.envs.driving.observation import HORIZON_M, LATERAL_UNIT_M, driving_vector
from trainer.envs.driving.reward import DrivingMeasurement, driving_reward
from trainer.envs.driving.route import RoutePosition
from trainer.envs.driving.trace import trace_step
from trainer.envs.environment import OnActivity
from trainer.envs.errors import SimulatorLostError
from trainer.envs.frame_stack import FrameStack

Observation = dict[str, npt.NDArray[Any]]

LOST_FRAMES_MOST = 5
"""Camera images that may be lost in a row before the simulator counts as lost."""
TOUCHING_M = VEHICLE_LENGTH_M + 1.5
"""Two vehicles that touch are nearer than this, measured between their centres."""
CAUSES = ("collision", "off_road", "wrong_way", "stalled", "goal")
"""What terminates an episode."""


@dataclass(frozen=True, kw_only=True)
class StepOutcome:
    """Result of one step before any reset."""

    reward: float
    components: dict[str, float]
    """Weighted part of each reward term."""
    causes: dict[str, bool]
    """Which of `CAUSES` happened."""
    lane_invasions: int
    """Lane markings that were crossed."""
    truncated: bool
    """The time limit, also when the episode terminates in the same step."""
    collision_other: bool
    """The collision was not one with a vehicle, as far as places tell."""
    trace: npt.NDArray[np.float32]
    """How was driven, `float32[1, len(TRACE)]`."""

    @property
    def terminated(self) -> bool:
        """Whether the episode ended by what happened in it."""
        return any(self.causes.values())


class _Scene(NamedTuple):
    """What a tick's snapshot says; made while the camera image of the same tick is on its way."""

    tick: Tick
    motion: Motion
    place: RoutePosition
    time_to_collision_s: npt.NDArray[np.float32]
    """`float32[1]`."""


class CarlaDriving:
    """Episodes of one vehicle; the logic of a driving task around what the simulator reports."""

    def __init__(self, config: CarlaConfig, index: int, report: OnActivity) -> None:
        """Prepare; nothing is connected to before the first `reset`.

        Args:
            config: What to drive.
            index: Which of the configured servers.
            report: Told what takes long.
        """
        self.config = config
        self._simulator = CarlaSimulator(config, index, report)
        self._rng = np.random.default_rng()
        self._stack = FrameStack(1, config.frame_stack, config.camera_size)
        self._actors: CarlaActors | None = None
        self._scene: _Scene
        self._acceleration = 0j
        self._steps = 0
        self._standing_s = self._wrong_way_s = 0.0
        self.autopilot = False
        """In the episodes to come CARLA's autopilot drives, whatever the actions are."""
        self._drives_itself = False

    def seed(self, pair: tuple[int, int]) -> None:
        """Draw later episodes from a new generator."""
        self._rng = np.random.default_rng(pair)

    def reset(self) -> None:
        """Start a new episode.

        Raises:
            SimulatorLostError: The simulator does not answer.
            EnvironmentSetupError: It cannot be used as configured.
        """
        self._remove_actors()
        session, traffic = self._simulator.ready()
        config, rng = self.config, self._rng
        session.set_weather(int(rng.integers(len(session.weathers))))
        actors = self._actors = CarlaActors(session, traffic, config.route_m, rng)
        actors.control(steer=0.0, throttle=0.0, brake=1.0)
        for _ in range(config.warm_up_ticks):
            session.tick()
        share = float(rng.uniform(*START_SPEED_SHARE))
        actors.start_rolling(share * config.reward.target_speed_mps)
        actors.control(steer=0.0, throttle=0.0, brake=0.0)
        self._drives_itself = self.autopilot and traffic is not None
        if self._drives_itself and traffic is not None:
            actors.drive_itself(traffic, config.reward.target_speed_mps)
        self._acceleration, self._steps = 0j, 0
        self._standing_s = self._wrong_way_s = 0.0
        _, self._scene, image = self._advance(1, 0.0)
        frame = self._scene.tick.frame
        actors.sensors.collided(before=frame + 1)
        actors.sensors.invasions(before=frame + 1)
        if image is not None:
            self._stack.begin(np.zeros(1, np.intp), image[None])

    def step(self, action: npt.NDArray[np.floating]) -> StepOutcome:
        """Make one step; an action outside [-1, 1] is clipped.

        Args:
            action: `float[2]`: steer (1 is full left), throttle (above 0) or brake (below 0).

        Raises:
            SimulatorLostError: The simulator does not answer.
            ValueError: The action is not a number.
        """
        steer, pedal = (min(max(float(entry), -1.0), 1.0) for entry in action)
        if math.isnan(steer + pedal):
            raise ValueError("the action holds NaN")
        actors, config, before = self._episode, self.config, self._scene
        if not self._drives_itself:
            actors.control(
                steer=steer * config.steer_share,
                throttle=max(pedal, 0.0),
                brake=max(-pedal, 0.0) * config.brake_share,
            )
        arc_m = before.place.arc_m
        step_s, scene, image = self._advance(config.ticks_per_step, arc_m)
        self._scene, motion, place = scene, scene.motion, scene.place
        causes = self._causes(step_s)
        change = motion.velocity - before.motion.velocity
        acceleration = change / step_s * motion.direction.conjugate()
        jerk_mps3 = abs(acceleration - self._acceleration) / step_s
        self._acceleration = acceleration
        self._steps += 1
        invasions = actors.sensors.invasions(before=scene.tick.frame)
        reward, parts = driving_reward(
            DrivingMeasurement(
                speed_along_mps=_array(_speed(motion) * math.cos(place.heading_error_rad)),
                lateral_m=_array(place.lateral_m),
                heading_rad=_array(place.heading_error_rad),
                jerk_mps3=_array(jerk_mps3),
                time_to_collision_s=scene.time_to_collision_s,
                progress_m=_array(place.arc_m - arc_m),
                step_s=step_s,
                collision=np.array([causes["collision"]]),
                off_road=np.array([causes["off_road"] or causes["wrong_way"]]),
                stalled=np.array([causes["stalled"]]),
            ),
            config.reward,
        )
        if image is not None:
            self._stack.push(image[None])
        return StepOutcome(
            reward=float(reward[0]),
            components={name: float(part[0]) for name, part in parts.items()},
            causes=causes,
            lane_invasions=invasions,
            truncated=self._steps >= config.max_episode_steps,
            collision_other=causes["collision"] and not self._beside_a_vehicle(),
            trace=trace_step(
                speed_mps=_array(_speed(motion)),
                heading_rad=_array(cmath.phase(motion.direction)),
                lateral_m=_array(place.lateral_m),
                heading_error_rad=_array(place.heading_error_rad),
                progress_m=_array(place.arc_m - arc_m),
                distance_m=_array(abs(motion.position - before.motion.position)),
                lane_invasions=np.array([invasions]),
            ),
        )

    def observe(self) -> Observation:
        """Return new arrays with a first axis of length 1: `vector` and, if any, `camera`."""
        motion, place = self._scene.motion, self._scene.place
        vector = driving_vector(
            speed_share=_array(_speed(motion) / self.config.reward.target_speed_mps),
            lateral_m=_array(place.lateral_m),
            heading_error_rad=_array(place.heading_error_rad),
            position=np.array([motion.position], np.complex64),
            direction=np.array([motion.direction], np.complex64),
            waypoints=self._episode.route.look_ahead(place.arc_m)[None],
        )
        if not self.config.camera_size:
            return {"vector": vector}
        return {"camera": self._stack.frames.copy(), "vector": vector}

    def close(self) -> None:
        """Remove the actors and give the simulator back; after a loss only its process is ended."""
        try:
            self._remove_actors()
        except SimulatorLostError:
            pass
        finally:
            self._simulator.close()

    @property
    def _episode(self) -> CarlaActors:
        if self._actors is None:
            raise RuntimeError("reset() comes before step()")
        return self._actors

    def _remove_actors(self) -> None:
        actors, self._actors = self._actors, None
        if actors is not None:
            actors.remove()

    def _advance(
        self, ticks: int, arc_m: float
    ) -> tuple[float, _Scene, npt.NDArray[np.uint8] | None]:
        """Simulate ticks; return the simulated time and the scene and camera image of the last one.

        If an image was lost, the simulation makes another tick: what is observed then belongs
        together, and the step was a little longer.
        """
        session = self._simulator.session
        elapsed_s = 0.0
        for made in range(ticks + LOST_FRAMES_MOST):
            tick = session.tick()
            elapsed_s += tick.elapsed_s
            if made + 1 < ticks:
                continue
            # Before the wait for the image: meanwhile the simulator renders it.
            scene = self._look(tick, arc_m)
            if not self.config.camera_size:
                return elapsed_s, scene, None
            image = self._episode.sensors.image(tick.frame)
            if image is not None:
                return elapsed_s, scene, image
        session.mark_lost()
        raise SimulatorLostError(
            f"CARLA at {session.address} sent no camera image for {LOST_FRAMES_MOST + 1} ticks"
        )

    def _look(self, tick: Tick, arc_m: float) -> _Scene:
        """Measure what a tick shows; `arc_m` is the way on the route before it."""
        motion = self._episode.motion(tick)
        place = self._episode.route.locate(motion.position, motion.direction, arc_m)
        return _Scene(tick, motion, place, self._time_to_collision_s(tick, motion, place))

    def _causes(self, step_s: float) -> dict[str, bool]:
        """Find out what ends the episode, and keep count of standing and of the wrong way."""
        actors, config, scene = self._episode, self.config, self._scene
        motion, place = scene.motion, scene.place
        on_its_lane = abs(place.lateral_m) <= LATERAL_UNIT_M
        lane: complex | None = None
        against = abs(place.heading_error_rad) > 0.5 * math.pi
        if not on_its_lane:
            lane = self._simulator.session.graph.lane_direction(motion.location)
            if lane is not None:
                against |= (motion.direction * lane.conjugate()).real < 0.0
        self._wrong_way_s = self._wrong_way_s + step_s if against else 0.0
        standing = _speed(motion) < STANDSTILL_MPS
        self._standing_s = self._standing_s + step_s if standing else 0.0
        far = abs(place.lateral_m) > config.off_route_m
        return {
            "collision": actors.sensors.collided(before=scene.tick.frame),
            "off_road": far or (not on_its_lane and lane is None),
            "wrong_way": self._wrong_way_s >= config.wrong_way_limit_s - 1e-6,
            "stalled": self._standing_s >= config.stall_limit_s - 1e-6,
            "goal": place.arc_m >= actors.route.length_m,
        }

    def _beside_a_vehicle(self) -> bool:
        """Tell whether another vehicle is so near that the two may touch.

        What the collision sensor hit is not asked: its event would ask the server, on a thread of the client library.
        """
        positions, _ = self._episode.others(self._scene.tick)
        return bool((np.abs(positions - self._scene.motion.position) < TOUCHING_M).any())

    def _time_to_collision_s(
        self, tick: Tick, motion: Motion, place: RoutePosition
    ) -> npt.NDArray[np.float32]:
        """Return the time to a collision with a vehicle ahead on the route, `float32[1]`."""
        positions, velocities = self._episode.others(tick)
        route = self._episode.route
        near = np.abs(positions - motion.position) < HORIZON_M
        if not near.any():
            return np.full(1, np.inf, np.float32)
        arc_m, lateral_m = route.project(positions[near], place.arc_m, place.arc_m + HORIZON_M)
        along = route.direction_at(arc_m)
        closing_mps = _speed(motion) - (velocities[near] * along.conj()).real
        gap_m = arc_m - place.arc_m - VEHICLE_LENGTH_M
        in_the_way = (np.abs(lateral_m - place.lateral_m) < VEHICLE_WIDTH_M) & (arc_m > place.arc_m)
        return time_to_collision(
            gap_m[None].astype(np.float32), closing_mps[None].astype(np.float32), in_the_way[None]
        )


def _speed(motion: Motion) -> float:
    """Return the speed along the heading; below 0 when rolling back."""
    return (motion.velocity * motion.direction.conjugate()).real


def _array(value: float) -> npt.NDArray[np.float32]:
    return np.array([value], np.float32)
