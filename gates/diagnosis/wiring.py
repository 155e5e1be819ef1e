"""Diagnosis rules about how the actor raises Q: past its output, through a shared encoder, or out of bounds."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from gates.diagnosis.signs import Signs
from gates.diagnosis.suspicion import Suspicion
from gates.facts.bounds import Bound
from gates.text import format_number

LEAKING_RATIO = 12.0
"""Encoder over MLP gradient that no path through the MLP explains; correct wiring stays below 6."""
DECOUPLED = 3.0
"""Actor Q over replay Q that one critic on the same states does not explain."""
FAR_DECOUPLED = 10.0


def leaking_path(signs: Signs) -> bool:
    """Say whether a gradient reaches the actor's encoder past its MLP."""
    if signs.leak_probe is not None:
        return signs.leak_probe > 0
    ratio = signs.gradient_ratio
    return ratio is not None and ratio > LEAKING_RATIO and not _refuted(signs)


def _refuted(signs: Signs) -> bool:
    """True when Q on the critic's features equals the actor's Q though the encoders differ: another loss trains it."""
    same_q = signs.q_on_critic_features
    return same_q is not None and abs(same_q - 1.0) < 0.01 and signs.encoders_are_one is False


def one_encoder(signs: Signs) -> bool:
    """Say whether actor and critic use the same encoder, as far as the run tells."""
    if signs.encoders_are_one is not None:
        return signs.encoders_are_one
    if signs.q_on_critic_features is not None:
        return abs(signs.q_on_critic_features - 1.0) < 0.01
    actor_q = signs.trace("debug/actor_q_mean")
    large = actor_q is not None and abs(actor_q.last) > 5.0
    return large and signs.decoupling is not None and signs.decoupling < 1.5


def unbounded(signs: Signs) -> bool:
    """Say whether the action is the output before any tanh."""
    share = signs.law_tail("action_without_tanh")
    return share is not None and share > 0.5


def actor_encoder_leak(signs: Signs) -> Suspicion | None:
    """The critic's head evaluates the actor encoder's features."""
    decoupling = signs.decoupling
    by_gradient = leaking_path(signs) and not one_encoder(signs)
    ratio = signs.gradient_ratio
    exonerated = signs.leak_probe == 0 or (ratio is not None and ratio <= LEAKING_RATIO)
    by_value = decoupling is not None and decoupling > FAR_DECOUPLED and not unbounded(signs)
    by_value = by_value and not exonerated
    by_value = by_value or (decoupling is None and not exonerated and _far_from_critic(signs))
    same_q = signs.q_on_critic_features
    by_features = (
        decoupling is not None
        and decoupling > DECOUPLED
        and same_q is not None
        and abs(same_q) < 0.5
    )
    if not (by_gradient or by_value or by_features):
        return None
    evidence = [*_path_evidence(signs), *_decoupling_evidence(signs)]
    if decoupling is None and _far_from_critic(signs):
        evidence.append(_far_evidence(signs))
    if by_features and same_q is not None:
        evidence.append(
            f"Q1 on the critic's own features is {format_number(same_q)} of the actor's Q for the same actions."
        )
    actor, critic = signs.feature_growth("actor"), signs.feature_growth("critic")
    if actor and critic and actor > 3.0 * critic and actor > 2.0:
        evidence.append(
            f"The actor's features grew {format_number(actor)} times, the critic's {format_number(critic)} times."
        )
    growth = signs.actor_growth
    if (
        growth is not None
        and growth.rate > 0
        and growth.r_squared > 0.8
        and decoupling
        and decoupling > DECOUPLED
    ):
        shape = (
            f"exponent {growth.rate:.1f}"
            if growth.law == "power law"
            else f"doubling every {format_number(growth.doubling)} updates"
        )
        evidence.append(
            f"|actor Q| follows a {growth.law} of the updates, {shape}, R2 {growth.r_squared:.2f}."
        )
    return Suspicion(
        cause="actor_encoder_leak",
        evidence=tuple(evidence),
        does_not_explain=_not_overestimation(signs),
    )


def _far_from_critic(signs: Signs) -> bool:
    """Without a replay Q: an actor Q beyond its bound that the critic's own errors never approach."""
    actor_q, loss, bound = (
        signs.trace("debug/actor_q_mean"),
        signs.trace("train/critic_loss"),
        signs.facts.q_bound,
    )
    if actor_q is None or loss is None or not isinstance(bound, Bound):
        return False
    return abs(actor_q.last) > max(bound.high, 1000.0 * float(np.sqrt(max(loss.last, 1e-12))))


def _far_evidence(signs: Signs) -> str:
    actor_q, loss = signs.trace("debug/actor_q_mean"), signs.trace("train/critic_loss")
    assert actor_q is not None
    assert loss is not None
    return (
        f"Actor Q is {format_number(actor_q.last)} at step {actor_q.last_step:,}, beyond any honest value, while the "
        f"critic's loss is only {format_number(loss.last)}: the critic does not see these values."
    )


def _path_evidence(signs: Signs) -> list[str]:
    evidence = []
    if signs.leak_probe:
        evidence.append(
            "With the action held fixed the gradient of -Q1 at the actor's encoder is "
            f"{format_number(signs.leak_probe)}, and must be exactly 0."
        )
    quantity = signs.law("actor_cnn_over_mlp_gradient")
    if quantity is not None and signs.gradient_ratio and signs.gradient_ratio > LEAKING_RATIO:
        series = quantity.series
        hits = np.flatnonzero(series.values > LEAKING_RATIO)
        size = (
            "is there while its MLP has none"
            if np.isinf(signs.gradient_ratio)
            else f"is {format_number(signs.gradient_ratio)} times its MLP gradient"
        )
        evidence.append(
            f"The actor's encoder gradient {size} (95th percentile), above {LEAKING_RATIO:g} in {len(hits)} of "
            f"{len(series)} logged updates, first at step {int(series.steps[hits[0]]):,}; through the MLP it would "
            "be 0.4 to 6 times."
        )
    return evidence


def _decoupling_evidence(signs: Signs) -> list[str]:
    actor_q, q1 = signs.trace("debug/actor_q_mean"), signs.trace("train/q1_value")
    if signs.decoupling is None or signs.decoupling <= DECOUPLED or actor_q is None or q1 is None:
        return []
    return [
        f"Actor Q is {format_number(actor_q.last)} while replay Q is {format_number(q1.last)} on the same batches, "
        f"{format_number(signs.decoupling)} times as much, at step {actor_q.last_step:,}; one critic gives 1.0 to 1.1."
    ]


def _not_overestimation(signs: Signs) -> tuple[str, ...]:
    """Show with numbers that the critic itself is fine, and what therefore does not help."""
    q1, bound = signs.trace("train/q1_value"), signs.facts.q_bound
    if q1 is None or not isinstance(bound, Bound) or q1.largest > bound.high:
        return ()
    parts = [f"replay Q never exceeds {format_number(q1.largest)}"]
    target, error = signs.trace("debug/target_q_max"), signs.trace("debug/td_error_q1")
    if target is not None:
        parts.append(f"the TD target never exceeds {format_number(target.largest)}")
    if error is not None:
        parts.append(f"the TD error is {format_number(error.last)}")
    return (
        f"It is not critic overestimation: {', '.join(parts)}, against a bound of {format_number(bound.high)}. "
        "Critic weight decay (L2), smaller targets or a lower discount would not help.",
    )


def shared_encoder_actor_gradient(signs: Signs) -> Suspicion | None:
    """The actor's loss trains an encoder that the critic uses too."""
    if not (leaking_path(signs) and one_encoder(signs)):
        return None
    evidence = _path_evidence(signs)
    if signs.encoders_are_one:
        evidence.append(
            f"Actor and critic encoder show the same norms at all {signs.shared_points} logged updates: they are one."
        )
    if signs.decoupling is not None and signs.decoupling < DECOUPLED:
        evidence.append(
            f"Actor Q and replay Q agree ({format_number(signs.decoupling)}): both come from the same features."
        )
    actor, critic = signs.feature_growth("actor"), signs.feature_growth("critic")
    if actor and critic and min(actor, critic) > 1.5:
        evidence.append(
            f"Both encoders' features grew, {format_number(actor)} and {format_number(critic)} times."
        )
    return Suspicion(cause="shared_encoder_actor_gradient", evidence=tuple(evidence))


def unbounded_action(signs: Signs) -> Suspicion | None:
    """The policy leaves the action space."""
    decoupled = signs.decoupling is not None and signs.decoupling > FAR_DECOUPLED
    ratio, same_q = signs.gradient_ratio, signs.q_on_critic_features
    through_policy = ratio is not None and ratio <= LEAKING_RATIO
    same_features = signs.leak_probe == 0 or (same_q is not None and abs(same_q - 1.0) < 0.1)
    outside = unbounded(signs)
    if not outside and not (decoupled and through_policy and (same_q is None or same_features)):
        return None
    evidence = []
    action, z = signs.trace("policy/action_abs"), signs.trace("policy/preact_abs")
    if outside and action is not None:
        beside = (
            f", exactly the size of the output before any tanh ({format_number(z.last)})"
            if z
            else ""
        )
        evidence.append(
            f"Mean |action| is {format_number(action.last)} at step {action.last_step:,}{beside}; a tanh would make "
            "it smaller."
        )
    evidence += _decoupling_evidence(signs)
    if decoupled and through_policy and ratio is not None:
        evidence.append(
            f"The encoder's gradient is {format_number(ratio)} times the MLP's: it came through the policy, so Q "
            "rose by actions."
        )
    if decoupled and same_q is not None and same_features:
        evidence.append(
            "Q1 on the critic's own features gives the same actor Q: the features are not to blame."
        )
    return Suspicion(cause="unbounded_action", evidence=tuple(evidence))


WIRING_RULES: tuple[Callable[[Signs], Suspicion | None], ...] = (
    actor_encoder_leak,
    shared_encoder_actor_gradient,
    unbounded_action,
)
