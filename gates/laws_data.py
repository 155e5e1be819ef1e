"""Laws of the data and the critic: rewards, terminations, discount, targets, episodes."""

from __future__ import annotations

import numpy as np

from gates.episodes import Missing, mean_so_far
from gates.facts import RunFacts
from gates.metrics import align, finite_median
from gates.quantity import Quantity, derived, of_run, pair_tags
from gates.series import FloatArray, IntArray

CAUGHT_UP = 400
"""Updates after which targets have caught up with the critic, averaged or not."""
EARLY_UPDATES = 2000
"""Updates in which averaged targets let values grow slowly."""
LARGEST_TAU = 0.05
UNTRAINED_OUTPUT = 0.3
"""Size of an untrained Q where the first updates are not logged."""


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
    if facts.run is not None and facts.run.number("reward_clip") is not None:
        reason = "rewards are clipped, as configured, so that their means differ by design"
        return Missing(reason=reason, not_applicable=True)
    per_step = mean_so_far(episodes, episodes.returns, steps, facts.buffer_size)
    known = facts.reward_scale
    values = batch / facts.reward_scale_at(steps)
    usable = np.isfinite(per_step) & np.isfinite(values)
    if not usable.any():
        return Missing(reason="no batch was logged after the first finished episode")
    top, bottom = float(np.mean(values[usable])), float(np.mean(per_step[usable]))
    spread = facts.series("debug/reward_std")
    noise = finite_median(spread.values) / (known.value if known else 1.0) if spread else 0.0
    if abs(top) < 0.05 * noise or bottom == 0.0:
        return Missing(
            reason="the mean reward is close to 0, so that a ratio of means says nothing",
            not_applicable=True,
        )
    note = (
        f"known scale: {known.source}"
        if known
        else "reward scale unknown: a deliberate factor would show here"
    )
    formula = "mean debug/reward_mean / (sum train/episode_reward / sum train/episode_length)"
    return of_run(
        "batch_reward_over_episode_reward",
        facts,
        top / bottom,
        int(usable.sum()),
        formula,
        found[0].tag,
        note,
    )


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
        return of_run(name, facts, 0.0, len(done), formula, found[0].tag, note)
    ended = episodes.ended_by_termination.astype(np.float64)
    expected = mean_so_far(episodes, ended, steps, facts.buffer_size)
    usable = np.isfinite(expected) & np.isfinite(done)
    share = float(np.mean(expected[usable])) if usable.any() else 0.0
    count = int(usable.sum())
    # Even batches of 32 would have shown about this many terminal transitions.
    if share * count * 32 < 10:
        reason = f"terminations are too rare ({share:.2g} of the steps) for {count} logged batches to show them"
        return Missing(reason=reason, not_applicable=True)
    ratio = float(np.mean(done[usable])) / share
    return of_run("done_ratio_over_terminations", facts, ratio, count, formula, found[0].tag)


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
    """Averaging rate tau that the targets show at least, over the largest plausible one.

    Two lower bounds of tau. An averaged target reaches at most 1 - (1 - tau)^updates of the critic's largest value so
    far. And values need one pass through the targets for each reward that they add up, of which there are 1 + tau *
    updates: values worth more rewards than that came through targets that jump with the critic.
    """
    found = facts.need(
        "debug/target_q_mean", "debug/reward_mean", "debug/effective_discount", "train/q1_value"
    )
    if isinstance(found, Missing):
        return found
    steps, (target, reward, effective, q1) = align(*found)
    updates, source = facts.updates_at(steps)
    updates = np.maximum(updates, 1.0)
    untrained = abs(float(q1[0])) if len(q1) and updates[0] <= 10 else UNTRAINED_OUTPUT
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        bootstrap = np.where(effective > 0.1, (target - reward) / effective, np.nan)
        highest = np.maximum.accumulate(_reached(facts, steps, q1))
        share = np.minimum(np.abs(bootstrap) / highest, 0.98)
        by_share = np.where(updates <= CAUGHT_UP, 1.0 - (1.0 - share) ** (1.0 / updates), 0.0)
        by_share = np.where(np.sign(bootstrap) == np.sign(q1), by_share, 0.0)
        rewards = np.abs(q1) / _reward_size(facts, steps, reward)
        by_passes = (_passes(rewards, min(facts.gamma.value, 0.999)) - 1.0) / updates
        tau = np.clip(np.fmax(by_share, by_passes), 0.0, 1.0)
    # Only values that were learned: well above the untrained output, and above what one reward adds by itself.
    learned = np.abs(q1) > 5.0 * untrained + 0.05 * np.abs(reward)
    early = learned & np.isfinite(tau) & (updates <= EARLY_UPDATES)
    if early.sum() < 3:
        reason = f"fewer than three of the first {EARLY_UPDATES:,} updates show learned values"
        return Missing(reason=reason, not_applicable=True)
    configured = facts.run.number("tau") if facts.run else None
    plausible = LARGEST_TAU if configured is None else 4.0 * configured
    known = "above every published recipe" if configured is None else f"4 x {configured:g}"
    formula = f"lower bound of tau from the targets / {plausible:g}"
    series = derived("target_network_speed", steps[early], tau[early] / plausible, formula)
    return Quantity(
        series=series,
        points=len(series),
        note=f"plausible is tau up to {plausible:g}, {known}; updates: {source}",
        tags=("debug/target_q_mean",),
    )


def _reached(facts: RunFacts, steps: IntArray, q1: FloatArray) -> FloatArray:
    """|Q| that the critic gives; the targets' actions are the policy's, so the policy's own Q counts, too."""
    reached = np.where(np.isfinite(q1), np.abs(q1), 0.0)
    actor_q = facts.series("debug/actor_q_mean")
    if actor_q is None:
        return reached
    a_steps, (values,) = align(actor_q)
    return np.maximum(reached, np.abs(np.interp(steps, a_steps, np.nan_to_num(values), left=0.0)))


def _reward_size(facts: RunFacts, steps: IntArray, mean: FloatArray) -> FloatArray:
    """Size of one reward: its mean, and a tenth of its spread where rewards of both signs cancel."""
    spread = facts.series("debug/reward_std")
    size = finite_median(np.abs(mean))
    if spread is not None:
        s_steps, (values,) = align(spread)
        size += 0.1 * finite_median(np.interp(steps, s_steps, values) if len(s_steps) else values)
    return np.maximum(np.abs(mean), size)


def _passes(rewards: FloatArray, gamma: float) -> FloatArray:
    """Return how many discounted rewards of size 1 add up to a value; infinite beyond their limit."""
    left = 1.0 - rewards * (1.0 - gamma)
    if gamma <= 0.0:
        return np.where(rewards > 1.0, np.inf, 1.0)
    return np.where(left > 0.0, np.log(np.maximum(left, 1e-300)) / np.log(gamma), np.inf)


def replay_q_over_returns(facts: RunFacts) -> Quantity | Missing:
    """Mean replay Q over the mean discounted return that the episodes so far had left at each of their steps.

    Below 1 while values are still being learned, near 1 later, above where the policy is better than the episodes in
    the buffer, and far above where values are made up. Rewards count as spread evenly over an episode.
    """
    found = facts.need("train/q1_value")
    episodes = facts.episodes
    if isinstance(found, Missing):
        return found
    if isinstance(episodes, Missing):
        return episodes
    if episodes.returns is None:
        return Missing(reason="train/episode_reward is not logged", tags=("train/episode_reward",))
    scale = facts.reward_scale
    factor, note = (scale.value, f"reward scale: {scale.source}") if scale else (1.0, "")
    if scale is None:
        measured = batch_reward_over_episode_reward(facts)
        if isinstance(measured, Missing):
            return measured
        factor, note = float(measured.series.values[0]), "reward scale: batches over episodes"
    gamma = min(facts.gamma.value, 0.999)
    lengths = np.maximum(episodes.lengths, 1.0)
    weights = (1.0 - gamma * (1.0 - gamma**lengths) / ((1.0 - gamma) * lengths)) / (1.0 - gamma)
    steps, (q1,) = align(found[0])
    returns = factor * mean_so_far(episodes, episodes.returns * weights, steps, facts.buffer_size)
    size = np.sign(returns) * np.maximum(np.abs(returns), 1.0)
    keep = np.isfinite(size) & (size != 0)
    formula = "train/q1_value / mean discounted return left at each step of the episodes"
    series = derived("replay_q_over_returns", steps[keep], q1[keep] / size[keep], formula)
    return Quantity(series=series, points=len(series), note=note, tags=("train/q1_value",))


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
    return of_run(
        "episode_steps_over_steps", facts, value, len(episodes), formula, "train/episode_length"
    )


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
    series = derived(
        "critic_gradient_growth", steps, norm / start, f"gradients/critic_mlp_norm / {start:.4g}"
    )
    return Quantity(series=series, points=len(steps), tags=("gradients/critic_mlp_norm",))
