"""How the policy without noise ended its episodes of driving, on the routes that tell most."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gates.facts.values import Missing
from gates.metrics import Interval, wilson_interval
from gates.series import EventLog, Series

GROUPS = (
    ("held_out_driving", "held_out_driving/episodes", "held-out routes"),
    ("final_driving", "final_driving/episodes", "training routes"),
    ("eval_driving", "eval/episodes", "routes of the last evaluation"),
)
"""Groups of tags, the most telling first, with the tag of the number of episodes and the routes in words."""


@dataclass(frozen=True, kw_only=True)
class EpisodeRate:
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
