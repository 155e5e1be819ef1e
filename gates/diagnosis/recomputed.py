"""Diagnosis rules about what was computed again: targets, target networks, the direction of the actor, steps."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from gates.diagnosis.signs import Signs
from gates.diagnosis.suspicion import Suspicion
from gates.diagnosis.wiring import leaking_path
from gates.diagnosis.witness import EXACT, FEW, WRONG, broken, middle
from gates.metrics import finite_median
from gates.text import format_number, format_share

STOPPED = 0.5
"""Share of tau below which a target does not follow, and beyond whose inverse it is copied."""
DOWNHILL = -0.5
"""Cosine of a gradient that points the other way."""
DOWNHILL_STEPS = -0.05
LEFT_OVER = 0.01
"""Share of a gradient that was there before the backward pass."""
ONE_SIDED = 0.75
"""Share of the noise on target actions on one side less that on the other."""
PARTLY = 0.9
"""Share of the critic's tensors below which a part of it is not trained."""
TINY_STEP = 1e-3
"""Learning rates that an Adam step never falls below while gradients are there."""


def target_wrong(signs: Signs) -> Suspicion | None:
    """Targets differ from their definition, and by what."""
    quantity = broken(signs, "target_error", WRONG)
    if quantity is None:
        return None
    size = format_number(finite_median(quantity.series.values))
    evidence = [
        f"TD targets differ from r + gamma (1 - terminated) min Q' by {size} of their size, in {quantity.points} "
        "measured updates."
    ]
    of_maximum = middle(signs, "bellman/target_error_of_maximum")
    if of_maximum is not None and of_maximum < EXACT:
        evidence.append(
            f"With the maximum in place of the minimum the difference is {format_number(of_maximum)}."
        )
        return Suspicion(cause="target_of_maximum", evidence=tuple(evidence))
    series, gamma = (
        signs.facts.series("bellman/discount"),
        signs.facts.run.number("gamma") if signs.facts.run else None,
    )
    if series is not None and gamma is not None and len(series) >= FEW:
        used, spread = finite_median(series.values), float(np.ptp(series.values))
        if spread < 1e-3 and abs(used - gamma) > 1e-4:
            squared = ", its square" if abs(used - gamma**2) < 1e-3 else ""
            evidence.append(
                f"Their slope over the next states' value is {used:.5g}{squared}; gamma is {gamma:g}."
            )
            return Suspicion(cause="target_discount", evidence=tuple(evidence))
    return Suspicion(cause="target_miscomputed", evidence=tuple(evidence))


def target_action_wrong(signs: Signs) -> Suspicion | None:
    """The next action is not the target actor's with clipped noise, within the limits of actions."""
    evidence = []
    quantity = signs.law("target_smoothing")
    if (
        quantity is not None
        and quantity.points >= FEW
        and not 1e-6 <= quantity.series.values[0] <= 1.001
    ):
        evidence.append(
            f"In {quantity.points} measured updates target actions break their definition: {quantity.note}."
        )
    beyond = signs.law("target_action")
    if beyond is not None and beyond.points >= FEW and beyond.series.values.max() > 1.001:
        size = format_number(float(beyond.series.values.max()))
        evidence.append(f"Target actions reach {size} times the limit of the actions.")
    side = broken(signs, "target_noise_side", ONE_SIDED)
    if side is not None:
        evidence.append(
            f"In {side.points} measured updates the noise of all target actions has one sign."
        )
    return Suspicion(cause="target_action_wrong", evidence=tuple(evidence)) if evidence else None


def critic_partly_trained(signs: Signs) -> Suspicion | None:
    """Some weights of the critics never change, and others do."""
    quantity = signs.law("critic_reached")
    if quantity is None or quantity.points < FEW:
        return None
    share = finite_median(quantity.series.values)
    if not 0.0 < share < PARTLY or signs.stands_still("critic"):
        return None
    evidence = (
        f"An update changes {format_share(share)} of the critics' tensors, in {quantity.points} logged updates.",
    )
    return Suspicion(cause="critic_partly_trained", evidence=evidence)


def optimisers_overlap(signs: Signs) -> Suspicion | None:
    """An optimiser changes the other network."""
    quantity = broken(signs, "moved_by_the_other", WRONG)
    if quantity is None:
        return None
    share = format_share(finite_median(quantity.series.values))
    evidence = (f"{quantity.tags[0]} is {share} in {quantity.points} logged updates.",)
    return Suspicion(cause="optimisers_overlap", evidence=evidence)


def entries_unseen(signs: Signs) -> Suspicion | None:
    """Q does not answer to some entries of the observation, and answers to others."""
    quantity = signs.law("q_sees_entries")
    if quantity is None or quantity.points < FEW:
        return None
    share = float(np.nanmax(quantity.series.values))
    if not 0.0 < share < 1.0:
        return None
    evidence = (
        f"Q answers to {format_share(share)} of the observation's entries, in {quantity.points} measured updates.",
    )
    return Suspicion(cause="entries_unseen", evidence=evidence)


def target_out_of_step(signs: Signs) -> Suspicion | None:
    """A target network does not follow its online network as tau says."""
    apart = signs.law("targets_apart")
    if apart is not None and apart.points >= FEW and apart.series.values[0] <= 0:
        evidence = (
            f"{apart.tags[0]} is 0 in all {apart.points} measured updates: the target is the network itself.",
        )
        return Suspicion(cause="target_not_averaged", evidence=evidence)
    quantity = signs.law("targets_tau")
    if quantity is None or quantity.points < FEW:
        return _target_frozen_by_values(signs)
    ratio = float(quantity.series.values[0])
    if STOPPED <= ratio <= 1.0 / STOPPED:
        return None
    evidence = (f"In {quantity.points} measured target updates: {quantity.note}.",)
    return Suspicion(
        cause="target_frozen" if ratio < STOPPED else "target_not_averaged", evidence=evidence
    )


def _target_frozen_by_values(signs: Signs) -> Suspicion | None:
    quantity = signs.law("targets_move")
    if quantity is None or quantity.series.values[0] >= 0.02:
        return None
    evidence = (
        f"The value that targets bootstrap from moves by {format_number(float(quantity.series.values[0]))} of what the "
        f"critic's value of the policy does, in {quantity.points} logged updates.",
    )
    return Suspicion(cause="target_frozen", evidence=evidence)


def actor_descends(signs: Signs) -> Suspicion | None:
    """The actor's loss or step goes downhill."""
    direction, ascent = signs.law("actor_direction"), signs.law("actor_ascent")
    evidence = []
    sign = signs.law("actor_loss_is_plus_q")
    if sign is not None and sign.points >= FEW and float(np.mean(sign.series.values)) > 0.8:
        evidence.append(
            f"The actor loss equals +actor Q in {sign.points} logged updates; it must be -actor Q."
        )
    if (
        direction is not None
        and finite_median(direction.series.values) < DOWNHILL
        and not leaking_path(signs)
    ):
        value = format_number(finite_median(direction.series.values))
        evidence.append(
            f"The gradient of the actor's loss has a cosine of {value} with the direction uphill; it must be 1."
        )
    if ascent is not None and finite_median(ascent.series.values) < DOWNHILL_STEPS:
        value = format_number(finite_median(ascent.series.values))
        evidence.append(
            f"The actor's steps have a cosine of {value} with it (median of {ascent.points})."
        )
    return Suspicion(cause="actor_descends", evidence=tuple(evidence)) if evidence else None


def gradients_add_up(signs: Signs) -> Suspicion | None:
    """Gradients of earlier updates are still there when the next ones come."""
    quantity = broken(signs, "gradient_left_over", LEFT_OVER)
    if quantity is None:
        return None
    part = quantity.tags[0].removeprefix("gradients/").removesuffix("_left_over")
    if signs.stands_still(part.split("_")[0]):
        return None  # who never steps a network does not reset its gradient either
    evidence = (
        f"Of the gradient of {part} {format_share(finite_median(quantity.series.values))} was there before the "
        f"backward pass, in {quantity.points} measured updates.",
    )
    return Suspicion(cause="gradients_add_up", evidence=evidence)


def critic_ignores_action(signs: Signs) -> Suspicion | None:
    """Another action does not change Q."""
    quantity = signs.law("q_sees_action")
    if quantity is None or quantity.points < FEW or quantity.series.values[0] > 1e-6:
        return None
    value = format_number(float(quantity.series.values[0]))
    evidence = (
        f"Another row's action changes Q by at most {value} of its size, in {quantity.points} measured updates.",
    )
    return Suspicion(cause="critic_ignores_action", evidence=evidence)


def weights_barely_move(signs: Signs) -> Suspicion | None:
    """The critic's steps are far below a learning rate, and not 0."""
    quantity = signs.law("critic_step")
    if quantity is None or quantity.points < FEW:
        return None
    value = finite_median(quantity.series.values)
    if not 0 < value < TINY_STEP:
        return None
    evidence = (
        f"An update moves the critic's weights by {format_number(value)} learning rates (median of {quantity.points}).",
    )
    return Suspicion(cause="weights_barely_move", evidence=evidence)


RECOMPUTED_RULES: tuple[Callable[[Signs], Suspicion | None], ...] = (
    target_wrong,
    target_action_wrong,
    critic_partly_trained,
    optimisers_overlap,
    entries_unseen,
    target_out_of_step,
    actor_descends,
    gradients_add_up,
    critic_ignores_action,
    weights_barely_move,
)
