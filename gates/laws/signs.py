"""Signs that a policy stands still, is overrated, or can no longer learn; most foretell more than they prove."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from gates.algorithms import TD3_AND_SAC, TD3_KIN
from gates.facts.run_facts import RunFacts
from gates.facts.values import Missing
from gates.laws.law import Law
from gates.laws.quantity import Quantity, derived, of_run, pair_tags
from gates.laws.witness import any_of, of_tag
from gates.metrics import align
from gates.series import FloatArray, IntArray, Series
from gates.text import format_limit, format_number

ENOUGH = 5
"""Equal evaluations in a row; fewer say nothing."""
CLEARLY = 2.0
"""Standard errors by which a policy counts as better than the one before the first update."""
UNITS = (1.0, 0.1, 0.01, 0.001)
"""Rewards that are multiples of one of these are counts of something."""
ROUNDING = 2e-7
"""Of event files, relative: they hold 32 bits."""
CUT_OFF = 0.5
"""Share of a value beyond the time limit from which an episode's return says too little."""


def evaluations_repeat(facts: RunFacts) -> Quantity | Missing:
    """Evaluations in a row, up to the newest one, whose returns have one mean, spread and length to the last bit.

    A policy that is trained acts differently after every update, and so its returns differ on the same episodes.
    """
    found = facts.need("eval/mean_reward", "eval/std_reward", "eval/mean_episode_length")
    if isinstance(found, Missing):
        return found
    steps, (mean, spread, length) = align(*found)
    start = facts.learning_starts
    trained = np.zeros(len(steps), dtype=bool) if start is None else steps > start.value
    if trained.sum() < ENOUGH or not np.isfinite(mean[-1]):
        reason = f"fewer than {ENOUGH} finite evaluations were made after the first update"
        return Missing(reason=reason)
    same = trained & (mean == mean[-1]) & (spread == spread[-1]) & (length == length[-1])
    count = int(np.argmin(same[::-1])) if not same.all() else len(same)
    why = count >= ENOUGH and (
        _not_updated(facts, steps[-count:])
        or _counted(facts, mean, spread, length)
        or _better(facts, mean, spread, np.flatnonzero(~trained)[:1])
    )
    if why:
        reason = f"the last {count} evaluations are equal, but {why}"
        return Missing(reason=reason)
    formula = "newest evaluations with one mean, spread and length"
    tag = "eval/mean_reward"
    return of_run("evaluations_repeat", facts, float(count), int(trained.sum()), formula, tag)


def _not_updated(facts: RunFacts, steps: IntArray) -> str:
    """Say why a policy may have stood still by design between evaluations at these steps."""
    updates = facts.series("agent/actor_updates")
    if updates is None:
        return "the actor's updates are not logged"
    at, (total,) = align(updates)
    moving = (np.diff(np.interp(steps, at, total)) > 0).all()
    return "" if moving else "the actor was not updated between these evaluations"


def _counted(facts: RunFacts, mean: FloatArray, spread: FloatArray, length: FloatArray) -> str:
    """Say why another policy may have earned the same: returns that count steps or events, or that are all one."""
    if spread[-1] == 0.0:
        return "all episodes have one return, which another policy may earn too"
    counts = "returns count steps or events, which another policy may do as often"
    one_for_each_step = np.ptp(mean / length) <= ROUNDING * float(np.max(np.abs(mean / length)))
    if one_for_each_step and np.ptp(length) > 0:
        return counts
    returns = mean * _episodes(facts)
    trained = facts.series("train/episode_reward")
    if trained is not None and not trained.aggregated:
        returns = np.concatenate([returns, trained.values[np.isfinite(trained.values)]])
    for unit in UNITS:
        number = returns / unit
        off = np.maximum(ROUNDING * np.abs(number), 1e-3)
        if off.max() < 0.05 and (np.abs(number - np.round(number)) <= off).all():
            return counts
    return ""


def _better(facts: RunFacts, mean: FloatArray, spread: FloatArray, first: IntArray) -> str:
    """Say why a policy that stands still may have solved its task."""
    if facts.warm_start or not len(first):
        return "no evaluation was made of an untrained policy"
    error = float(np.hypot(spread[-1], spread[first[0]])) / _episodes(facts) ** 0.5
    gain = float(mean[-1] - mean[first[0]])
    if gain < CLEARLY * error:
        return ""
    return f"they are {format_number(gain)} above the policy that the run began with"


def _episodes(facts: RunFacts) -> float:
    """Return the episodes of an evaluation; 1 where that is not logged."""
    logged = facts.series("eval/episodes")
    return max(1.0, float(logged.values[-1])) if logged is not None else 1.0


def overestimation_at_start(facts: RunFacts) -> Quantity | Missing:
    """Q of an evaluation's first observations less the discounted return of its episodes, over the larger one of both.

    From -2 to 2. An episode that the time limit cut off counts as going on in the same way.
    """
    found = facts.need(
        "eval/start_q",
        "eval/discounted_return",
        "eval/mean_episode_length",
        "eval/time_limit_share",
    )
    if isinstance(found, Missing):
        return found
    start = facts.learning_starts
    if start is None or (facts.run is not None and facts.run.number("reward_clip") is not None):
        reason = "rewards are clipped for the critic, or nothing was learned"
        return Missing(reason=reason)
    steps, (expected, earned, length, cut) = align(*found)
    beyond = min(facts.gamma.value, 0.9999) ** np.maximum(length, 1.0)
    if float(np.median(beyond * cut)) > CUT_OFF:
        reason = "most of the value lies beyond the time limit of the episodes"
        return Missing(reason=reason)
    earned = earned * (1.0 + cut * beyond / (1.0 - beyond))
    size = np.maximum(np.abs(expected), np.abs(earned))
    keep = (size > 0) & (steps > start.value)
    values = (expected - earned)[keep] / size[keep]
    formula = "(eval/start_q - eval/discounted_return) / the larger one"
    series = derived("overestimation_at_start", steps[keep], values, formula)
    return Quantity(series=series, points=len(series), tags=pair_tags(found))


critics_disagree = of_tag("critics_disagree", "critics/disagreement")


def dormant_units(facts: RunFacts) -> Quantity | Missing:
    """Share of hidden units that hardly answer to any state; the larger one of actor's and critic's."""
    found = any_of(facts, "units/actor_dormant", "units/critic_dormant")
    return _together("dormant_units", found, lambda shares: np.asarray(np.max(shares, axis=0)))


def feature_rank(facts: RunFacts) -> Quantity | Missing:
    """Directions that the last hidden layer fills, over those at first; the smaller one of actor's and critic's."""
    found = any_of(facts, "features/actor_rank", "features/critic_rank")
    return _together("feature_rank", found, _least_kept)


def _least_kept(ranks: tuple[FloatArray, ...]) -> FloatArray:
    return np.asarray(np.min([rank / rank[:1] for rank in ranks], axis=0))


def _together(
    name: str,
    found: tuple[Series, ...] | Missing,
    reduce: Callable[[tuple[FloatArray, ...]], FloatArray],
) -> Quantity | Missing:
    """Make one series of those of several networks, at the steps that they share."""
    if isinstance(found, Missing):
        return found
    steps, values = align(*found)
    tags = pair_tags(found)
    series = derived(name, steps, reduce(values), " and ".join(tags))
    return Quantity(series=series, points=len(steps), tags=tags)


SIGNS: tuple[Law, ...] = (
    Law(
        name="evaluations_repeat",
        words="equal evaluations in a row",
        quantity=evaluations_repeat,
        fact=lambda b: f"the last {format_limit(b.value)} evaluations are equal to the last bit",
        assumes=(
            "Each evaluation runs the same episodes, and rewards are not counts: a multiple of 0.001 counts as one.",
            (
                "A policy that solved its task may stand still: where evaluations are better than those before the "
                "first update the law does not apply."
            ),
        ),
        algorithms=(),
        of_updates=False,
        only_if_logged=True,
    ),
    Law(
        name="overestimation_at_start",
        words="(Q at the start - return) / the larger one",
        quantity=overestimation_at_start,
        fact=lambda b: f"Q at the start differs from the return by {b.share} of the larger one",
        assumes=(
            "Rewards are spread evenly over an episode that is cut off.",
            "A critic learns values from below or from above, so that a young one may be far away.",
        ),
        algorithms=TD3_KIN,
        of_updates=False,
        only_if_logged=True,
    ),
    Law(
        name="critics_disagree",
        words="mean distance of the critics / spread of the targets",
        quantity=critics_disagree,
        fact=lambda b: f"the critics are {b.share} of the targets' spread apart",
        assumes=("Critics that learn from the same targets agree more and more.",),
        algorithms=TD3_AND_SAC,
        only_if_logged=True,
    ),
    Law(
        name="dormant_units",
        words="share of dormant units",
        quantity=dormant_units,
        fact=lambda b: f"{b.share} of the units of a network hardly answer to any state",
        assumes=("Hidden layers end in a ReLU; small networks and easy tasks need few units.",),
        algorithms=TD3_AND_SAC,
        only_if_logged=True,
    ),
    Law(
        name="feature_rank",
        words="rank of the last features / its start",
        quantity=feature_rank,
        fact=lambda b: f"the last features fill {b.share} of the directions at first",
        assumes=("A task with few directions needs no more.",),
        algorithms=TD3_AND_SAC,
        only_if_logged=True,
    ),
)
"""In the order of the documentation."""
