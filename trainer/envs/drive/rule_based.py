"""A driver by rules, for comparison: follows its lane and keeps its distance.

It reads the simulation where the camera would have to be understood: how far away the next vehicle is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from gymnasium.vector import VectorEnv

from trainer.envs.drive.env import DriveVectorEnv
from trainer.envs.drive.road_geometry import RIGHT_LANE_M, ROAD_LENGTH_M
from trainer.envs.drive.simulation import DriveSimulation, Observation
from trainer.envs.drive.vehicle_model import MAX_STEER_RAD, WHEELBASE_M
from trainer.envs.driving.limits import VEHICLE_LENGTH_M
from trainer.envs.driving.observation import HORIZON_M, WAYPOINTS

FloatArray = npt.NDArray[np.float32]

AIM = 3
"""Waypoint that is steered at, counted from 0: 8 m ahead."""
STANDSTILL_GAP_M = 4.0
"""Distance to a standing vehicle."""
HEADWAY_S = 1.2
"""Time to the vehicle ahead."""
IN_THE_WAY_M = 2.2
"""A vehicle this far to the side is in the way."""


def rule_based(env: VectorEnv[Any, Any, Any]) -> Callable[[Observation], FloatArray]:
    """Return the driver for all environments of `drive` in `env`."""
    assert isinstance(env, DriveVectorEnv)
    simulation = env.simulation
    target_mps = simulation.config.reward.target_speed_mps

    def act(obs: Observation) -> FloatArray:
        return controls(obs, np.minimum(target_mps, safe_speed(simulation)), target_mps)

    return act


def controls(obs: Observation, wanted_mps: npt.NDArray[Any], target_mps: float) -> FloatArray:
    """Steer along the arc to a waypoint and reach a speed, `float32[n, 2]`.

    Args:
        obs: Observations of `n` environments.
        wanted_mps: Speed to reach, `float[n]`.
        target_mps: The observation's unit of speed.
    """
    vector = obs["vector"]
    waypoints = vector[:, 3:].reshape(-1, WAYPOINTS, 2) * HORIZON_M
    ahead, left = waypoints[:, AIM, 0], waypoints[:, AIM, 1]
    steer = np.arctan(2.0 * left / (ahead**2 + left**2) * WHEELBASE_M) / MAX_STEER_RAD
    pedal = np.clip(wanted_mps - vector[:, 0] * target_mps, -1.0, 1.0)
    return np.stack([steer, pedal], axis=1).astype(np.float32)


def safe_speed(simulation: DriveSimulation) -> npt.NDArray[np.float64]:
    """Return the speed that keeps the distance to the next vehicle in the way, `float64[n]`; inf on a free road."""
    traffic = simulation.traffic
    across = simulation.lateral_m + RIGHT_LANE_M
    gap_m = (traffic.arc_m - simulation.arc_m[:, None]) % ROAD_LENGTH_M - VEHICLE_LENGTH_M
    gap_m[np.abs(traffic.lateral_m - across[:, None]) > IN_THE_WAY_M] = np.inf
    nearest_m = gap_m.min(axis=1, initial=np.inf)
    return np.asarray(np.maximum(nearest_m - STANDSTILL_GAP_M, 0.0) / HEADWAY_S, np.float64)
