"""Measures of one driven episode, and those of several together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from trainer.driving.comfort import comfortable_share, motion
from trainer.driving.scores import Infraction, driving_score_2_0, driving_score_2_1
from trainer.envs.driving.observation import LATERAL_UNIT_M
from trainer.envs.driving.trace import ENDINGS, Ending
from trainer.envs.environment import DrivingTask

DESIRED_SPEED_TOLERANCE = 0.1
"""A speed counts as the desired one when it differs from it by at most this share."""
LEAST_KM = 0.001
"""Rates are per km of at least this distance."""
MEANS: Mapping[str, tuple[str, str]] = {
    "success": ("share", "whole route driven, and no ending but goal or time limit"),
    "route_completion": ("share", "driven part of the route"),
    "distance_m": ("m", "way driven"),
    "mean_speed_mps": ("m/s", "mean speed along the heading"),
    "desired_speed_share": ("share", "steps within 10 % of the target speed"),
    "lateral_rms_m": ("m", "root mean square of the deviation from the middle of the lane"),
    "heading_rms_rad": ("rad", "root mean square of the heading relative to the lane"),
    "lane_invasions": ("count", "lane markings that the vehicle came over"),
    "outside_lanes_share": ("share", "way driven with the centre outside the lane"),
    "comfortable_share": ("share", "windows of 20 steps within Bench2Drive's limits of comfort"),
    "driving_score_2_0": ("%", "driving score by the leaderboard's formula 2.0"),
    "driving_score_2_1": ("%", "driving score by the leaderboard's formula 2.1"),
}
"""Measures that are means over episodes, each with unit and meaning."""
INFRACTIONS: tuple[Ending, ...] = ("collision_vehicle", "collision_other", "off_road", "wrong_way")
"""Endings that are counted per km, as lane invasions are."""
LINE_POINTS = 40
"""Points of a driven line at most."""
_SCORED: Mapping[Ending, Infraction] = {
    "collision_vehicle": "vehicle",
    "collision_other": "static",
}


@dataclass(frozen=True, kw_only=True)
class DrivenEpisode:
    """How one episode was driven; `MEANS` explains the measures."""

    ending: Ending
    steps: int
    success: bool
    route_completion: float
    distance_m: float
    mean_speed_mps: float
    desired_speed_share: float
    lateral_rms_m: float
    heading_rms_rad: float
    lane_invasions: int
    outside_lanes_share: float
    comfortable_share: float
    driving_score_2_0: float
    driving_score_2_1: float
    line_m: tuple[tuple[float, float], ...]
    """The driven line as points (ahead, left) of where the episode began, at most `LINE_POINTS`, to 0.1 m."""


def measure(trace: npt.NDArray[np.float32], ending: Ending, task: DrivingTask) -> DrivenEpisode:
    """Measure an episode.

    Red lights, stop signs, pedestrians and minimum speed are not observed, so that no score counts them.

    Args:
        trace: `float32[steps, len(TRACE)]`, at least one step.
        ending: How it ended.
        task: Step, target speed and route.
    """
    speed, heading, lateral, heading_error, progress, distance, invasions = trace.T.astype(float)
    way_m = float(np.sum(distance))
    outside_m = float(np.sum(distance[np.abs(lateral) > LATERAL_UNIT_M]))
    outside = min(1.0, outside_m / way_m) if way_m > 0 else 0.0
    completion = min(1.0, max(0.0, float(np.max(np.cumsum(progress))) / task.route_m))
    infractions = {_SCORED[ending]: 1} if ending in _SCORED else {}
    missed = np.abs(speed - task.target_speed_mps)
    return DrivenEpisode(
        ending=ending,
        steps=len(trace),
        success=completion >= 1.0 and ending in ("goal", "time_limit"),
        route_completion=completion,
        distance_m=way_m,
        mean_speed_mps=float(np.mean(speed)),
        desired_speed_share=float(
            np.mean(missed <= DESIRED_SPEED_TOLERANCE * task.target_speed_mps)
        ),
        lateral_rms_m=_rms(lateral),
        heading_rms_rad=_rms(heading_error),
        lane_invasions=round(float(np.sum(invasions))),
        outside_lanes_share=outside,
        comfortable_share=comfortable_share(motion(speed, heading, task.step_s)),
        driving_score_2_0=driving_score_2_0(completion, infractions, outside_lanes_share=outside),
        driving_score_2_1=driving_score_2_1(completion, infractions, outside_lanes_share=outside),
        line_m=_line(np.copysign(distance, speed), heading),
    )


def summary(episodes: Sequence[DrivenEpisode]) -> dict[str, float]:
    """Return means, shares of endings and infractions per km of at least one episode, by measure."""
    count = len(episodes)
    km = max(LEAST_KM, sum(e.distance_m for e in episodes) / 1000.0)
    ended = {ending: sum(e.ending == ending for e in episodes) for ending in ENDINGS}
    return {
        **{name: sum(float(getattr(e, name)) for e in episodes) / count for name in MEANS},
        **{f"end_{ending}": ended[ending] / count for ending in ENDINGS},
        **{f"{kind}_per_km": ended[kind] / km for kind in INFRACTIONS},
        "lane_invasion_per_km": sum(e.lane_invasions for e in episodes) / km,
    }


def _line(
    distance_m: npt.NDArray[np.float64], heading_rad: npt.NDArray[np.float64]
) -> tuple[tuple[float, float], ...]:
    """Add up the way of each step in the direction of its heading."""
    way = np.cumsum(distance_m * np.exp(1j * (heading_rad - heading_rad[0])))
    chosen = np.linspace(0, len(way) - 1, min(LINE_POINTS, len(way))).round().astype(int)
    points = np.round(way[chosen], 1)
    return tuple(zip(points.real.tolist(), points.imag.tolist(), strict=True))


def _rms(values: npt.NDArray[np.float64]) -> float:
    return float(np.sqrt(np.mean(values * values)))
