"""The driving reward: five weighted terms, the same for every driving simulator.

Each term is a pure function of measured quantities, vectorised over environments. A term says how
good one step was, without its weight: about 1 is perfect, 0 neutral, -1 bad. The weighted sum is
about 0.9 per step for a good driver, slightly negative for a parked car, and an accident costs
more than a few good steps earn. So driving long beats driving briefly, driving briefly beats
parking, and nothing is gained by ending an episode early.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field

FloatArray = npt.NDArray[np.float32]
BoolArray = npt.NDArray[np.bool_]

REWARD_COMPONENTS: tuple[str, ...] = (
    "efficiency",
    "lane_keeping",
    "comfort",
    "safety",
    "progress",
)
"""Names of the terms, in the order in which they are summed."""


class RewardWeights(BaseModel):
    """Factor of each term in the sum."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    efficiency: float = Field(default=0.3, ge=0)
    """Weight of speed tracking, a term in [-1, 1]."""
    lane_keeping: float = Field(default=0.3, ge=0)
    """Weight of staying in the middle of the lane, a term in [-1, 1]."""
    comfort: float = Field(default=0.1, ge=0)
    """Weight of low jerk, a term in [-1, 0]."""
    safety: float = Field(default=1.0, ge=0)
    """Weight of the penalties for accidents and for closing in on the vehicle ahead."""
    progress: float = Field(default=0.3, ge=0)
    """Weight of the distance gained along the route, a term in [-1, 1]."""


class RewardConfig(BaseModel):
    """Scales and penalties of the driving reward."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    weights: RewardWeights = RewardWeights()
    """Factor of each term in the sum."""
    target_speed_mps: float = Field(default=8.0, gt=0)
    """Speed along the lane that earns most, in m/s."""
    standstill_penalty: float = Field(default=0.25, ge=0, le=1)
    """Efficiency of a standing vehicle is minus this. Above 0, parking loses reward."""
    lateral_scale_m: float = Field(default=1.0, gt=0)
    """Distance from the lane's middle at which lane keeping earns nothing, in m."""
    heading_scale_rad: float = Field(default=0.5, gt=0)
    """Heading error at which lane keeping earns nothing, in rad."""
    jerk_scale_mps3: float = Field(default=40.0, gt=0)
    """Jerk at which comfort reaches its minimum of -1, in m/s^3."""
    time_to_collision_s: float = Field(default=2.5, gt=0)
    """Time to collision with the vehicle ahead below which safety falls under 0, in s."""
    closing_in_penalty: float = Field(default=0.5, ge=0)
    """Safety lost per step when the time to collision is 0; linear up to `time_to_collision_s`."""
    collision_penalty: float = Field(default=5.0, ge=0)
    """Safety lost once when the vehicle hits another one."""
    off_road_penalty: float = Field(default=5.0, ge=0)
    """Safety lost once when the vehicle leaves the road."""
    stall_penalty: float = Field(default=5.0, ge=0)
    """Safety lost once when the vehicle has stood still for too long."""


@dataclass(frozen=True, kw_only=True)
class DrivingMeasurement:
    """What a simulator measures in one step; arrays over environments."""

    speed_along_mps: FloatArray
    """`float32[n]`, speed along the lane; negative when driving against it."""
    lateral_m: FloatArray
    """`float32[n]`, signed distance from the middle of the lane."""
    heading_rad: FloatArray
    """`float32[n]`, heading relative to the lane, in [-pi, pi]."""
    jerk_mps3: FloatArray
    """`float32[n]`, magnitude of the change of acceleration per second, at least 0."""
    time_to_collision_s: FloatArray
    """`float32[n]`, at least 0; `inf` where nothing is ahead or it draws away."""
    progress_m: FloatArray
    """`float32[n]`, distance gained along the route in this step."""
    step_s: float
    """Duration of the step."""
    collision: BoolArray
    """`bool[n]`, the vehicle has hit another one."""
    off_road: BoolArray
    """`bool[n]`, the vehicle has left the road."""
    stalled: BoolArray
    """`bool[n]`, the vehicle has stood still for too long."""


def efficiency(speed_along_mps: FloatArray, config: RewardConfig) -> FloatArray:
    """Return how well the target speed is kept, in [-1, 1].

    1 at the target speed, falling linearly on both sides, `-standstill_penalty` at standstill.
    """
    slope = (1.0 + config.standstill_penalty) / config.target_speed_mps
    miss_mps = np.abs(speed_along_mps - config.target_speed_mps)
    kept: FloatArray = np.maximum(1.0 - slope * miss_mps, -1.0)
    return kept


def lane_keeping(
    lateral_m: FloatArray,
    heading_rad: FloatArray,
    speed_along_mps: FloatArray,
    config: RewardConfig,
) -> FloatArray:
    """Return how well the middle of the lane is kept, in [-1, 1].

    Scaled by speed up to the target speed, so that a parked vehicle earns nothing by standing
    in the middle of its lane.
    """
    error = np.abs(lateral_m) * (1.0 / config.lateral_scale_m)
    error += np.abs(heading_rad) * (1.0 / config.heading_scale_rad)
    earned: FloatArray = np.maximum(1.0 - error, -1.0)
    moving = speed_along_mps * (1.0 / config.target_speed_mps)
    earned *= np.minimum(np.maximum(moving, 0.0), 1.0)
    return earned


def comfort(jerk_mps3: FloatArray, config: RewardConfig) -> FloatArray:
    """Return the penalty for jerk, in [-1, 0]."""
    penalty: FloatArray = np.maximum(jerk_mps3 * (-1.0 / config.jerk_scale_mps3), -1.0)
    return penalty


def safety(
    time_to_collision_s: FloatArray,
    collision: BoolArray,
    off_road: BoolArray,
    stalled: BoolArray,
    config: RewardConfig,
) -> FloatArray:
    """Return the penalties for accidents and for closing in on the vehicle ahead, at most 0."""
    nearness = 1.0 - time_to_collision_s * (1.0 / config.time_to_collision_s)
    penalty: FloatArray = np.maximum(nearness, 0.0)
    penalty *= -config.closing_in_penalty
    if np.count_nonzero(collision | off_road | stalled):
        penalty -= np.float32(config.collision_penalty) * collision
        penalty -= np.float32(config.off_road_penalty) * off_road
        penalty -= np.float32(config.stall_penalty) * stalled
    return penalty


def progress(progress_m: FloatArray, step_s: float, config: RewardConfig) -> FloatArray:
    """Return the distance gained, as a share of what the target speed gains, in [-1, 1]."""
    share = progress_m * (1.0 / (config.target_speed_mps * step_s))
    limited: FloatArray = np.minimum(np.maximum(share, -1.0), 1.0)
    return limited


def driving_reward(
    measured: DrivingMeasurement, config: RewardConfig
) -> tuple[FloatArray, dict[str, FloatArray]]:
    """Return the reward of one step and its weighted components.

    Returns:
        The reward, `float32[n]`, and for each name in `REWARD_COMPONENTS` its weighted part,
        `float32[n]`. The reward is exactly the sum of the parts in that order.
    """
    weights = config.weights
    speed = measured.speed_along_mps
    parts = {
        "efficiency": efficiency(speed, config) * weights.efficiency,
        "lane_keeping": lane_keeping(measured.lateral_m, measured.heading_rad, speed, config)
        * weights.lane_keeping,
        "comfort": comfort(measured.jerk_mps3, config) * weights.comfort,
        "safety": safety(
            measured.time_to_collision_s,
            measured.collision,
            measured.off_road,
            measured.stalled,
            config,
        )
        * weights.safety,
        "progress": progress(measured.progress_m, measured.step_s, config) * weights.progress,
    }
    total = parts["efficiency"] + parts["lane_keeping"]
    total += parts["comfort"]
    total += parts["safety"]
    total += parts["progress"]
    return total, parts
