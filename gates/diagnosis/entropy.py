"""Diagnosis rules about SAC: its entropy term, its temperature, and the sign of Q in the actor's loss."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from gates.diagnosis.signs import Signs
from gates.diagnosis.suspicion import Suspicion
from gates.diagnosis.witness import FEW, broken
from gates.metrics import finite_median
from gates.text import format_number

OFF = 1e-3
"""Distance of a weight from 1 that is not rounding."""
OUTWEIGHS = 5.0
FROZEN = 1e-7
WRONG_WAY = 0.5
_TERMS = (
    ("entropy_in_targets", "the targets"),
    ("entropy_in_actor_loss", "the actor's loss"),
)


def entropy_term_wrong(signs: Signs) -> Suspicion | None:
    """The entropy term is missing, has the wrong sign or another weight."""
    evidence = []
    for law, where in _TERMS:
        quantity = signs.law(law)
        if quantity is None or quantity.points < FEW:
            continue
        weight = finite_median(quantity.series.values)
        if abs(weight - 1.0) > OFF:
            evidence.append(
                f"In {where} the entropy has {format_number(weight)} times the weight of the temperature; it must be "
                f"1 ({quantity.points} measured updates)."
            )
    return Suspicion(cause="entropy_term_wrong", evidence=tuple(evidence)) if evidence else None


def log_prob_wrong(signs: Signs) -> Suspicion | None:
    """Log-probabilities differ from those of the distribution."""
    quantity = broken(signs, "log_prob_error", OFF)
    if quantity is None:
        return None
    size = format_number(finite_median(quantity.series.values))
    evidence = (
        f"Log-probabilities in the targets differ from those of the actor's distribution by {size} of their size, in "
        f"{quantity.points} measured updates.",
    )
    return Suspicion(cause="log_prob_wrong", evidence=evidence)


def temperature_frozen(signs: Signs) -> Suspicion | None:
    """The temperature is to be trained and stays."""
    quantity = signs.law("temperature_moves")
    if quantity is None or quantity.points < FEW or quantity.series.values[0] > FROZEN:
        return None
    temperature = signs.trace("train/ent_coef")
    value = "" if temperature is None else f" {format_number(temperature.last)}"
    evidence = (
        f"train/ent_coef is{value} in all {quantity.points} logged updates; it is configured to be trained.",
    )
    return Suspicion(cause="temperature_frozen", evidence=evidence)


def temperature_flees(signs: Signs) -> Suspicion | None:
    """The temperature goes the wrong way, or its target cannot be reached."""
    evidence = []
    way, target = signs.law("temperature_direction"), signs.law("entropy_target_in_reach")
    if way is not None and way.points >= FEW and way.series.values[0] < -WRONG_WAY:
        evidence.append(
            f"The agreement of the temperature's changes with the entropy that is missing is "
            f"{format_number(float(way.series.values[0]))} over {way.points} logged updates; 1 is right."
        )
    if target is not None and target.series.values[0] > 1.0:
        size = format_number(float(target.series.values[0]))
        evidence.append(f"The target entropy is {size} times the largest that actions can have.")
    return Suspicion(cause="temperature_flees", evidence=tuple(evidence)) if evidence else None


def temperature_too_high(signs: Signs) -> Suspicion | None:
    """A fixed temperature makes entropy worth more than rewards."""
    share = signs.law_tail("entropy_over_reward")
    if share is None or share < OUTWEIGHS:
        return None
    evidence = (f"The entropy of a step is worth {format_number(share)} times its reward.",)
    return Suspicion(cause="temperature_too_high", evidence=evidence)


def stochastic_actor_descends(signs: Signs) -> Suspicion | None:
    """The actor's loss rises with Q."""
    quantity = signs.law("q_in_actor_loss")
    if quantity is None or quantity.points < FEW:
        return None
    if float(np.median(quantity.series.values)) >= 0:
        return None
    evidence = (
        f"Q has the weight {format_number(-finite_median(quantity.series.values))} in the actor's loss; it must be -1.",
    )
    return Suspicion(cause="actor_descends", evidence=evidence)


ENTROPY_RULES: tuple[Callable[[Signs], Suspicion | None], ...] = (
    entropy_term_wrong,
    log_prob_wrong,
    temperature_frozen,
    temperature_flees,
    temperature_too_high,
    stochastic_actor_descends,
)
