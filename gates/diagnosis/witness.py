"""Diagnosis rules about the batch against the environment: rewards, actions, observations, exploration."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from gates.diagnosis.signs import Signs
from gates.diagnosis.suspicion import Suspicion
from gates.laws.quantity import Quantity
from gates.metrics import finite_median
from gates.text import format_number, format_share

WRONG_REWARD = 1e-3
EXACT = 1e-5
"""Rounding of what is computed twice."""
WRONG = 1e-4
NO_NOISE, MUCH_NOISE = 1e-3, 1.6
"""Noise on the actions over the configured one."""
ONE_SIDED = 0.25
"""Share of the steps with noise to one side less that to the other."""
OPPOSITE = -0.99
FEW = 3
WRONG_OBS, AT_ENDS = 1e-5, 0.2
"""Shares of wrong observations: of any, and of those that ends of episodes explain."""
UNEVEN = 0.1
"""Distance from even draws beyond what chance explains."""
MOVED = 0.05
"""Share of the transitions whose reward may change: n-step returns at the end of a buffer grow."""


def broken(signs: Signs, law: str, above: float) -> Quantity | None:
    """Return a law whose median is above a level."""
    quantity = signs.law(law)
    if quantity is None or quantity.points < FEW:
        return None
    return quantity if finite_median(quantity.series.values) > above else None


def middle(signs: Signs, tag: str) -> float | None:
    """Return the median of a tag."""
    series = signs.facts.series(tag)
    return None if series is None else finite_median(series.values)


def rewards_move(signs: Signs) -> Suspicion | None:
    """Transitions have another reward whenever they are replayed."""
    quantity = signs.law("reward_moved")
    if quantity is None or quantity.points < FEW:
        return None
    share = finite_median(quantity.series.values)
    if not share > MOVED:
        return None
    evidence = (
        f"Of the transitions that were seen before, {format_share(share)} have another reward than then, in "
        f"{quantity.points} logged updates.",
    )
    return Suspicion(cause="rewards_of_other_transitions", evidence=evidence)


def rewards_differ(signs: Signs) -> Suspicion | None:
    """Rewards of the batches are not the environment's: scaled, late, or those of other transitions."""
    quantity = broken(signs, "reward_error", WRONG_REWARD)
    if quantity is None:
        return None
    correlation = middle(signs, "replay/reward_correlation")
    late = middle(signs, "replay/reward_error_of_step_before")
    error = finite_median(quantity.series.values)
    evidence = [
        f"At the same index rewards of the batch differ from the environment's by {format_number(error)} of their "
        f"spread, in {quantity.points} measured updates."
    ]
    if late is not None and late < WRONG_REWARD:
        evidence.append("They equal the environment's reward of the step before.")
        return Suspicion(cause="rewards_delayed", evidence=tuple(evidence))
    if correlation is not None:
        evidence.append(
            f"Their correlation with the environment's is {format_number(correlation)}."
        )
    if signs.one_reward_factor:
        return Suspicion(cause="reward_scale", evidence=tuple(evidence))
    shape = signs.reward_shape
    if shape is not None and shape.like_sums:
        return None
    return Suspicion(cause="rewards_of_other_transitions", evidence=tuple(evidence))


def drawn_unevenly(signs: Signs) -> Suspicion | None:
    """Batches come from a part of the replay."""
    quantity = broken(signs, "draws_uneven", UNEVEN)
    if quantity is None:
        return None
    evidence = (
        f"The ages of a batch's transitions, or their environments, are "
        f"{format_number(finite_median(quantity.series.values))} further from evenly distributed ones than chance "
        f"explains, in {quantity.points} measured updates.",
    )
    return Suspicion(cause="replay_drawn_unevenly", evidence=evidence)


def actions_not_taken(signs: Signs) -> Suspicion | None:
    """Replayed actions are not those that the environment received, or the critic is trained on the policy's."""
    differs, asked = (broken(signs, law, WRONG) for law in ("action_error", "critic_loss_error"))
    distance = middle(signs, "replay/policy_distance")
    if differs is None and asked is None:
        return None
    if asked is not None or (distance is not None and distance < EXACT):
        return _critic_on_policy_action(signs, distance)
    correlation = middle(signs, "replay/action_correlation")
    assert differs is not None
    evidence = [
        f"At the same index replayed actions are {format_number(finite_median(differs.series.values))} away from "
        f"those that the environment received, in {differs.points} measured updates."
    ]
    if correlation is not None:
        sign = ", the opposite sign" if correlation < OPPOSITE else ""
        evidence.append(f"Their correlation is {format_number(correlation)}{sign}.")
    return Suspicion(cause="actions_not_taken", evidence=tuple(evidence))


def _critic_on_policy_action(signs: Signs, distance: float | None) -> Suspicion | None:
    evidence = []
    error = middle(signs, "bellman/q_error")
    if error is not None and error > EXACT:
        evidence.append(
            f"Q of the critic's loss is off Q(s, a) of the replayed actions by {format_number(error)} of its size."
        )
    if distance is not None and distance < EXACT:
        evidence.append(
            f"The actions that the critic is trained on are {format_number(distance)} away from the policy's own."
        )
    if not evidence:
        return None
    return Suspicion(cause="critic_on_policy_action", evidence=tuple(evidence))


def observations_differ(signs: Signs) -> Suspicion | None:
    """Replayed observations are not the environment's; next ones may be the observations themselves."""
    change = signs.law("obs_change")
    if change is not None and float(change.series.values[0]) < 1e-3:
        evidence = (
            f"Observations in the batches change by {format_number(float(change.series.values[0]))} of what they do "
            f"in the environment, in {change.points} measured updates.",
        )
        return Suspicion(cause="next_obs_is_obs", evidence=evidence)
    differs = signs.law("obs_error")
    if differs is None or differs.points < FEW:
        return None
    share = float(np.nanmean(differs.series.values))
    if not share > WRONG_OBS:
        return None
    evidence = (
        f"At the same index {format_share(share)} of the transitions hold another observation than the environment "
        f"showed, in {differs.points} measured updates.",
    )
    now = signs.facts.series("replay/obs_error")
    if now is not None and not now.values.any() and share < AT_ENDS:
        few = "Only next observations differ, and few of them do: those at the ends of episodes."
        return Suspicion(cause="reset_as_next_obs", evidence=(*evidence, few))
    return Suspicion(cause="observations_of_other_steps", evidence=evidence)


def exploration_not_configured(signs: Signs) -> Suspicion | None:
    """Configured noise is not in the actions, or far more than that."""
    quantity = signs.law("exploration_over_configured")
    if quantity is None or quantity.points < FEW:
        return None
    share = finite_median(quantity.series.values)
    if NO_NOISE < share < MUCH_NOISE:
        return None
    evidence = (
        f"Actions differ from the policy's by {format_number(share)} of the configured noise, in {quantity.points} "
        "measured updates; normal noise gives 0.8 at most.",
    )
    cause = "exploration_missing" if share <= NO_NOISE else "exploration_enlarged"
    return Suspicion(cause=cause, evidence=evidence)


def exploration_to_one_side(signs: Signs) -> Suspicion | None:
    """Actions are above the policy's far more often than below, or the other way round."""
    quantity = signs.law("exploration_side")
    if quantity is None or quantity.points < FEW:
        return None
    share = finite_median(quantity.series.values)
    if not abs(share) > ONE_SIDED:
        return None
    mostly = "above" if share > 0 else "below"
    evidence = (
        f"Of the newest 1,000 steps {format_share(abs(share))} more are {mostly} the policy's action than on the other "
        f"side of it, in {quantity.points} measured updates.",
    )
    return Suspicion(cause="exploration_biased", evidence=evidence)


def exploration_off(signs: Signs) -> Suspicion | None:
    """No noise is configured, and the actor draws none."""
    noise = signs.trace("agent/exploration_noise")
    if noise is None or noise.points < FEW or noise.largest > 0:
        return None
    evidence = (f"agent/exploration_noise is 0 in all {noise.points} logged updates.",)
    return Suspicion(cause="exploration_off", evidence=evidence)


WITNESS_RULES: tuple[Callable[[Signs], Suspicion | None], ...] = (
    rewards_differ,
    rewards_move,
    drawn_unevenly,
    actions_not_taken,
    observations_differ,
    exploration_to_one_side,
    exploration_not_configured,
    exploration_off,
)
