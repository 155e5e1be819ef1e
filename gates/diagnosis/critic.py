"""Diagnosis rules about the critic: its discount, terminations, rewards and targets."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from gates.diagnosis.signs import Signs
from gates.diagnosis.suspicion import Suspicion
from gates.diagnosis.wiring import DECOUPLED, leaking_path
from gates.facts.episodes import Episodes
from gates.laws.reward_shape import RewardShape
from gates.laws.targets import LARGEST_TAU
from gates.text import format_number

BEYOND = 1.15
"""Times its bound from which a value is no overshoot of a critic that is learning."""
LOST_TERMINATIONS = 0.1
ENLARGED = 1.2
"""Value in the targets over the critic's own that no lag and no difference between states explains."""
UNKNOWN_SCALE_RATIO = 8.0
"""Batch over episode rewards that no usual deliberate scale explains."""
KNOWN_SCALE_RATIO = 3.0
"""The same when the scale is known and divided out."""


def critic_divergence(signs: Signs) -> Suspicion | None:
    """Values beyond what the rewards allow, in the critic itself."""
    gamma = signs.facts.measured_gamma
    excess = signs.excess
    no_contraction = gamma is not None and gamma.value >= 0.99999
    beyond = excess is not None and excess[0] > BEYOND
    decoupled = signs.decoupling is not None and signs.decoupling > DECOUPLED
    enlarged = signs.law("bootstrap_over_policy_q")
    factor = 0.0
    if enlarged is not None:
        tail = enlarged.series.values[-max(5, len(enlarged.series) // 4) :]
        factor = float(np.quantile(tail, 0.05, method="nearest"))
    if not (no_contraction or beyond or factor > ENLARGED) or decoupled or leaking_path(signs):
        return None
    evidence = []
    if factor > ENLARGED:
        evidence.append(
            f"The targets bootstrap from at least {format_number(factor)} times what the critic says of the policy's "
            "actions, in 19 of 20 of the last updates; correct targets hold 0.3 to 1.05 times as much."
        )
    if beyond and excess is not None:
        trace = signs.trace(excess[1])
        largest = format_number(trace.largest) if trace else ""
        evidence.append(
            f"|{excess[1]}| reaches {largest}, {format_number(excess[0])} times its bound: {excess[2].derivation}."
        )
    if no_contraction and gamma is not None:
        evidence.append(
            f"The targets use a discount of {gamma.value:g}, not below 1, so their values have no bound."
        )
    q1, target, actor_q = (
        signs.trace(tag) for tag in ("train/q1_value", "debug/target_q_mean", "debug/actor_q_mean")
    )
    if beyond and q1 and target and signs.decoupling is not None:
        text = f"replay Q {format_number(q1.last)}, TD target {format_number(target.last)}"
        text += f", actor Q {format_number(actor_q.last)}" if actor_q else ""
        evidence.append(f"All values rise together: {text} at step {q1.last_step:,}.")
    growth = signs.replay_growth
    if growth is not None and growth.law == "exponential" and growth.rate > 0:
        evidence.append(
            f"|replay Q| grows exponentially, doubling every {format_number(growth.doubling)} updates: R2 "
            f"{growth.r_squared:.3f} against {growth.rival_r_squared:.3f} for a power law."
        )
    config = {"train.gamma": 0.99} if no_contraction else None
    return Suspicion(cause="critic_divergence", evidence=tuple(evidence), config=config)


def terminal_flag_dropped(signs: Signs) -> Suspicion | None:
    """Terminations happen and are not in the batches, or do not change the discount."""
    quantity = signs.law("done_ratio_over_terminations")
    episodes = signs.facts.episodes
    if quantity is None or not isinstance(episodes, Episodes):
        return None
    ratio = float(quantity.series.values[0])
    if not ratio < LOST_TERMINATIONS:
        return None
    ended = int(episodes.ended_by_termination.sum())
    done = signs.trace("debug/done_ratio")
    mean = float(np.mean(episodes.lengths))
    evidence = [
        f"{ended} of {len(episodes)} episodes ended by termination after {format_number(mean)} steps on average, yet "
        f"the batches show {format_number(ratio)} of the terminations expected ({quantity.points} logged updates)."
    ]
    if signs.facts.terminations_ignored:
        evidence.append("debug/effective_discount stays the same while debug/done_ratio changes.")
    elif done is not None and done.largest == 0:
        evidence.append(f"debug/done_ratio is 0 in all {done.points} logged updates.")
    gamma = signs.facts.measured_gamma
    if gamma is not None and done is not None and done.largest == 0:
        evidence.append(
            f"debug/effective_discount is {gamma.value:g} throughout: no target was cut off."
        )
    return Suspicion(cause="terminal_flag_dropped", evidence=tuple(evidence))


def _unexplained_factor(shape: RewardShape) -> bool:
    if shape.known_scale is None:
        return abs(shape.ratio) > UNKNOWN_SCALE_RATIO
    return abs(shape.ratio) > KNOWN_SCALE_RATIO


def reward_accumulated(signs: Signs) -> Suspicion | None:
    """Rewards in the batches look like running sums of the episodes."""
    shape = signs.reward_shape
    if shape is None or not shape.like_sums or signs.one_reward_factor:
        return None
    return Suspicion(
        cause="reward_accumulated",
        evidence=(
            _reward_evidence(shape),
            f"Spread and extremes of the batch rewards (largest {format_number(shape.batch_max)}) are those of "
            f"running sums within an episode: log distance {shape.distance_to_sums:.2f}, where one factor on all "
            "rewards gives 2 and more.",
        ),
    )


def reward_scale(signs: Signs) -> Suspicion | None:
    """Rewards in the batches are a constant times those of the episodes."""
    shape = signs.reward_shape
    if shape is None or not _unexplained_factor(shape) or shape.like_sums:
        return None
    if signs.one_reward_factor is False:
        return None
    evidence = [
        _reward_evidence(shape),
        f"Their spread and extremes do not look like running sums (log distance {shape.distance_to_sums:.2f}).",
    ]
    gradient = signs.trace("gradients/critic_mlp_norm")
    if gradient is not None and gradient.largest > 1e4:
        evidence.append(f"The critic's gradient reaches {format_number(gradient.largest)}.")
    config: Mapping[str, object] = {}
    return Suspicion(cause="reward_scale", evidence=tuple(evidence), config=config)


def _reward_evidence(shape: RewardShape) -> str:
    known = (
        f", the scale {shape.known_scale:g} divided out"
        if shape.known_scale not in (None, 1.0)
        else ""
    )
    return (
        f"The mean reward in the batches is {format_number(shape.batch_mean)}{known}, "
        f"{format_number(shape.ratio)} times the {format_number(shape.per_step)} per step that the episodes "
        "earned; unchanged rewards give 0.5 to 2."
    )


def target_not_averaged(signs: Signs) -> Suspicion | None:
    """Targets follow the critic faster than averaging allows."""
    quantity = signs.law("target_network_speed")
    if quantity is None:
        return None
    excess = float(quantity.series.values[0])
    if excess <= 1.0:
        return None
    evidence = (
        f"The targets follow the critic at least {format_number(excess)} times as fast as averaging allows, in "
        f"{quantity.points} early updates: {quantity.note}.",
    )
    configured = signs.facts.run.number("tau") if signs.facts.run else None
    config = {"train.tau": 0.005} if configured is not None and configured > LARGEST_TAU else {}
    return Suspicion(cause="target_not_averaged", evidence=evidence, config=config)


CRITIC_RULES: tuple[Callable[[Signs], Suspicion | None], ...] = (
    critic_divergence,
    terminal_flag_dropped,
    reward_accumulated,
    reward_scale,
    target_not_averaged,
)
