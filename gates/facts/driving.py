"""How the policy without noise ended its episodes of driving, on the routes that tell most."""

from __future__ import annotations

import numpy as np
from msgspec import Struct

from gates.facts.values import Missing
from gates.metrics import Interval, wilson_interval
from gates.runs.drives import Drives, FinalEvaluation
from gates.series import EventLog, FloatArray, Series

GROUPS = (
    ("held_out_driving", "held_out_driving/episodes", "held-out routes"),
    ("final_driving", "final_driving/episodes", "training routes"),
    ("eval_driving", "eval/episodes", "routes of the last evaluation"),
)
"""Groups of tags, the most telling first, with the tag of the number of episodes and the routes in words."""


class EpisodeRate(Struct, frozen=True, kw_only=True):
    """How many episodes of an evaluation something is true of."""

    hits: int
    episodes: int
    interval: Interval
    """95 % interval of the rate (Wilson 1927)."""
    routes: str
    """What was driven, in words."""
    series: Series
    """The last point of the first measure."""


def episode_rate(log: EventLog, measures: tuple[str, ...]) -> EpisodeRate | Missing:
    """Add up the last shares of some measures, of which an episode has one at most: endings, or success alone."""
    for group, counted, routes in GROUPS:
        tags = tuple(f"{group}/{measure}" for measure in measures)
        shares = [log.series.get(tag) for tag in tags]
        count = log.series.get(counted)
        if count is None or any(share is None or not len(share) for share in shares):
            continue
        found = [share for share in shares if share is not None]
        step = int(found[0].steps[-1])
        at = np.flatnonzero(count.steps == step)
        episodes = float(count.values[at[-1]]) if len(at) else float("nan")
        rate = float(sum(share.values[-1] for share in found))
        if not np.isfinite(episodes) or not np.isfinite(rate) or episodes < 1:
            return Missing(reason=f"{tags[0]} or {counted} is not a number of episodes", tags=tags)
        hits = min(round(rate * episodes), int(episodes))
        return EpisodeRate(
            hits=hits,
            episodes=int(episodes),
            interval=wilson_interval(hits, int(episodes)),
            routes=routes,
            series=found[0].where(slice(len(found[0]) - 1, None)),
        )
    reason = "no evaluation of driving is logged"
    return Missing(reason=reason, tags=(f"eval_driving/{measures[0]}",), not_applicable=True)


class Difference(Struct, frozen=True, kw_only=True):
    """A mean difference of episodes on the same routes."""

    mean: float
    error: float
    """Standard error."""


class AgainstRules(Struct, frozen=True, kw_only=True):
    """The policy beside the driver by rules, on the same held-out routes."""

    episodes: int
    earned: Difference
    """Return of the policy minus that of the driver by rules."""
    completed: Difference
    """Route completion of the driver by rules minus that of the policy."""
    succeeded: Difference
    """Success of the driver by rules minus that of the policy, as a share of the episodes."""
    words: str
    """Both drivers' numbers."""


def against_rules(final: FinalEvaluation | None) -> AgainstRules | Missing:
    """Compare what the policy and the driver by rules earned, and how they drove, route by route."""
    held_out = {d.driver: d for d in final.drives if d.routes == "held_out"} if final else {}
    policy, rules = held_out.get("policy"), held_out.get("rule_based")
    if policy is None or rules is None or len(policy.episodes) != len(rules.episodes):
        return _no_rules("no driver by rules drove the same routes")
    if len(policy.episodes) < 2:
        return _no_rules("fewer than two routes were driven by policy and rules")
    return AgainstRules(
        episodes=len(policy.episodes),
        earned=_difference(_returns(policy) - _returns(rules)),
        completed=_difference(_completed(rules) - _completed(policy)),
        succeeded=_difference(_succeeded(rules) - _succeeded(policy)),
        words="; ".join(
            f"{name}: return {np.mean(_returns(d)):.4g}, route completion {np.mean(_completed(d)):.0%}, "
            f"success {np.mean(_succeeded(d)):.0%}"
            for name, d in (("the policy", policy), ("the driver by rules", rules))
        ),
    )


def _no_rules(reason: str) -> Missing:
    return Missing(reason=reason, not_applicable=True)


def _difference(each: FloatArray) -> Difference:
    error = float(np.std(each, ddof=1)) / float(np.sqrt(len(each)))
    return Difference(mean=float(np.mean(each)), error=error)


def _returns(drives: Drives) -> FloatArray:
    return np.array([e.total for e in drives.episodes], dtype=np.float64)


def _completed(drives: Drives) -> FloatArray:
    return np.array([e.route_completion for e in drives.episodes], dtype=np.float64)


def _succeeded(drives: Drives) -> FloatArray:
    return np.array([e.success for e in drives.episodes], dtype=np.float64)
