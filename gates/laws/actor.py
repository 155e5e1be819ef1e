"""Laws of the actor: its Q, its loss, its gradients, its weights and its output."""

from __future__ import annotations

import numpy as np

from gates.facts.run_facts import RunFacts
from gates.facts.values import Missing
from gates.laws.quantity import Quantity, derived, of_run, pair_tags
from gates.laws.witness import KINDS
from gates.metrics import align, finite_median
from gates.series import FloatArray, IntArray, Series

LARGE_Q = 5.0
"""Below this |actor Q| the ratio to the replay Q is noise of untrained networks."""
LARGE_REWARDS = 3.0
"""Largest rewards that one action may be worth."""
LIVE_GRADIENT = 1e-6
"""An encoder gradient below this says nothing about the path that it took."""
SMALLEST_Q = 1e-6
"""Below this |actor Q| a loss of either sign is the same."""
DEAD_GRADIENT = 1e-4
"""Beside values of about 1, where nothing tells whether actions are at their limits."""
NO_GRADIENT = 5e-8
"""Left of a tanh that 32 bits cannot tell from its limit. Actors with 2e-7 left it again within some thousand steps."""
DEAD_SATURATION = 0.95
LARGE_OUTPUT = 0.3
"""Mean |z| from which a tanh shows in the mean |action|."""


def actor_q_over_replay_q(facts: RunFacts) -> Quantity | Missing:
    """Actor Q over replay Q of the same batch, at least 1 in the denominator; ~1 when one critic gives both."""
    pair = facts.need("debug/actor_q_mean", "train/q1_value")
    if isinstance(pair, Missing):
        return pair
    steps, (actor_q, q1) = align(*pair)
    with np.errstate(invalid="ignore", over="ignore"):
        ratio = np.abs(actor_q) / np.maximum(1.0, np.abs(q1))
    # Small values are noise of untrained networks, or worth a few rewards: they count as coupled.
    rewards = facts.reward_abs_max
    few = 0.0 if isinstance(rewards, Missing) else LARGE_REWARDS * rewards.value
    large = np.abs(actor_q) > max(LARGE_Q, few)
    values = np.where(large, ratio, np.minimum(ratio, 1.0))
    values = np.where(np.isfinite(q1), values, np.nan)
    formula = "|debug/actor_q_mean| / max(1, |train/q1_value|)"
    return Quantity(
        series=derived("actor_q_over_replay_q", steps, values, formula),
        points=len(steps),
        note=pair[0].derived_from and f"actor Q derived: {pair[0].derived_from}",
        tags=("debug/actor_q_mean", "train/q1_value"),
    )


def actor_loss_plus_actor_q(facts: RunFacts) -> Quantity | Missing:
    """Relative difference of the actor loss from -mean(actor Q); 0 when both are what they say."""
    if facts.guarded_loss:
        return Missing(
            reason="the actor loss holds guards besides -mean(Q), as configured",
            not_applicable=True,
        )
    pair = facts.need("train/actor_loss", "debug/actor_q_mean")
    if isinstance(pair, Missing):
        return pair
    if pair[1].derived_from:
        return Missing(
            reason="debug/actor_q_mean was derived from the loss itself", not_applicable=True
        )
    steps, (loss, actor_q) = align(*pair)
    with np.errstate(invalid="ignore", over="ignore"):
        values = np.abs(loss + actor_q) / np.maximum(1.0, np.abs(actor_q))
    formula = "|train/actor_loss + debug/actor_q_mean| / max(1, |debug/actor_q_mean|)"
    series = derived("actor_loss_plus_actor_q", steps, values, formula)
    return Quantity(series=series, points=len(steps), tags=("train/actor_loss",))


def actor_loss_is_plus_q(facts: RunFacts) -> Quantity | Missing:
    """1 where the actor loss is +mean(actor Q) in place of -mean(actor Q), 0 elsewhere."""
    pair = facts.need("train/actor_loss", "debug/actor_q_mean")
    if isinstance(pair, Missing):
        return pair
    if pair[1].derived_from:
        return Missing(
            reason="debug/actor_q_mean was derived from the loss itself", not_applicable=True
        )
    steps, (loss, actor_q) = align(*pair)
    told = np.abs(actor_q) > SMALLEST_Q
    if not told.any():
        return Missing(reason="actor Q is 0, so that its sign says nothing", not_applicable=True)
    same = np.abs(loss[told] - actor_q[told]) <= 1e-3 * np.abs(actor_q[told])
    values = np.where(np.isfinite(loss[told]), same.astype(np.float64), np.nan)
    formula = "train/actor_loss equals debug/actor_q_mean"
    series = derived("actor_loss_is_plus_q", steps[told], values, formula)
    return Quantity(series=series, points=len(series), tags=("train/actor_loss",))


def actor_cnn_over_mlp_gradient(facts: RunFacts) -> Quantity | Missing:
    """Gradient norm of the actor's encoder over that of its MLP.

    With correct wiring every gradient that reaches the encoder came through the MLP, so the ratio is a few units and
    cannot be infinite; a gradient past the MLP means that Q is fed the actor's features.
    """
    pair = facts.need("gradients/actor_cnn_norm", "gradients/actor_mlp_norm")
    if isinstance(pair, Missing):
        no_encoder = facts.own_trainer or (facts.run is not None and facts.run.no_encoder)
        if pair.tags == ("gradients/actor_cnn_norm",) and no_encoder:
            return Missing(reason="the policy has no encoder", not_applicable=True)
        return pair
    steps, (cnn, mlp) = align(*pair)
    probe = facts.series("probe/actor_encoder_leak")
    if probe is not None and len(probe) >= 3 and (probe.values == 0).all():
        reason = "probe/actor_encoder_leak is 0, so the encoder's gradient came through the policy, whatever its size"
        return Missing(reason=reason, not_applicable=True)
    live = ~(np.abs(cnn) < LIVE_GRADIENT)
    if not live.any() and len(steps):
        reason = f"every encoder gradient is below {LIVE_GRADIENT:g}: the actor is dead"
        return Missing(reason=reason, not_applicable=True)
    steps, cnn, mlp = steps[live], cnn[live], mlp[live]
    with np.errstate(divide="ignore", invalid="ignore"):
        values = np.where(mlp > 0, cnn / mlp, np.where(mlp == 0, np.inf, np.nan))
    formula = "gradients/actor_cnn_norm / gradients/actor_mlp_norm"
    series = derived("actor_cnn_over_mlp_gradient", steps, values, formula)
    return Quantity(series=series, points=len(steps), tags=pair_tags(pair))


def same_limit_everywhere(facts: RunFacts) -> Quantity | Missing:
    """Share of saturated actions, less what another state changes about them.

    Bang-bang control is saturated and sound: another state gets the other limit. Where sees/policy_* is not logged,
    the share stands alone.
    """
    found = facts.need("policy/tanh_saturation")
    if isinstance(found, Missing):
        return found
    steps, (share,) = align(*found)
    answers = [s for kind in KINDS if (s := facts.series(f"sees/policy_{kind}")) is not None]
    formula = "policy/tanh_saturation"
    if answers:
        known = (np.interp(steps, *_points(series)) for series in answers)
        share = share * (1.0 - np.clip(np.maximum.reduce([*known]), 0.0, 1.0))
        formula += " x (1 - sees/policy_*)"
    series = derived("same_limit_everywhere", steps, share, formula)
    return Quantity(series=series, points=len(steps), tags=("policy/tanh_saturation",))


def _points(series: Series) -> tuple[IntArray, FloatArray]:
    steps, (values,) = align(series)
    return steps, values


def actor_is_dead(facts: RunFacts) -> Quantity | Missing:
    """1 where the actor can no longer learn: no gradient left and every state at the same limit, 0 elsewhere."""
    found = facts.need("gradients/actor_mlp_norm")
    if isinstance(found, Missing):
        return found
    (mlp,) = found
    steps, (gradient,) = align(mlp)
    limit = same_limit_everywhere(facts)
    if isinstance(limit, Quantity):
        saturated = np.interp(steps, *_points(limit.series)) > DEAD_SATURATION
        dead, unproven = (gradient < NO_GRADIENT) & saturated, ""
    else:
        # A small reward scale makes small gradients: dead is small beside the values that the actor should raise.
        actor_q = facts.series("debug/actor_q_mean")
        size = finite_median(np.abs(actor_q.values)) if actor_q is not None else 1.0
        dead = gradient < DEAD_GRADIENT * float(np.clip(size, 1e-3, 1.0))
        unproven = "policy/tanh_saturation is not logged: judged by the MLP's gradient alone"
    values = np.where(np.isnan(gradient), np.nan, dead.astype(np.float64))
    formula = f"gradients/actor_mlp_norm < {NO_GRADIENT:g} and same_limit_everywhere > {DEAD_SATURATION:g}"
    series = derived("actor_is_dead", steps, values, formula)
    return Quantity(series=series, points=len(steps), unproven=unproven, tags=(mlp.tag,))


def actor_weights_move(facts: RunFacts) -> Quantity | Missing:
    """Spread of the actor MLP's weight norm over its size; exactly 0 when the optimiser does not touch it."""
    gradient = facts.series("gradients/actor_mlp_norm")
    if gradient is not None and not (gradient.values > 0).any():
        return Missing(reason="no actor gradient was ever above 0", not_applicable=True)
    return _weights_move(facts, "actor")


def critic_weights_move(facts: RunFacts) -> Quantity | Missing:
    """Spread of the critic MLPs' weight norm over its size; exactly 0 when the optimiser does not touch them."""
    return _weights_move(facts, "critic")


def _weights_move(facts: RunFacts, who: str) -> Quantity | Missing:
    tag = f"weights/{who}_mlp_l2"
    series = facts.series(tag)
    if series is None:
        return Missing(reason=f"{tag} is not logged", tags=(tag,))
    values = series.values[np.isfinite(series.values)]
    if len(values) < 2:
        return Missing(reason="fewer than two weight norms are logged")
    spread = float(np.ptp(values)) / max(float(np.abs(values).max()), 1e-12)
    name, formula = f"{who}_weights_move", f"(max - min) / max of {tag}"
    return of_run(name, facts, spread, len(values), formula, tag)


def action_without_tanh(facts: RunFacts) -> Quantity | Missing:
    """1 where mean |action| is exactly the mean |z| before a tanh, although |z| is large enough for one to show.

    tanh(0.3) is 3 % smaller than 0.3, and a tanh that is scaled to other units agrees with z at single points at most.
    """
    pair = facts.need("policy/action_abs", "policy/preact_abs")
    if isinstance(pair, Missing):
        return pair
    steps, (action, z) = align(*pair)
    large = z > LARGE_OUTPUT
    if large.sum() < 3:
        reason = (
            f"the outputs before the tanh stay below {LARGE_OUTPUT:g}, where a tanh does not show"
        )
        return Missing(reason=reason, not_applicable=True)
    same = np.abs(action[large] - z[large]) <= 1e-3 * z[large]
    formula = f"policy/action_abs equals policy/preact_abs, where that exceeds {LARGE_OUTPUT:g}"
    series = derived("action_without_tanh", steps[large], same.astype(np.float64), formula)
    return Quantity(series=series, points=len(series), tags=pair_tags(pair))
