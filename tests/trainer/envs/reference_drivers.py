"""Hand-written drivers that prove the driving task solvable and its bad optima bad."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from trainer.envs.drive.env import DriveVectorEnv
from trainer.envs.drive.road_geometry import RIGHT_LANE_M, ROAD_LENGTH_M
from trainer.envs.drive.simulation import DriveSimulation
from trainer.envs.drive.vehicle_model import MAX_STEER_RAD, WHEELBASE_M
from trainer.envs.driving.limits import VEHICLE_LENGTH_M
from trainer.envs.driving.observation import HORIZON_M, WAYPOINTS

Driver = Callable[[dict[str, npt.NDArray], DriveSimulation], npt.NDArray[np.float32]]


def pursuit(obs, simulation, *, brakes=True, speed_mps=8.0):
    """Steer at the fourth waypoint; keep a speed, or less behind a vehicle in the right lane."""
    vector = obs["vector"]
    waypoints = vector[:, 3:].reshape(-1, WAYPOINTS, 2) * HORIZON_M
    ahead, left = waypoints[:, 3, 0], waypoints[:, 3, 1]
    steer = np.arctan(2.0 * left / (ahead**2 + left**2) * WHEELBASE_M) / MAX_STEER_RAD
    speed = vector[:, 0] * simulation.config.reward.target_speed_mps
    wanted = np.full_like(speed, speed_mps)
    traffic = simulation.traffic
    if brakes and traffic.vehicles:
        across = simulation.lateral_m + RIGHT_LANE_M
        gap = (traffic.arc_m - simulation.arc_m[:, None]) % ROAD_LENGTH_M - VEHICLE_LENGTH_M
        gap[np.abs(traffic.lateral_m - across[:, None]) > 2.2] = np.inf
        wanted = np.minimum(wanted, np.maximum(gap.min(axis=1) - 4.0, 0.0) / 1.2)
    return np.stack([steer, np.clip(wanted - speed, -1.0, 1.0)], axis=1).astype(np.float32)


def blind_pursuit(obs, simulation):
    """Drive as if the road were empty."""
    return pursuit(obs, simulation, brakes=False)


def park(obs, simulation):
    """Stop in the lane and stay."""
    return pursuit(obs, simulation, speed_mps=0.0)


def crash(obs, simulation):
    """Leave the road as soon as possible."""
    return np.tile(np.float32([-1.0, 1.0]), (len(obs["vector"]), 1))


def random_driver(seed: int) -> Driver:
    """Return a driver with uniform random actions."""
    rng = np.random.default_rng(seed)
    return lambda obs, _: rng.uniform(-1.0, 1.0, (len(obs["vector"]), 2)).astype(np.float32)


def drive(env: DriveVectorEnv, driver: Driver, *, seed: int):
    """Drive one episode in every environment; returns lengths, returns and how each ended."""
    obs, _ = env.reset(seed=seed)
    n = env.num_envs
    length, total = np.zeros(n, int), np.zeros(n)
    running, ends = np.ones(n, bool), np.array(["running"] * n, dtype="<U9")
    while running.any():
        obs, reward, terminated, truncated, infos = env.step(driver(obs, env.simulation))
        length += running
        total += reward * running
        for name in ("collision", "off_road", "stalled"):
            ends[running & infos[name]] = name
        ends[running & truncated & ~terminated] = "limit"
        running &= ~(terminated | truncated)
    return length, total, ends
