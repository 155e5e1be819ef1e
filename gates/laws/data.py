"""Laws of the data and the critic: rewards, terminations, discount, targets, episodes."""

from __future__ import annotations

import numpy as np

from gates.facts.episodes import mean_so_far
from gates.facts.run_facts import RunFacts
from gates.facts.values import Missing
from gates.laws.quantity import Quantity, derived, of_run, pair_tags
from gates.metrics import align, finite_median
from gates.series import FloatArray, IntArray

ALL_TERMINAL = 0.95
"""Share of terminal transitions in a batch from which all count as terminal."""
CANCELLED = 0.1
"""Mean over spread of the rewards up to which they cancel."""
WHOLE_MULTIPLE = 0.05
"""Relative distance within which episode steps count as a whole multiple of the steps."""
FEW_BATCHES = 5
"""Fewer logged batches than this after the first finished episode show nothing."""


def _too_few(count: int) -> Missing:
    reason = f"only {count} batches were logged after the first finished episode"
    return Missing(reason=reason, not_applicable=True)


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
    if facts.steps_of_a_return > 1:
        reason = "the batches hold n-step returns, as configured"
        return Missing(reason=reason, not_applicable=True)
    per_step = mean_so_far(episodes, episodes.returns, steps, facts.buffer_size)
    known = facts.reward_scale
    values = batch / facts.reward_scale_at(steps)
    usable = np.isfinite(per_step) & np.isfinite(values)
    if usable.sum() < FEW_BATCHES:
        return _too_few(int(usable.sum()))
    top, bottom = float(np.mean(values[usable])), float(np.mean(per_step[usable]))
    spread = facts.series("debug/reward_std")
    noise = finite_median(spread.values) / (known.value if known else 1.0) if spread else 0.0
    if max(abs(top), abs(bottom)) < CANCELLED * noise or bottom == 0.0:
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


def reward_mean_apart(facts: RunFacts) -> Quantity | Missing:
    """Mean reward of the batches less that per step of the episodes so far, over the spread of rewards in a batch.

    Unlike a ratio of means it also tells where the mean is close to 0.
    """
    found = facts.need("debug/reward_mean", "debug/reward_std", "train/episode_reward")
    episodes = facts.episodes
    if isinstance(found, Missing):
        return found
    if isinstance(episodes, Missing):
        return episodes
    clipped = facts.run is not None and facts.run.number("reward_clip") is not None
    if facts.reward_scale is None or clipped or facts.steps_of_a_return > 1:
        reason = "the scale of the rewards is unknown, or they are clipped or summed over steps"
        return Missing(reason=reason, not_applicable=True)
    if episodes.returns is None:
        return Missing(reason="returns do not belong to episodes", not_applicable=True)
    steps, (batch, spread) = align(*found[:2])
    per_step = mean_so_far(episodes, episodes.returns, steps, facts.buffer_size)
    expected = per_step * facts.reward_scale_at(steps)
    usable = np.isfinite(expected + batch) & (spread > 0)
    if usable.sum() < FEW_BATCHES:
        return _too_few(int(usable.sum()))
    apart = abs(float(np.mean(batch[usable] - expected[usable])))
    formula = (
        "|mean of debug/reward_mean - scale x episode rewards per step| / median debug/reward_std"
    )
    value = apart / finite_median(spread[usable])
    count = int(usable.sum())
    return of_run("reward_mean_apart", facts, value, count, formula, found[0].tag)


def done_ratio_over_terminations(facts: RunFacts) -> Quantity | Missing:
    """Share of terminal transitions in the batches over the share among the steps taken; about 1 when they are kept.

    Infinite where it is impossible: a terminal transition before any episode terminated, or nothing but terminal ones
    while episodes last longer than two steps. A configured n-step return is divided out.
    """
    found = facts.need("debug/done_ratio")
    episodes = facts.episodes
    if isinstance(found, Missing):
        return found
    steps, (done,) = align(found[0])
    impossible = _impossible_terminations(facts, steps, done)
    if impossible is not None:
        return impossible
    if isinstance(episodes, Missing):
        return episodes
    formula = "mean debug/done_ratio / (terminated episodes / their steps)"
    if facts.terminations_ignored:
        note = "debug/effective_discount stays the same whatever debug/done_ratio says"
        name = "done_ratio_over_terminations"
        return of_run(name, facts, 0.0, len(done), formula, found[0].tag, note)
    ended = episodes.ended_by_termination.astype(np.float64)
    # Lengths that come near the last step show that the axis counts steps of the environment.
    known = float(np.nansum(episodes.lengths)) > 0.5 * float(np.max(episodes.end_steps))
    expected = mean_so_far(episodes, ended, steps, facts.buffer_size, with_running=known)
    usable = np.isfinite(expected) & np.isfinite(done)
    share = float(np.mean(expected[usable])) if usable.any() else 0.0
    count = int(usable.sum())
    # Even batches of 32 would have shown about this many terminal transitions.
    if share * count * 32 < 10:
        reason = f"terminations are too rare ({share:.2g} of the steps) for {count} logged batches to show them"
        return Missing(reason=reason, not_applicable=True)
    ratio = float(np.mean(done[usable])) / (share * facts.steps_of_a_return)
    return of_run("done_ratio_over_terminations", facts, ratio, count, formula, found[0].tag)


def _impossible_terminations(facts: RunFacts, steps: IntArray, done: FloatArray) -> Quantity | None:
    """Return the law's value where the batches hold terminations that cannot have happened."""
    episodes, note = facts.episodes, ""
    if isinstance(episodes, Missing):
        if facts.own_trainer and facts.no_episode_ended and (done > 0).any():
            note = "no episode has ended"
    else:
        if episodes.terminated is not None:
            ends = episodes.end_steps[episodes.ended_by_termination]
            first = int(ends.min()) if len(ends) else np.inf
            if (done[steps < first] > 0).any():
                note = "terminal transitions before any episode terminated"
        if (done > ALL_TERMINAL).all() and float(np.mean(episodes.lengths)) > 2.0:
            note = "every transition is terminal, while episodes last longer than two steps"
    if not note:
        return None
    name, formula = "done_ratio_over_terminations", "debug/done_ratio where no termination can be"
    return of_run(name, facts, np.inf, len(done), formula, "debug/done_ratio", note)


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


def replay_q_over_returns(facts: RunFacts) -> Quantity | Missing:
    """Mean replay Q over the mean discounted return that the episodes so far had left at each of their steps.

    Below 1 while values are still being learned, near 1 later, and far above where values are made up. Rewards count
    as spread evenly over an episode, and an episode that was cut off as going on in the same way.
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
    lost = gamma * (1.0 - gamma**lengths) / ((1.0 - gamma) * lengths)
    weights = (1.0 - np.where(episodes.ended_by_termination, lost, 0.0)) / (1.0 - gamma)
    steps, (q1,) = align(found[0])
    returns = factor * mean_so_far(episodes, episodes.returns * weights, steps, facts.buffer_size)
    size = np.sign(returns) * np.maximum(np.abs(returns), 1.0)
    keep = np.isfinite(size) & (size != 0)
    if keep.sum() < FEW_BATCHES:
        return _too_few(int(keep.sum()))
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
    whole, unproven = round(value), ""
    if not facts.own_trainer and whole >= 2 and abs(value / whole - 1.0) < WHOLE_MULTIPLE:
        unproven = f"near {whole}: lengths may count frames, or steps of parallel environments"
    formula = "sum of train/episode_length / step of the last episode"
    return of_run(
        "episode_steps_over_steps",
        facts,
        value,
        len(episodes),
        formula,
        "train/episode_length",
        unproven=unproven,
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
