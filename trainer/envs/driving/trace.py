"""What a driving simulator tells about each step beside observation and reward, and how an episode ended.

`infos["driving"]` of a vector environment is a trace step, `float32[n, len(TRACE)]`; the steps of an episode make
its trace. How an episode ended follows from `bool[n]` arrays in `infos`, one for each cause that the simulator knows.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]

TRACE = (
    "speed_mps",
    "heading_rad",
    "lateral_m",
    "heading_error_rad",
    "progress_m",
    "distance_m",
    "lane_invasions",
)
"""Columns of a trace: speed along the heading, heading in the plane, deviation from the middle of the lane, heading
relative to the lane, way gained along the route, way driven, lane markings that the vehicle came over."""

Ending = Literal[
    "goal",
    "collision_vehicle",
    "collision_other",
    "off_road",
    "wrong_way",
    "stalled",
    "time_limit",
]
ENDINGS: tuple[Ending, ...] = get_args(Ending)
"""How an episode can end."""

_CAUSES: tuple[Ending, ...] = ("off_road", "wrong_way", "stalled", "goal")
"""Endings that have the name of their cause, the gravest first."""


def trace_step(
    *,
    speed_mps: FloatArray,
    heading_rad: FloatArray,
    lateral_m: FloatArray,
    heading_error_rad: FloatArray,
    progress_m: FloatArray,
    distance_m: FloatArray,
    lane_invasions: npt.NDArray[Any],
) -> FloatArray:
    """Put one step of each environment together, `float32[n, len(TRACE)]`; every argument is an array `[n]`."""
    step = np.empty((len(speed_mps), len(TRACE)), np.float32)
    step[:, 0] = speed_mps
    step[:, 1] = heading_rad
    step[:, 2] = lateral_m
    step[:, 3] = heading_error_rad
    step[:, 4] = progress_m
    step[:, 5] = distance_m
    step[:, 6] = lane_invasions
    return step


def ending_of(infos: Mapping[str, Any], index: int) -> Ending:
    """Return how the episode of environment `index` ended in the step that `infos` are of.

    Where several causes came together the gravest counts. A collision is one with a vehicle, unless
    `infos["collision_other"]` says that it was something else.
    """
    if infos["collision"][index]:
        other = infos.get("collision_other")
        hit_other = other is not None and bool(other[index])
        return "collision_other" if hit_other else "collision_vehicle"
    for cause in _CAUSES:
        happened = infos.get(cause)
        if happened is not None and happened[index]:
            return cause
    return "time_limit"
