"""Diagnosis rules about what must differ and does not: weights, critics, batches, states, ends of episodes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from gates.diagnosis.signs import Signs
from gates.diagnosis.suspicion import Suspicion
from gates.text import format_number

SAME_TARGET = 0.01
"""Spread of the targets over that of the rewards below which targets are one."""
BLIND = 1e-5
"""Relative spread of Q within a batch that is rounding."""
ALWAYS = 0.99
FEW = 5


def critic_frozen(signs: Signs) -> Suspicion | None:
    """The critic's weights stay as they are."""
    weights = signs.trace("weights/critic_mlp_l2")
    if weights is None or not signs.stands_still("critic"):
        return None
    evidence = (
        f"weights/critic_mlp_l2 is {weights.last:.9g} in all {weights.points} logged updates, steps "
        f"{weights.first_step:,} to {weights.last_step:,}.",
    )
    return Suspicion(cause="critic_frozen", evidence=evidence)


def identical_critics(signs: Signs) -> Suspicion | None:
    """Both critics say the same everywhere."""
    points = _always(signs, "critics_agree")
    if points is None:
        return None
    evidence = (f"q1 and q2, and their TD errors, are equal in all {points} logged updates.",)
    return Suspicion(cause="identical_critics", evidence=evidence)


def same_batch(signs: Signs) -> Suspicion | None:
    """The rewards of the batches never change."""
    points, mean = _always(signs, "batches_repeat"), signs.trace("debug/reward_mean")
    if points is None or mean is None:
        return None
    evidence = (
        f"The rewards of all {points} logged batches have the mean {mean.first:.9g} and one spread.",
    )
    return Suspicion(cause="same_batch", evidence=evidence)


def one_target_for_all(signs: Signs) -> Suspicion | None:
    """Targets do not differ within batches whose rewards do."""
    quantity = signs.law("targets_over_rewards_spread")
    if quantity is None or quantity.points < FEW:
        return None
    value = float(np.median(quantity.series.values))
    if value >= SAME_TARGET:
        return None
    evidence = (
        f"Within a batch targets spread {format_number(value)} times as much as rewards do, in the median of "
        f"{quantity.points} logged updates.",
    )
    return Suspicion(cause="one_target_for_all", evidence=evidence)


def _always(signs: Signs, law: str) -> int | None:
    """Return the number of points of a law that holds in all of them, None where it does not."""
    quantity = signs.law(law)
    if quantity is None or quantity.points < FEW:
        return None
    return quantity.points if float(np.mean(quantity.series.values)) > ALWAYS else None


def blind_agent(signs: Signs) -> Suspicion | None:
    """Q, or every observation, is the same for every state."""
    varying, sighted = (signs.law(law) for law in ("kinds_that_vary", "kinds_that_q_sees"))
    for law in (varying, sighted):
        if law is not None and law.points >= 3 and law.series.values[0] == 0:
            evidence = (f"In {law.points} measured updates: {law.note}.",)
            return Suspicion(cause="blind_agent", evidence=evidence)
    quantity, spread = signs.law("q_spread_in_batch"), signs.trace("debug/actor_q_std")
    if quantity is None or spread is None or quantity.points < FEW:
        return None
    value = float(quantity.series.values[0])
    if value >= BLIND:
        return None
    evidence = (
        f"Within a batch Q spreads by at most {format_number(value)} of its mean, in all {spread.points} "
        "logged updates.",
    )
    return Suspicion(cause="blind_agent", evidence=evidence)


def terminal_flag_invented(signs: Signs) -> Suspicion | None:
    """The batches hold terminations that cannot have happened."""
    quantity, done = signs.law("done_ratio_over_terminations"), signs.trace("debug/done_ratio")
    if quantity is None or done is None or not np.isposinf(quantity.series.values[0]):
        return None
    evidence = (
        f"debug/done_ratio reaches {format_number(done.largest)} in {done.points} logged updates: {quantity.note}.",
    )
    return Suspicion(cause="terminal_flag_invented", evidence=evidence)


IDENTITY_RULES: tuple[Callable[[Signs], Suspicion | None], ...] = (
    critic_frozen,
    identical_critics,
    same_batch,
    one_target_for_all,
    blind_agent,
    terminal_flag_invented,
)
