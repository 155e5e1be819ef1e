"""Consistency laws: quantities that hold for every correctly wired TD3, computed from several series at once.

A law is a pure function of the run's facts. It returns a series (or one point) that a check reduces and compares with
levels, or says what is missing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from gates.facts import Episodes, Missing, RunFacts
from gates.metrics import align
from gates.series import FloatArray, IntArray, Series

Law = Literal[
    "actor_q_over_replay_q",
    "actor_loss_plus_actor_q",
    "actor_cnn_over_mlp_gradient",
    "actor_is_dead",
    "actor_weights_move",
    "action_without_tanh",
    "batch_reward_over_episode_reward",
    "done_ratio_over_terminations",
    "discount",
    "target_network_speed",
    "episode_steps_over_steps",
    "critic_gradient_growth",
]

LAW_WORDS: dict[Law, str] = {
    "actor_q_over_replay_q": "actor Q / replay Q",
    "actor_loss_plus_actor_q": "relative difference of actor loss and -actor Q",
    "actor_cnn_over_mlp_gradient": "actor gradient, encoder / MLP",
    "actor_is_dead": "share of updates with a dead actor",
    "actor_weights_move": "relative spread of the actor's weight norm",
    "action_without_tanh": "mean |action|",
    "batch_reward_over_episode_reward": "mean batch reward / mean episode reward per step",
    "done_ratio_over_terminations": "terminations in the batches / terminations in the episodes",
    "discount": "discount in the targets",
    "target_network_speed": "smallest tau that explains the targets",
    "episode_steps_over_steps": "sum of episode lengths / environment steps",
    "critic_gradient_growth": "critic gradient / its start",
}
"""What each law measures, for sentences and tables."""

LARGE_Q = 5.0
"""Below this |actor Q| the ratio to the replay Q is noise of untrained networks."""
LIVE_GRADIENT = 1e-6
"""An encoder gradient below this says nothing about the path that it took."""
DEAD_GRADIENT = 1e-4
DEAD_SATURATION = 0.95


@dataclass(frozen=True, kw_only=True)
class Quantity:
    """The series of a law, with what was needed to compute it."""

    series: Series
    points: int
    """Logged points behind the series; a law of the whole run is one value from many points."""
    note: str = ""
    """Assumption that the reader must know."""
    tags: tuple[str, ...] = field(default=())
    whole_run: bool = False
    """True when the series is one value for the whole run, so that windows do not apply."""


def evaluate(law: Law, facts: RunFacts) -> Quantity | Missing:
    """Compute the quantity of a law."""
    return LAWS[law](facts)


def derived(name: str, steps: IntArray, values: FloatArray, formula: str) -> Series:
    """Make a series that no trainer logged."""
    return Series(
        tag=f"derived/{name}",
        steps=steps,
        values=values,
        wall_times=np.zeros(len(steps)),
        derived_from=formula,
    )


def actor_q_over_replay_q(facts: RunFacts) -> Quantity | Missing:
    """Actor Q over replay Q of the same batch, at least 1 in the denominator; ~1 when one critic gives both."""
    pair = facts.need("debug/actor_q_mean", "train/q1_value")
    if isinstance(pair, Missing):
        return pair
    steps, (actor_q, q1) = align(*pair)
    with np.errstate(invalid="ignore", over="ignore"):
        ratio = np.abs(actor_q) / np.maximum(1.0, np.abs(q1))
    # Small values are noise of untrained networks: they cannot show decoupling, so they count as coupled.
    values = np.where(np.abs(actor_q) > LARGE_Q, ratio, np.minimum(ratio, 1.0))
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
            reason="the actor loss holds guards besides -mean(Q), as configured", not_applicable=True
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


def actor_cnn_over_mlp_gradient(facts: RunFacts) -> Quantity | Missing:
    """Gradient norm of the actor's encoder over that of its MLP.

    With correct wiring every gradient that reaches the encoder came through the MLP, so the ratio is a few units and
    cannot be infinite; a gradient past the MLP means that Q is fed the actor's features.
    """
    pair = facts.need("gradients/actor_cnn_norm", "gradients/actor_mlp_norm")
    if isinstance(pair, Missing):
        if pair.tags == ("gradients/actor_cnn_norm",) and facts.own_trainer:
            return Missing(reason="the policy has no encoder", not_applicable=True)
        return pair
    steps, (cnn, mlp) = align(*pair)
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


def actor_is_dead(facts: RunFacts) -> Quantity | Missing:
    """1 where the actor can no longer learn: its tanh saturated and no gradient left, 0 elsewhere."""
    found = facts.need("gradients/actor_mlp_norm")
    if isinstance(found, Missing):
        return found
    (mlp,) = found
    saturation, actor_q = facts.series("policy/tanh_saturation"), facts.series("debug/actor_q_mean")
    steps, (gradient,) = align(mlp)
    # A small reward scale makes small gradients: dead is small beside the value that it should raise.
    scale = np.ones(len(steps))
    if actor_q is not None:
        q_steps, (q,) = align(actor_q)
        scale = np.clip(np.abs(np.interp(steps, q_steps, q)), 1e-3, 1.0)
    dead = gradient < DEAD_GRADIENT * scale
    note = "policy/tanh_saturation is not logged: judged by the MLP's gradient alone"
    if saturation is not None:
        s_steps, (share,) = align(saturation)
        dead &= np.interp(steps, s_steps, share) > DEAD_SATURATION
        note = ""
    values = np.where(np.isnan(gradient), np.nan, dead.astype(np.float64))
    formula = f"gradients/actor_mlp_norm < {DEAD_GRADIENT:g} and policy/tanh_saturation > {DEAD_SATURATION:g}"
    series = derived("actor_is_dead", steps, values, formula)
    return Quantity(series=series, points=len(steps), note=note, tags=(mlp.tag,))


def actor_weights_move(facts: RunFacts) -> Quantity | Missing:
    """Spread of the actor MLP's weight norm over its size; exactly 0 when the optimiser does not touch it."""
    series = facts.series("weights/actor_mlp_l2")
    if series is None:
        return Missing(reason="weights/actor_mlp_l2 is not logged", tags=("weights/actor_mlp_l2",))
    values = series.values[np.isfinite(series.values)]
    if len(values) < 2:
        return Missing(reason="fewer than two weight norms are logged")
    gradient = facts.series("gradients/actor_mlp_norm")
    if gradient is not None and not (gradient.values > 0).any():
        return Missing(reason="no actor gradient was ever above 0", not_applicable=True)
    spread = float(np.ptp(values)) / max(float(np.abs(values).max()), 1e-12)
    return _of_run("actor_weights_move", facts, spread, len(values), "(max - min) / max of weights/actor_mlp_l2", series.tag)


def action_without_tanh(facts: RunFacts) -> Quantity | Missing:
    """Mean |action| beyond what a tanh allows, given the mean |z|; at most 1 with a tanh, growing without."""
    action = facts.series("policy/action_abs")
    if action is None:
        return Missing(reason="policy/action_abs is not logged", tags=("policy/action_abs",))
    formula, note = "policy/action_abs", "policy/preact_abs is not logged: actions may have units of their own"
    steps, (values,) = align(action)
    preact = facts.series("policy/preact_abs")
    if preact is not None:
        steps, (absolute, z) = align(action, preact)
        # tanh is concave on |z|, so mean |tanh z| <= tanh(mean |z|) <= 1: at |z| > 1 an action as large as z has none.
        bounded = (z <= 1.0) | (absolute < 0.9 * z)
        values = np.where(bounded, np.minimum(absolute, 1.0), absolute)
        formula, note = "policy/action_abs, where it follows policy/preact_abs", ""
    series = derived("action_without_tanh", steps, values, formula)
    return Quantity(series=series, points=len(steps), note=note, tags=("policy/action_abs",))


def batch_reward_over_episode_reward(facts: RunFacts) -> Quantity | Missing:
    """Mean reward in the batches over mean reward per step of the episodes so far, the known scale divided out.

    About 1 when the buffer holds single, unchanged rewards.
    """
    found = facts.need("debug/reward_mean")
    episodes = facts.episodes
    if isinstance(found, Missing):
        return found
    if isinstance(episodes, Missing):
        return episodes
    if episodes.returns is None:
        return Missing(reason="train/episode_reward is not logged", tags=("train/episode_reward",))
    steps, (batch,) = align(found[0])
    per_step = mean_so_far(episodes, episodes.returns, steps)
    known = facts.reward_scale
    values = batch / (known.value if known else 1.0)
    usable = np.isfinite(per_step) & np.isfinite(values)
    if not usable.any():
        return Missing(reason="no batch was logged after the first finished episode")
    top, bottom = float(np.mean(values[usable])), float(np.mean(per_step[usable]))
    spread = facts.series("debug/reward_std")
    noise = float(np.median(spread.values)) / (known.value if known else 1.0) if spread else 0.0
    if abs(top) < 0.05 * noise or bottom == 0.0:
        return Missing(reason="the mean reward is close to 0, so that a ratio of means says nothing", not_applicable=True)
    note = f"known scale: {known.source}" if known else "reward scale unknown: a deliberate factor would show here"
    formula = "mean debug/reward_mean / (sum train/episode_reward / sum train/episode_length)"
    return _of_run("batch_reward_over_episode_reward", facts, top / bottom, int(usable.sum()), formula, found[0].tag, note)


def done_ratio_over_terminations(facts: RunFacts) -> Quantity | Missing:
    """Share of terminal transitions in the batches over the share among the steps taken; about 1 when they are kept."""
    found = facts.need("debug/done_ratio")
    episodes = facts.episodes
    if isinstance(found, Missing):
        return found
    if isinstance(episodes, Missing):
        return episodes
    steps, (done,) = align(found[0])
    formula = "mean debug/done_ratio / (terminated episodes / their steps)"
    if facts.terminations_ignored:
        note = "debug/effective_discount stays the same whatever debug/done_ratio says"
        name = "done_ratio_over_terminations"
        return _of_run(name, facts, 0.0, len(done), formula, found[0].tag, note)
    expected = mean_so_far(episodes, episodes.ended_by_termination.astype(np.float64), steps)
    usable = np.isfinite(expected) & np.isfinite(done)
    share = float(np.mean(expected[usable])) if usable.any() else 0.0
    count = int(usable.sum())
    # Even batches of 32 would have shown about this many terminal transitions.
    if share * count * 32 < 10:
        reason = f"terminations are too rare ({share:.2g} of the steps) for {count} logged batches to show them"
        return Missing(reason=reason, not_applicable=True)
    ratio = float(np.mean(done[usable])) / share
    return _of_run("done_ratio_over_terminations", facts, ratio, count, formula, found[0].tag)


def discount(facts: RunFacts) -> Quantity | Missing:
    """Discount that the targets used, from the logged batches."""
    pair = facts.need("debug/effective_discount", "debug/done_ratio")
    if isinstance(pair, Missing):
        return pair
    steps, (effective, done) = align(*pair)
    if facts.terminations_ignored:
        done = np.zeros_like(done)
    with np.errstate(divide="ignore", invalid="ignore"):
        values = np.where(done < 0.95, effective / (1.0 - done), np.nan)
    keep = ~(done >= 0.95)
    formula = "debug/effective_discount / (1 - debug/done_ratio)"
    series = derived("discount", steps[keep], values[keep], formula)
    return Quantity(series=series, points=len(series), tags=pair_tags(pair))


def target_network_speed(facts: RunFacts) -> Quantity | Missing:
    """Smallest averaging rate tau that explains how fast the targets followed the critic.

    An averaged target reaches at most 1 - (1 - tau)^updates of the critic's largest value so far, so every early point
    gives a lower bound of tau. Without averaging the targets jump at once.
    """
    found = facts.need("debug/target_q_mean", "debug/reward_mean", "debug/effective_discount", "train/q1_value")
    if isinstance(found, Missing):
        return found
    steps, (target, reward, effective, q1) = align(*found)
    updates, source = facts.updates_at(steps)
    with np.errstate(divide="ignore", invalid="ignore"):
        bootstrap = np.where(effective > 0.1, (target - reward) / effective, np.nan)
        highest = np.maximum.accumulate(np.where(np.isfinite(q1), np.abs(q1), 0.0))
        share = np.abs(bootstrap) / highest
    start = np.abs(q1[:1]).max(initial=0.0)
    same_sign = np.sign(bootstrap) == np.sign(q1)
    # Only values that were learned: well above the untrained output and above what one target holds by itself.
    learned = np.isfinite(share) & (np.abs(q1) > 5.0 * start + 0.05 * np.abs(reward)) & same_sign
    early = learned & (updates <= 150)
    if early.sum() < 3:
        reason = "fewer than three logged updates show values rising within the first 150 updates"
        return Missing(reason=reason, not_applicable=True)
    tau = 1.0 - (1.0 - np.minimum(share[early], 0.98)) ** (1.0 / np.maximum(updates[early], 1.0))
    series = derived("target_network_speed", steps[early], tau, "1 - (1 - target share)^(1 / updates)")
    return Quantity(series=series, points=int(early.sum()), note=f"updates: {source}", tags=("debug/target_q_mean",))


def episode_steps_over_steps(facts: RunFacts) -> Quantity | Missing:
    """Sum of the episode lengths over the environment steps at the end of the last one; about 1."""
    episodes = facts.episodes
    if isinstance(episodes, Missing):
        return episodes
    last = int(episodes.end_steps.max())
    if last <= 0 or not np.isfinite(episodes.lengths).all():
        return Missing(reason="episode lengths or steps are not usable")
    value = float(episodes.lengths.sum()) / last
    formula = "sum of train/episode_length / step of the last episode"
    return _of_run("episode_steps_over_steps", facts, value, len(episodes), formula, "train/episode_length")


def critic_gradient_growth(facts: RunFacts) -> Quantity | Missing:
    """Critic MLP gradient over its own median in the first fifth of the updates."""
    found = facts.need("gradients/critic_mlp_norm")
    if isinstance(found, Missing):
        return found
    steps, (norm,) = align(found[0])
    head = norm[: max(3, len(norm) // 5)]
    start = float(np.median(head)) if len(head) else 0.0
    if not np.isfinite(start) or start <= 0:
        return Missing(reason="the first critic gradients are 0 or not finite")
    series = derived("critic_gradient_growth", steps, norm / start, f"gradients/critic_mlp_norm / {start:.4g}")
    return Quantity(series=series, points=len(steps), tags=("gradients/critic_mlp_norm",))


def mean_so_far(episodes: Episodes, amounts: FloatArray, steps: IntArray) -> FloatArray:
    """Return sum of `amounts` over sum of lengths of the episodes that ended by each step; NaN before the first."""
    order = np.argsort(episodes.end_steps, kind="stable")
    usable = np.isfinite(amounts[order]) & np.isfinite(episodes.lengths[order])
    ends = episodes.end_steps[order][usable]
    sums = np.cumsum(amounts[order][usable])
    lengths = np.cumsum(episodes.lengths[order][usable])
    index = np.searchsorted(ends, steps, side="right") - 1
    valid = index >= 0
    result = np.full(len(steps), np.nan)
    result[valid] = sums[index[valid]] / np.maximum(lengths[index[valid]], 1.0)
    return result


def pair_tags(pair: tuple[Series, ...]) -> tuple[str, ...]:
    """Return the tags of some series."""
    return tuple(series.tag for series in pair)


def _of_run(
    name: str, facts: RunFacts, value: float, points: int, formula: str, tag: str, note: str = ""
) -> Quantity:
    last = facts.last_step or 0
    series = derived(name, np.array([last], dtype=np.int64), np.array([value]), formula)
    return Quantity(series=series, points=points, note=note, tags=(tag,), whole_run=True)


LAWS: Mapping[Law, Callable[[RunFacts], Quantity | Missing]] = {
    "actor_q_over_replay_q": actor_q_over_replay_q,
    "actor_loss_plus_actor_q": actor_loss_plus_actor_q,
    "actor_cnn_over_mlp_gradient": actor_cnn_over_mlp_gradient,
    "actor_is_dead": actor_is_dead,
    "actor_weights_move": actor_weights_move,
    "action_without_tanh": action_without_tanh,
    "batch_reward_over_episode_reward": batch_reward_over_episode_reward,
    "done_ratio_over_terminations": done_ratio_over_terminations,
    "discount": discount,
    "target_network_speed": target_network_speed,
    "episode_steps_over_steps": episode_steps_over_steps,
    "critic_gradient_growth": critic_gradient_growth,
}
