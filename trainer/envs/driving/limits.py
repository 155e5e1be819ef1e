"""How an episode starts, what counts as standing and as near: the same in every driving simulator."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from trainer.envs.float_constant import constant

FloatArray = npt.NDArray[np.float32]

VEHICLE_LENGTH_M = 4.5
"""Length of a vehicle, where the simulator knows no better."""
VEHICLE_WIDTH_M = 1.9
"""Its width."""
START_LATERAL_M = 0.3
"""A vehicle starts at most this far from the middle of its lane."""
START_HEADING_RAD = 0.05
"""Its heading differs at most this much from the lane's."""
START_SPEED_SHARE = (0.6, 1.0)
"""Range of its speed, as a share of the target speed."""
ROUTE_SPEED_SHARE = 0.7
"""Speed at which an episode's time is enough for its route, as a share of the target speed: that of the slowest
vehicles that may be ahead, so that patience completes every route and crawling none."""
STANDSTILL_MPS = 1.0
"""Below this speed a vehicle counts as standing."""
LEAST_CLOSING_MPS = 0.25
"""A vehicle in the way counts as approached at this speed at least."""

_LEAST_CLOSING = constant(LEAST_CLOSING_MPS)
_ZERO = constant(0.0)
_NEVER = constant(np.inf)


def time_to_collision(
    gap_m: FloatArray, closing_mps: FloatArray, in_the_way: npt.NDArray[np.bool_]
) -> FloatArray:
    """Return the time to the first collision of each environment in s, `float32[n]`; at least 0.

    A vehicle in the way that is not approached, or slowly, counts as approached at
    `LEAST_CLOSING_MPS`, so that sitting on its bumper is not safe.

    Args:
        gap_m: Free distance along the road to each vehicle, below 0 where they overlap,
            `float32[n, vehicles]`; changed in place.
        closing_mps: Own speed minus theirs, `float32[n, vehicles]`; changed in place.
        in_the_way: Those that would be hit, `bool[n, vehicles]`.
    """
    np.maximum(gap_m, _ZERO, out=gap_m)
    np.maximum(closing_mps, _LEAST_CLOSING, out=closing_mps)
    gap_m /= closing_mps
    seconds: FloatArray = np.minimum.reduce(
        np.where(in_the_way, gap_m, _NEVER), axis=1, initial=np.inf
    )
    return seconds
