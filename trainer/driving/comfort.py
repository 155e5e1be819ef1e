"""Comfort of a drive: its accelerations, jerks and turns against published limits, in windows of 20 steps.

Limits and windows are those of Bench2Drive 0.0.4, after nuPlan. Derivatives are slopes of straight lines fitted to
half a second, because differences of single steps of a simulator are mostly noise; the benchmarks filter in another
way, so shares are not comparable with theirs to the last digit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

WINDOW_STEPS = 20
"""Steps of a window; the rest of an episode is a window of its own."""
FIT_S = 0.5
"""Time that the slope of a line is fitted to."""
MAX_JERK_MPS3 = 8.37
"""Largest magnitude of the jerk in the plane."""
MAX_LATERAL_ACCELERATION_MPS2 = 4.89
MIN_ACCELERATION_MPS2, MAX_ACCELERATION_MPS2 = -4.05, 2.40
"""Range along the heading."""
MAX_YAW_ACCELERATION_RADPS2 = 1.93
MAX_LONGITUDINAL_JERK_MPS3 = 4.13
MAX_YAW_RATE_RADPS = 0.95


@dataclass(frozen=True, kw_only=True)
class Motion:
    """Derivatives of a drive, each `float64[steps]`."""

    acceleration_mps2: FloatArray
    """Along the heading."""
    lateral_acceleration_mps2: FloatArray
    jerk_mps3: FloatArray
    """Magnitude in the plane."""
    longitudinal_jerk_mps3: FloatArray
    yaw_rate_radps: FloatArray
    yaw_acceleration_radps2: FloatArray


def motion(speed_mps: FloatArray, heading_rad: FloatArray, step_s: float) -> Motion:
    """Differentiate a drive.

    Args:
        speed_mps: Speed along the heading after each step, `float64[steps]`.
        heading_rad: Heading, which may jump by whole turns, `float64[steps]`.
        step_s: Time between two entries.
    """
    yaw_rate = slope(np.unwrap(heading_rad), step_s)
    acceleration = slope(speed_mps, step_s)
    lateral = speed_mps * yaw_rate
    longitudinal_jerk = slope(acceleration, step_s)
    return Motion(
        acceleration_mps2=acceleration,
        lateral_acceleration_mps2=lateral,
        jerk_mps3=np.hypot(longitudinal_jerk, slope(lateral, step_s)),
        longitudinal_jerk_mps3=longitudinal_jerk,
        yaw_rate_radps=yaw_rate,
        yaw_acceleration_radps2=slope(yaw_rate, step_s),
    )


def comfortable_share(moved: Motion) -> float:
    """Return the share of windows in which no limit is exceeded, 0 to 1; 1 for a drive without a step."""
    exceeded = (
        (moved.jerk_mps3 > MAX_JERK_MPS3)
        | (np.abs(moved.lateral_acceleration_mps2) > MAX_LATERAL_ACCELERATION_MPS2)
        | (moved.acceleration_mps2 < MIN_ACCELERATION_MPS2)
        | (moved.acceleration_mps2 > MAX_ACCELERATION_MPS2)
        | (np.abs(moved.yaw_acceleration_radps2) > MAX_YAW_ACCELERATION_RADPS2)
        | (np.abs(moved.longitudinal_jerk_mps3) > MAX_LONGITUDINAL_JERK_MPS3)
        | (np.abs(moved.yaw_rate_radps) > MAX_YAW_RATE_RADPS)
    )
    if not len(exceeded):
        return 1.0
    windows = np.maximum.reduceat(exceeded, np.arange(0, len(exceeded), WINDOW_STEPS))
    return 1.0 - float(windows.mean())


def slope(values: FloatArray, step_s: float) -> FloatArray:
    """Return the slope per second of a line fitted around each value, `float64[steps]`.

    At both ends the window is cut off, so that it holds at least its half.
    """
    count = len(values)
    if count < 2:
        return np.zeros(count)
    half = max(1, round(0.5 * FIT_S / step_s))
    place = np.arange(count)
    first, last = np.maximum(place - half, 0), np.minimum(place + half, count - 1)
    # Sums over windows are differences of running sums, here of values around their mean.
    offset = values - values.mean()
    sums = np.concatenate([[0.0], np.cumsum(offset)])
    moments = np.concatenate([[0.0], np.cumsum(offset * place)])
    points = (last - first + 1).astype(np.float64)
    middle = 0.5 * (first + last)
    moment = (moments[last + 1] - moments[first]) - middle * (sums[last + 1] - sums[first])
    spread = points * (points * points - 1.0) / 12.0
    fitted: FloatArray = moment / spread / step_s
    return fitted
