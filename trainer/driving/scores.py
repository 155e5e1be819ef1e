"""Driving score of one route by the formulas of the CARLA leaderboard, versions 2.0 and 2.1.

A score is route completion times a factor for infractions, in percent. The two versions weigh the same infractions
differently, so a score says nothing without the version of its formula. The score of several routes is the mean of
theirs; a route that was not driven counts 0.

Source: carla-simulator/leaderboard, statistics manager of branches `master` (2.0) and `leaderboard-2.1`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Literal

Infraction = Literal[
    "pedestrian",
    "vehicle",
    "static",
    "red_light",
    "stop_sign",
    "scenario_timeout",
    "yield_to_emergency_vehicle",
]

FACTORS_2_0: Mapping[Infraction, float] = {
    "pedestrian": 0.5,
    "vehicle": 0.6,
    "static": 0.65,
    "red_light": 0.7,
    "stop_sign": 0.8,
    "scenario_timeout": 0.7,
    "yield_to_emergency_vehicle": 0.7,
}
"""Factor on the score for each infraction."""
SLOW_FACTOR_2_0 = 0.7
"""Factor for an event of minimum speed at standstill; at the speed of the traffic around it is 1."""
WEIGHTS_2_1: Mapping[Infraction, float] = {
    "pedestrian": 1.0,
    "vehicle": 0.7,
    "static": 0.6,
    "red_light": 0.4,
    "stop_sign": 0.25,
    "scenario_timeout": 0.4,
    "yield_to_emergency_vehicle": 0.4,
}
"""What each infraction adds to the divisor of the score."""
SLOW_WEIGHT_2_1 = 0.4
"""The same for an event of minimum speed."""


def driving_score_2_0(
    route_completion: float,
    infractions: Mapping[Infraction, int],
    *,
    outside_lanes_share: float = 0.0,
    slow_speed_shares: Sequence[float] = (),
) -> float:
    """Return the score by formula 2.0, in percent.

    Args:
        route_completion: Share of the route that was driven, 0 to 1.
        infractions: How often each one happened.
        outside_lanes_share: Share of the driven way outside the route's lanes, 0 to 1.
        slow_speed_shares: For each event of minimum speed, the share of the surrounding traffic's speed that was
            reached, 0 to 1.

    Raises:
        ValueError: A share lies outside 0 to 1, or a number of infractions is negative.
    """
    _check(infractions, route_completion, outside_lanes_share, *slow_speed_shares)
    factor = math.prod(FACTORS_2_0[kind] ** count for kind, count in infractions.items())
    factor *= math.prod(1.0 - (1.0 - SLOW_FACTOR_2_0) * (1.0 - v) for v in slow_speed_shares)
    return 100.0 * route_completion * factor * (1.0 - outside_lanes_share)


def driving_score_2_1(
    route_completion: float,
    infractions: Mapping[Infraction, int],
    *,
    outside_lanes_share: float = 0.0,
    slow_events: int = 0,
) -> float:
    """Return the score by formula 2.1, in percent; arguments as for 2.0, `slow_events` those of minimum speed.

    Raises:
        ValueError: A share lies outside 0 to 1, or a number is negative.
    """
    _check(infractions, route_completion, outside_lanes_share)
    if slow_events < 0:
        raise ValueError(f"slow_events is {slow_events}, must be at least 0")
    weight = sum(WEIGHTS_2_1[kind] * count for kind, count in infractions.items())
    weight += SLOW_WEIGHT_2_1 * slow_events
    return 100.0 * route_completion * (1.0 - outside_lanes_share) / (1.0 + weight)


def _check(infractions: Mapping[Infraction, int], *shares: float) -> None:
    wrong = [share for share in shares if not 0.0 <= share <= 1.0]
    if wrong:
        raise ValueError(f"a share is {wrong[0]}, must lie in 0 to 1")
    for kind, count in infractions.items():
        if count < 0:
            raise ValueError(f"infractions[{kind!r}] is {count}, must be at least 0")
