"""Laws of the data and the critic: rewards, terminations, discount, targets, episodes."""

from __future__ import annotations

import numpy as np

from gates.episodes import Missing, mean_so_far
from gates.facts import RunFacts
from gates.metrics import align
from gates.quantity import Quantity, derived, of_run, pair_tags


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
    expected = mean_so_far(episodes, episodes.ended_by_termination.astype(np.float64), steps)
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
    """Smallest averaging rate tau that explains how fast the targets followed the critic.

    An averaged target reaches at most 1 - (1 - tau)^updates of the critic's largest value so far, so every early point
    gives a lower bound of tau. Without averaging the targets jump at once.
    """
    found = facts.need(
        "debug/target_q_mean", "debug/reward_mean", "debug/effective_discount", "train/q1_value"
    )
    if isinstance(found, Missing):
        return found
    steps, (target, reward, effective, q1) = align(*found)
    updates, source = facts.updates_at(steps)
    with np.errstate(divide="ignore", invalid="ignore"):
        bootstrap = np.where(effective > 0.1, (target - reward) / effective, np.nan)
        # The targets' actions are the policy's, so the policy's own Q counts as reached, too.
        reached = np.where(np.isfinite(q1), np.abs(q1), 0.0)
        actor_q = facts.series("debug/actor_q_mean")
        if actor_q is not None:
            a_steps, (a,) = align(actor_q)
            reached = np.maximum(
                reached, np.abs(np.interp(steps, a_steps, np.nan_to_num(a), left=0.0))
            )
        highest = np.maximum.accumulate(reached)
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
    series = derived(
        "target_network_speed", steps[early], tau, "1 - (1 - target share)^(1 / updates)"
    )
    return Quantity(
        series=series,
        points=int(early.sum()),
        note=f"updates: {source}",
        tags=("debug/target_q_mean",),
    )


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
