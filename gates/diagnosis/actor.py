"""Diagnosis rules about whether the actor still learns."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from gates.diagnosis.signs import Signs
from gates.diagnosis.suspicion import Suspicion
from gates.diagnosis.witness import FEW
from gates.facts.trace import tail_median
from gates.laws.actor import NO_GRADIENT
from gates.text import format_number

NO_OUTPUT = 1e-6
"""Size of features that only an encoder without a living unit has."""


def actor_frozen(signs: Signs) -> Suspicion | None:
    """Weights stay while gradients flow."""
    weights, gradient = signs.trace("weights/actor_mlp_l2"), signs.trace("gradients/actor_mlp_norm")
    if weights is None or not signs.stands_still("actor"):
        return None
    if gradient is None or gradient.largest <= 0:
        return None
    evidence = [
        f"weights/actor_mlp_l2 is {weights.last:.9g} in all {weights.points} logged updates, steps "
        f"{weights.first_step:,} to {weights.last_step:,}.",
        f"The actor's MLP gradient is not 0: {format_number(gradient.last)} (median at the end).",
    ]
    saturation = signs.trace("policy/tanh_saturation")
    if saturation is not None and saturation.last < 0.5:
        evidence.append(f"The tanh is not saturated (share {format_number(saturation.last)}).")
    return Suspicion(cause="actor_frozen", evidence=tuple(evidence))


def dead_actor(signs: Signs) -> Suspicion | None:
    """No gradient is left in the actor."""
    quantity = signs.law("actor_is_dead")
    saturation = signs.trace("policy/tanh_saturation")
    gradient = signs.trace("gradients/actor_mlp_norm")
    first = saturation.last_step if saturation is not None else 0
    gone = (signs.law_tail("same_limit_everywhere") or 0.0) >= 0.99
    if quantity is not None and quantity.points >= 3:
        values = np.nan_to_num(quantity.series.values)
        gone = gone or float(np.mean(values[-max(1, len(values) // 4) :])) >= 0.8
        if values.any():
            first = int(quantity.series.steps[np.flatnonzero(values > 0)[0]])
    if not gone:
        return None
    evidence = []
    if saturation is not None:
        evidence.append(
            f"Share of saturated actions is {format_number(saturation.last)} at the end, first dead at step {first:,}."
        )
    for tag, name in (("gradients/actor_mlp_norm", "MLP"), ("gradients/actor_cnn_norm", "encoder")):
        trace = signs.trace(tag)
        if trace is not None and abs(trace.last) < 1e-4:
            evidence.append(
                f"The actor's {name} gradient fell from {format_number(trace.first)} to {format_number(trace.last)} by "
                f"step {trace.last_step:,}."
            )
    open_questions = ["Why the outputs grew; a cause named above may be the reason."]
    if gradient is not None and gradient.last > NO_GRADIENT:
        open_questions.append(
            f"Whether it stays: a gradient of {format_number(gradient.last)} still moves the weights."
        )
    return Suspicion(
        cause="dead_actor", evidence=tuple(evidence), does_not_explain=tuple(open_questions)
    )


def dead_encoder(signs: Signs) -> Suspicion | None:
    """An encoder's output is 0 for every picture."""
    evidence = []
    for who in ("actor", "critic"):
        series = signs.facts.series(f"features/{who}_cnn_l2")
        end = None if series is None or len(series) < FEW else tail_median(series.values)
        if series is None or end is None or end >= NO_OUTPUT:
            continue
        last = series.steps[series.values >= NO_OUTPUT]
        since = f"since step {int(last.max()):,}" if len(last) else "from the first update on"
        evidence.append(f"The output of the {who}'s encoder is 0 {since}.")
    return Suspicion(cause="dead_encoder", evidence=tuple(evidence)) if evidence else None


ACTOR_RULES: tuple[Callable[[Signs], Suspicion | None], ...] = (
    actor_frozen,
    dead_encoder,
    dead_actor,
)
