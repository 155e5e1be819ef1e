"""The policy that a run began with, and how it did: what learning is measured against."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gates.facts.run_facts import RunFacts
from gates.facts.values import Missing
from gates.metrics import after_step
from gates.series import Series


@dataclass(frozen=True, kw_only=True)
class FirstResult:
    """Result of the policy that a run began with."""

    mean: float
    error: float
    """Standard error of the mean; 0 when unknown."""
    source: str


def first_policy(facts: RunFacts) -> str:
    """Name the policy that a run began with."""
    return "policy that the run began with" if facts.warm_start else "untrained policy"


def first_result(tag: str, facts: RunFacts) -> FirstResult | Missing:
    """Return the result of the untrained policy, or of the one that a warm start carried over."""
    series = facts.series(tag)
    first_update = facts.learning_starts
    if series is not None and first_update is not None:
        before = series.where((series.steps <= first_update.value) & np.isfinite(series.values))
        if len(before):
            plural = "s" if len(before) > 1 else ""
            return FirstResult(
                mean=float(before.values.mean()),
                error=standard_error(facts, tag, before),
                source=f"{len(before)} evaluation{plural} of the {first_policy(facts)}",
            )
    episodes = facts.episodes
    returns_of = {"eval/mean_reward": "returns", "eval/mean_episode_length": "lengths"}
    if not isinstance(episodes, Missing) and tag in returns_of:
        values = getattr(episodes, returns_of[tag])
        learning = facts.in_learning(episodes)
        if values is not None and learning is not None:
            sample = values[~learning]
            sample = sample[np.isfinite(sample)]
            if len(sample) >= 5:
                who = f"the {first_policy(facts)}" if facts.warm_start else "random exploration"
                return FirstResult(
                    mean=float(sample.mean()),
                    error=float(sample.std()) / float(np.sqrt(len(sample))),
                    source=f"{len(sample)} episodes of {who}",
                )
    reason = (
        "neither an evaluation before the first update nor enough exploration episodes are logged"
    )
    return Missing(reason=reason, tags=(tag,))


def after_training(series: Series, facts: RunFacts) -> Series:
    """Return the points after the first update; none when that is unknown."""
    start = facts.learning_starts
    return series.where(slice(0, 0)) if start is None else after_step(series, int(start.value))


def standard_error(facts: RunFacts, tag: str, cut: Series) -> float:
    """Return the standard error of mean returns from the logged spread and number of episodes, 0 when unknown."""
    deviation, count = facts.series("eval/std_reward"), facts.series("eval/episodes")
    if tag != "eval/mean_reward" or deviation is None or count is None or not len(cut):
        return 0.0
    low, high = int(cut.steps.min()), int(cut.steps.max())
    spreads = deviation.values[(deviation.steps >= low) & (deviation.steps <= high)]
    episodes = count.values[(count.steps >= low) & (count.steps <= high)]
    if not len(spreads) or not len(episodes) or not np.isfinite(spreads).all():
        return 0.0
    return float(np.sqrt(np.mean(spreads**2))) / float(np.sqrt(max(1.0, episodes.sum())))
