"""Laws of what was computed again: the Bellman identity, the target networks, the actor's direction, the steps."""

from __future__ import annotations

import numpy as np

from gates.facts.run_facts import RunFacts
from gates.facts.values import Missing
from gates.laws.quantity import Quantity, derived, of_run
from gates.laws.targets import moving_averages, smooth
from gates.laws.witness import any_of, measured, of_tag
from gates.metrics import align, finite_median
from gates.series import FloatArray
from gates.tags import MODULES

NO_NOISE = 1e-4
"""Distance of target actions that is rounding."""
PLAUSIBLE_TAU = (1e-4, 0.2)
"""Where tau is not configured."""
NETWORKS = ("actor", "critic")
MANY_STEPS, SOME_STEPS = 8, 4
"""Steps of an optimiser that go up on average, and steps that never all go down: of 71 sound runs none had four
in a row below 0.03."""
DOWNHILL = -0.2
"""Cosine of a step that goes down."""
UNTRAINED = 0.3
"""Size of an untrained Q."""
GROWN = 3.0
"""Untrained values that a slow target must have moved by."""
SLOW_RATE = 5e-4
"""Averaging rate per update of a slow recipe, where none is configured."""


def _rounds_coarsely(facts: RunFacts) -> Missing | None:
    """Return why values that are computed twice differ, where encoders calculate in bfloat16."""
    if facts.run is not None and facts.run.train.get("precision") == "bf16":
        return Missing(reason="encoders round to three digits (bf16)", not_applicable=True)
    return None


def target_error(facts: RunFacts) -> Quantity | Missing:
    """Difference of the TD target from r + gamma (1 - terminated) min Q'(s', a'), computed again; 0 up to rounding.

    In SAC the next value holds -alpha log pi(a'|s') as well.
    """
    return _rounds_coarsely(facts) or of_tag("target_error", "bellman/target_error")(facts)


target_action = of_tag("target_action", "bellman/target_action")
target_noise_side = of_tag("target_noise_side", "bellman/target_noise_side")
critic_reached = of_tag("critic_reached", "weights/critic_reached")
q_sees_entries = of_tag("q_sees_entries", "sees/q_entries")


def moved_by_the_other(facts: RunFacts) -> Quantity | Missing:
    """Share of a network's tensors that the other one's optimiser changes, the larger of both; 0 where none does."""
    tags = [f"weights/{one}_moved_by_{other}" for one, other in (NETWORKS, NETWORKS[::-1])]
    found = any_of(facts, *tags)
    if isinstance(found, Missing):
        return found
    series = max(found, key=lambda each: finite_median(each.values))
    steps, (values,) = align(series)
    moved = derived("moved_by_the_other", steps, values, series.tag)
    return Quantity(series=moved, points=len(steps), tags=(series.tag,))


def critic_loss_error(facts: RunFacts) -> Quantity | Missing:
    """Difference of the critic's loss from the squared errors of Q(s, a), computed again; 0 up to rounding."""
    coarse = _rounds_coarsely(facts)
    pair = measured(facts, "bellman/q_error", "bellman/loss_error")
    if coarse is not None or isinstance(pair, Missing):
        return coarse or pair  # type: ignore[return-value]
    steps, (q, loss) = align(*pair)
    formula = "max(bellman/q_error, bellman/loss_error)"
    series = derived("critic_loss_error", steps, np.maximum(q, loss), formula)
    return Quantity(series=series, points=len(steps), tags=("bellman/q_error",))


def gradient_left_over(facts: RunFacts) -> Quantity | Missing:
    """Share of a gradient that was there before the update's backward pass; of the part with the largest median.

    0 where gradients are reset, as long as one batch makes one step.
    """
    tags = [f"gradients/{part}_left_over" for part in MODULES]
    found = any_of(facts, *tags)
    if isinstance(found, Missing):
        return found
    largest = max(found, key=lambda series: finite_median(series.values))
    steps, (values,) = align(largest)
    series = derived("gradient_left_over", steps, values, largest.tag)
    return Quantity(series=series, points=len(steps), tags=(largest.tag,))


def target_smoothing(facts: RunFacts) -> Quantity | Missing:
    """Largest distance of the next action from the target actor's, over the configured clip of the noise.

    Assumes that the configuration tells noise and clip. Where it asks for no noise, 1 stands for none and infinity
    for some.
    """
    found = measured(facts, "bellman/target_noise")
    if isinstance(found, Missing):
        return found
    sigma = facts.run.number("target_policy_noise") if facts.run else None
    clip = facts.run.number("target_noise_clip") if facts.run else None
    if sigma is None or clip is None:
        return Missing(reason="the noise on target actions is not configured", not_applicable=True)
    if coarse := _rounds_coarsely(facts):
        return coarse
    largest, points = float(np.max(found[0].values)), len(found[0])
    allowed = 0.0 if sigma < NO_NOISE else min(clip, 2.0)
    none = 1.0 if largest < NO_NOISE else np.inf
    value = none if allowed < NO_NOISE else largest / allowed
    formula = "largest bellman/target_noise / target_noise_clip"
    note = f"configured are noise {sigma:g} and clip {clip:g}; seen is up to {largest:.3g}"
    return of_run("target_smoothing", facts, value, points, formula, "bellman/target_noise", note)


def targets_tau(facts: RunFacts) -> Quantity | Missing:
    """Share of the way to the online network that a target update takes, over tau; of the network further off.

    Where tau is not configured, the nearest plausible one stands in its place.
    """
    configured = facts.run.number("tau") if facts.run else None
    absent = any_of(facts, *(f"targets/{network}_lag" for network in NETWORKS))
    if isinstance(absent, Missing):
        return absent
    ratios: dict[str, tuple[float, int]] = {}
    notes = []
    for network in NETWORKS:
        series = facts.series(f"targets/{network}_tau")
        if series is None or not np.isfinite(series.values).any():
            continue
        tau = finite_median(series.values)
        usual = configured or float(np.clip(tau, *PLAUSIBLE_TAU))
        ratios[network] = (tau / usual, len(series))
        notes.append(f"{network} {tau:.3g}")
    if not ratios:
        reason = "no target update is logged whose network differed from its target"
        return Missing(reason=reason, not_applicable=True)
    worst = max(ratios, key=lambda n: abs(np.log(max(ratios[n][0], 1e-9))))
    ratio, points = ratios[worst]
    note = f"tau of the target updates: {', '.join(notes)}; " + (
        f"configured is {configured:g}" if configured else "none is configured"
    )
    formula = f"median targets/{worst}_tau / tau"
    return of_run("targets_tau", facts, ratio, points, formula, f"targets/{worst}_tau", note)


def targets_apart(facts: RunFacts) -> Quantity | Missing:
    """Largest distance of a target network from its online network, relative; of the network with the smaller one.

    An online network has just been stepped, so that its target, whatever tau, is not the same. Exactly 0 means that
    both are one network.
    """
    absent = any_of(facts, *(f"targets/{network}_lag" for network in NETWORKS))
    if isinstance(absent, Missing):
        return absent
    largest = {}
    points = 0
    for network in NETWORKS:
        lag, step = (
            facts.series(f"{kind}")
            for kind in (f"targets/{network}_lag", f"weights/{network}_mlp_step")
        )
        if lag is None or step is None or not (step.values > 0).any():
            continue
        largest[network], points = float(np.max(lag.values)), len(lag)
    if not largest:
        return Missing(reason="no network that is stepped has a target", not_applicable=True)
    network = min(largest, key=lambda n: largest[n])
    formula = f"largest targets/{network}_lag"
    return of_run(
        "targets_apart", facts, largest[network], points, formula, f"targets/{network}_lag"
    )


def targets_move(facts: RunFacts) -> Quantity | Missing:
    """Range of the value that targets bootstrap from, over that of a slow moving average of the policy's Q.

    Assumes that this average has moved by more than an untrained network's Q; running medians take noise off, and the
    outer twentieths are left out. A target that is never updated gives 0, one that follows more quickly above 1.
    """
    found = facts.need(
        "debug/target_q_mean", "debug/reward_mean", "debug/effective_discount", "debug/actor_q_mean"
    )
    if isinstance(found, Missing):
        return found
    steps, (target, reward, effective, actor_q) = align(*found)
    updates, _ = facts.updates_at(steps)
    usable = (effective > 0.1) & np.isfinite(target + reward + actor_q)
    if usable.sum() < 20:
        return Missing(reason="fewer than 20 rows show a bootstrapped value", not_applicable=True)
    level = smooth(actor_q[usable])
    (slow,) = moving_averages(updates[usable], level, np.array([_rate(facts)]))
    moved = _range(smooth((target[usable] - reward[usable]) / effective[usable]))
    expected = _range(slow)
    if expected < GROWN * max(abs(float(level[0])), UNTRAINED):
        reason = "too few updates for slow targets to move well beyond an untrained value"
        return Missing(reason=reason, not_applicable=True)
    formula = "range of (target Q - reward) / discount / range of a slow moving average of actor Q"
    count = int(usable.sum())
    return of_run("targets_move", facts, moved / expected, count, formula, "debug/target_q_mean")


def _rate(facts: RunFacts) -> float:
    tau = facts.run.number("tau") if facts.run else None
    delay = facts.run.number("policy_delay") if facts.run else None
    # A tau of 0 is no rate: such targets never follow, whoever wanted it so.
    return tau / max(1.0, delay or 1.0) if tau else SLOW_RATE


def _range(values: FloatArray) -> float:
    return float(np.quantile(values, 0.95) - np.quantile(values, 0.05))


def actor_direction(facts: RunFacts) -> Quantity | Missing:
    """Cosine of the direction in which the actor's loss pushes its outputs and the one that raises its objective."""
    return _rounds_coarsely(facts) or of_tag("actor_direction", "policy/gradient_alignment")(facts)


def actor_ascent(facts: RunFacts) -> Quantity | Missing:
    """Cosine between the change of the actor's outputs in an update and the direction that raises its objective.

    Assumes that single steps of an optimiser with momentum go up on average; -1 to 1, and negative where the sign of
    the step is wrong. Fewer than eight measured steps tell only where all of at least four go clearly down.
    """
    found = of_tag("actor_ascent", "policy/ascent")(facts)
    if isinstance(found, Missing) or found.points >= MANY_STEPS:
        return found
    if found.points >= SOME_STEPS and (found.series.values < DOWNHILL).all():
        return found
    return Missing(
        reason=f"{found.points} single steps say nothing on average", not_applicable=True
    )


def critic_step(facts: RunFacts) -> Quantity | Missing:
    """Root mean square change of the critic's weights in an update over its learning rate; about 0.1 to 1 with Adam."""
    spread = facts.series("debug/reward_std")
    if spread is not None and not (spread.values > 0).any():
        reason = "no batch holds rewards that differ, so that there is nothing to learn yet"
        return Missing(reason=reason, not_applicable=True)
    return of_tag("critic_step", "weights/critic_mlp_step")(facts)


def actor_step(facts: RunFacts) -> Quantity | Missing:
    """The same of the actor's weights."""
    return of_tag("actor_step", "weights/actor_mlp_step")(facts)


def critic_error_share(facts: RunFacts) -> Quantity | Missing:
    """Mean squared TD error of a critic over the variance of its targets; 1 is as good as knowing their mean alone.

    Assumes that targets vary more by state than by the noise of the rewards, and that the critic had time to learn.
    """
    found = facts.need("train/critic_loss", "debug/target_q_std")
    if isinstance(found, Missing):
        return found
    steps, (loss, spread) = align(*found)
    critics = 2.0 if facts.series("train/q2_value") is not None else 1.0
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        values = loss / critics / spread**2
    keep = spread > 0
    if not keep.any():
        return Missing(reason="targets do not vary", not_applicable=True)
    formula = "train/critic_loss / critics / debug/target_q_std^2"
    series = derived("critic_error_share", steps[keep], values[keep], formula)
    return Quantity(series=series, points=len(series), tags=("train/critic_loss",))


def actor_above_replay(facts: RunFacts) -> Quantity | Missing:
    """1 where the actor's own actions are worth more to the critic than the replayed ones, 0 elsewhere.

    Assumes that an actor that climbs its critic is above the actions of its buffer in most updates; one that is still
    untrained, or held back by a guard, need not be.
    """
    pair = facts.need("debug/actor_q_mean", "train/q1_value")
    if isinstance(pair, Missing):
        return pair
    if pair[0].derived_from:
        return Missing(reason="debug/actor_q_mean is not logged itself", not_applicable=True)
    steps, (actor_q, q1) = align(*pair)
    formula = "debug/actor_q_mean > train/q1_value"
    values = np.where(np.isfinite(actor_q + q1), (actor_q > q1).astype(np.float64), np.nan)
    series = derived("actor_above_replay", steps, values, formula)
    return Quantity(series=series, points=len(series), tags=("debug/actor_q_mean",))
