"""What the tags of an unknown trainer may be: how often each is logged, over what, and which known tag it resembles.

Guesses from names and steps. They fill a mapping file for a person to check; no verdict rests on them.
"""

from __future__ import annotations

import re
from typing import Literal

import numpy as np
from msgspec import Struct, structs

from gates.series import EventLog, Series
from gates.tags import CANONICAL_TAGS

GuessedAxis = Literal["environment steps", "training calls", "episodes", "evaluations", "unknown"]

_EVALUATION = ("eval", "test", "valid")
_RETURN = ("reward", "return", "score", "ep_rew", "ep_ret")
_LENGTH = ("length", "ep_len", "len_mean", "episode_steps")
_CRITIC = ("critic", "qf", "q_loss", "loss_q", "loss/q", "q1_loss", "q2_loss", "td_error")
_ACTOR = ("actor", "policy", "pi_loss", "loss_pi", "loss/pi")
_Q = re.compile(r"(?:^|[^a-z])q(?:f?[12]?|_?vals?|_?values?)(?:[^a-z]|$)")


class TagSummary(Struct, frozen=True, kw_only=True):
    """One logged tag in figures, and what it may be."""

    tag: str
    points: int
    first_step: int
    last_step: int
    every: int
    """Median distance of its steps; 0 for a single point."""
    low: float
    """Smallest finite value; NaN without any."""
    high: float
    not_finite: int
    axis: GuessedAxis
    """What its steps seem to count."""
    could_be: tuple[str, ...]
    """Canonical tags that it resembles, the likeliest first."""


def summarise(log: EventLog, planned_steps: int | None = None) -> tuple[TagSummary, ...]:
    """Describe every tag with at least one point, in the order in which they were first logged."""
    found = [_summary(s, planned_steps) for s in log.series.values() if len(s)]
    sure = {_steps_key(log.series[f.tag]): f.axis for f in found if f.axis == "environment steps"}
    return tuple(
        structs.replace(f, axis=sure.get(_steps_key(log.series[f.tag]), f.axis))
        if f.axis == "unknown"
        else f
        for f in found
    )


def by_axis(tags: tuple[TagSummary, ...]) -> dict[GuessedAxis, list[TagSummary]]:
    """Group tags by what their steps seem to count."""
    grouped: dict[GuessedAxis, list[TagSummary]] = {}
    for tag in tags:
        grouped.setdefault(tag.axis, []).append(tag)
    return grouped


def _steps_key(series: Series) -> bytes:
    return series.steps.tobytes()


def _summary(series: Series, planned_steps: int | None) -> TagSummary:
    finite = series.values[np.isfinite(series.values)]
    gaps = np.diff(series.steps)
    return TagSummary(
        tag=series.tag,
        points=len(series),
        first_step=int(series.steps[0]),
        last_step=int(series.steps[-1]),
        every=int(np.median(gaps)) if len(gaps) else 0,
        low=float(finite.min()) if len(finite) else float("nan"),
        high=float(finite.max()) if len(finite) else float("nan"),
        not_finite=len(series) - len(finite),
        axis=_axis(series, planned_steps),
        could_be=_resembles(series.tag),
    )


def _axis(series: Series, planned_steps: int | None) -> GuessedAxis:
    name, gaps, last = series.tag.lower(), np.diff(series.steps), int(series.steps[-1])
    of_episodes = _has(name, _RETURN) or _has(name, _LENGTH)
    if len(gaps) < 2 or (gaps < 0).any():
        return "unknown"
    if (gaps <= 1).all() and last < 2 * len(series):
        if _has(name, _EVALUATION):
            return "evaluations"
        return "episodes" if of_episodes else "training calls"
    near_plan = planned_steps is not None and 0.9 * planned_steps <= last <= 1.1 * planned_steps
    return "environment steps" if near_plan or of_episodes else "unknown"


def _resembles(tag: str) -> tuple[str, ...]:
    if tag in CANONICAL_TAGS:
        return (tag,)
    name = tag.lower()
    if _Q.search(name) and "value" in name:
        return _resembling_q(name)
    if "loss" in name or "td_error" in name:
        if _has(name, _ACTOR):
            return ("train/actor_loss",)
        return (
            ("train/critic_loss",)
            if _has(name, _CRITIC)
            else ("train/critic_loss", "train/actor_loss")
        )
    if _Q.search(name):
        return _resembling_q(name)
    evaluated = _has(name, _EVALUATION)
    if _has(name, _LENGTH):
        return ("eval/mean_episode_length",) if evaluated else ("train/episode_length",)
    if _has(name, _RETURN):
        return ("eval/mean_reward",) if evaluated else ("train/episode_reward", "eval/mean_reward")
    return ()


def _resembling_q(name: str) -> tuple[str, ...]:
    if "target" in name:
        return ("debug/target_q_max",) if "max" in name else ("debug/target_q_mean",)
    if "max" in name:
        return ("debug/target_q_max", "debug/actor_q_max")
    if "2" in name:
        return ("train/q2_value",)
    return ("train/q1_value", "debug/target_q_mean", "debug/actor_q_mean")


def _has(name: str, parts: tuple[str, ...]) -> bool:
    return any(part in name for part in parts)
