"""Holds what was configured against what the events show."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from msgspec import Struct, structs

from gates.facts.run_facts import RunFacts
from gates.findings import Finding, Outcome
from gates.metrics import align
from gates.series import Series
from gates.tags import MODULES
from gates.text import format_number, format_pair, format_plural


class ConfiguredValue(Struct, frozen=True, kw_only=True):
    """One configured value beside what the events show."""

    key: str
    configured: float
    observed: float
    agrees: bool
    where: str
    """Where the observed value comes from."""


def config_applied(facts: RunFacts) -> Finding | None:
    """Compare every configured value that the events can show; None when there is none."""
    if facts.run is None:
        return None
    compared = [c for rule in RULES for c in rule(facts)]
    if not compared:
        return None
    wrong = [c for c in compared if not c.agrees]
    names = ", ".join(c.key for c in compared)
    reason = f"{len(compared)} configured values agree with the events ({names})."
    parts = tuple(
        f"{c.key} is {format_number(c.observed)} in the events ({c.where}), configured is "
        f"{format_number(c.configured)}."
        for c in wrong
    )
    return Finding(
        check="config_applied",
        type="config_applied",
        title="Configuration was applied",
        outcome=Outcome.FAIL if wrong else Outcome.PASS,
        required=True,
        reason=" ".join(parts) or reason,
        fact=_fact(wrong) if wrong else "",
        parts=parts,
        value=float(len(wrong)),
        limit=0.0,
        direction="max",
        statistic="configured values that the events contradict",
        last_step=facts.last_step,
        points=len(compared),
        rationale="A stage validates a recipe only if it ran that recipe.",
        limit_source=f"configuration: {facts.run.source}",
        group="audit",
    )


def _fact(wrong: Sequence[ConfiguredValue]) -> str:
    first = wrong[0]
    more = f", and {format_plural(len(wrong) - 1, 'more value')} differ" if len(wrong) > 1 else ""
    seen, meant = format_pair(first.observed, first.configured)
    return f"{first.key} is {seen} in the events, configured is {meant}{more}"


def _updates(facts: RunFacts) -> Iterator[ConfiguredValue]:
    run, total = facts.run, facts.series("agent/total_updates")
    if run is None:
        return
    frequency, per_round = run.number("train_freq"), _per_round(facts)
    starts = run.number("learning_starts")
    if starts is None and facts.learning_starts is not None:
        starts = facts.learning_starts.value
    claimed = run.number("updates")
    logged = _logged_updates(facts)
    if frequency and starts is not None:
        last = float(total.steps.max()) if total is not None else float(facts.last_step or 0)
        claimed = max(0.0, last - starts) / frequency * per_round
    if claimed is None:
        return
    if total is not None and np.isfinite(total.values).all():
        observed, where = (
            float(total.values.max()),
            f"agent/total_updates at step {int(total.steps.max()):,}",
        )
        slack = max(2.0 * per_round, 0.1 * claimed)
        if frequency and not facts.own_trainer:
            slack += _longest_episode(facts) / frequency * per_round
        # Vectorised environments may round the schedule to whole rounds.
        agrees = abs(observed - claimed) <= slack + (run.number("num_envs") or 1.0) * per_round
    elif logged is not None:
        observed, where = float(logged), "logged updates, at least"
        agrees = logged <= 1.1 * claimed + 2.0
    else:
        return
    yield ConfiguredValue(
        key="updates", configured=claimed, observed=observed, agrees=agrees, where=where
    )
    shown = None if agrees or total is None else _shown_frequency(total, per_round)
    if frequency and shown is not None and abs(shown - frequency) > 0.1 * frequency:
        yield ConfiguredValue(
            key="train_freq",
            configured=frequency,
            observed=round(shown, 2),
            agrees=False,
            where="steps between logged updates over updates between them",
        )


def _policy_delay(facts: RunFacts) -> Iterator[ConfiguredValue]:
    """Critic updates from one actor update to the next; warming up the critic alone comes before the first."""
    configured = facts.run.number("policy_delay") if facts.run else None
    counts = [facts.series(f"agent/{which}_updates") for which in ("total", "actor")]
    if configured is None or counts[0] is None or counts[1] is None:
        return
    _, (total, actor) = align(counts[0], counts[1])
    begun = actor > 0
    if not begun.any():
        return
    done = float(np.ptp(total[begun])), float(np.ptp(actor[begun]))
    if not np.isfinite(done).all() or done[0] < _MANY_DELAYS * configured:
        return
    yield ConfiguredValue(
        key="policy_delay",
        configured=configured,
        observed=round(done[0] / done[1], 2) if done[1] else float("inf"),
        agrees=abs(done[0] - configured * done[1]) <= max(2.0 * configured, 0.1 * done[0]),
        where="agent/total_updates over agent/actor_updates, between the first and the last logged update",
    )


_MANY_DELAYS = 10.0
"""Delays after which the count of actor updates tells."""


def _shown_frequency(total: Series, per_round: float) -> float | None:
    """Return environment steps per round of updates between the first and the last logged update."""
    updates, steps = float(np.ptp(total.values)), float(np.ptp(total.steps))
    return steps * per_round / updates if updates > 0 and steps > 0 else None


def _logged_updates(facts: RunFacts) -> int | None:
    found = [facts.series(tag) for tag in ("train/q1_value", "train/critic_loss")]
    return max((len(np.unique(s.steps)) for s in found if s is not None), default=None)


def _learning_starts(facts: RunFacts) -> Iterator[ConfiguredValue]:
    """Hold the first update against the configured start of learning.

    A row of another trainer may sum up many steps, so its first row with updates only tells that an update was made
    by then, and the row before it that none was. Training at episode ends allows one more episode.
    """
    run, first = facts.run, facts.first_update_step
    starts = run.number("learning_starts") if run else None
    if run is None or starts is None or first is None:
        return
    frequency = run.number("train_freq") or 1.0
    warmup = (run.number("critic_warmup_updates") or 0.0) / max(_per_round(facts), 1.0)
    latest = starts + frequency * (warmup + (run.number("policy_delay") or 1.0) + 1.0)
    latest += run.number("num_envs") or 1.0
    observed, where = float(first), "step of the first logged update"
    series = facts.series("train/q1_value") or facts.series("train/critic_loss")
    gaps = np.diff(np.unique(series.steps)) if series is not None else np.zeros(0)
    if facts.own_trainer:
        latest += 2.0 * float(np.median(gaps)) if len(gaps) else 0.0
    elif starts <= observed:
        if not len(gaps):
            return
        latest += float(gaps.max()) + _longest_episode(facts)
        observed, where = float(_last_step_before(facts, first)), "last row without an update"
    agrees = starts <= first and observed <= latest
    yield ConfiguredValue(
        key="learning_starts",
        configured=starts,
        observed=observed if not agrees else float(first),
        agrees=agrees,
        where=where,
    )


def _per_round(facts: RunFacts) -> float:
    """Updates per round; one per step of the round where the configuration says -1, as Stable-Baselines3 does."""
    run = facts.run
    configured = run.number("gradient_steps") if run else None
    if run is None or configured is None:
        return 1.0
    return configured if configured >= 0 else run.number("train_freq") or 1.0


def _longest_episode(facts: RunFacts) -> float:
    """Length of the longest episode that is known, single or mean; 0 when none is."""
    tags = ("train/episode_length", "eval/mean_episode_length")
    found = [facts.series(tag) for tag in tags]
    return max(
        (_largest(s) for s in found if s is not None and np.isfinite(s.values).any()), default=0.0
    )


def _last_step_before(facts: RunFacts, step: int) -> int:
    """Last step before this one at which anything was logged; 0 when nothing was."""
    tags = ("train/episode_length", "train/episode_reward", "eval/mean_reward", "time/steps_per_s")
    found = [facts.series(tag) for tag in tags]
    earlier = [s.steps[s.steps < step] for s in found if s is not None]
    return max((int(steps.max()) for steps in earlier if len(steps)), default=0)


def _rates(facts: RunFacts) -> Iterator[ConfiguredValue]:
    for key in ("actor_lr", "critic_lr", "actor_cnn_lr", "critic_cnn_lr"):
        yield from _same(facts, key, f"agent/{key}", 1e-3)


def _reward_scale(facts: RunFacts) -> Iterator[ConfiguredValue]:
    if facts.run is not None and not facts.run.flag("reward_normalization"):
        yield from _same(facts, "reward_scale", "agent/reward_scale", 1e-3)


def _same(facts: RunFacts, key: str, tag: str, tolerance: float) -> Iterator[ConfiguredValue]:
    configured = facts.run.number(key) if facts.run else None
    series = facts.series(tag)
    if configured is None or series is None or not np.isfinite(series.values).all():
        return
    # Our own values are constant; another trainer may begin a schedule at the configured one.
    apart = np.abs(series.values - configured)
    shown = float(series.values[np.argmax(apart) if facts.own_trainer else np.argmin(apart)])
    agrees = abs(shown - configured) <= tolerance * abs(configured)
    yield ConfiguredValue(key=key, configured=configured, observed=shown, agrees=agrees, where=tag)


def _batch_size(facts: RunFacts) -> Iterator[ConfiguredValue]:
    """Another trainer may learn from several rows of each transition: those of a sequence, or copies."""
    for found in _same(facts, "batch_size", "agent/batch_size", 0.0):
        rows = found.observed / found.configured if found.configured > 0 else 0.0
        several = rows > 1 and rows.is_integer()
        yield structs.replace(found, agrees=True) if several and not facts.own_trainer else found


def _gamma(facts: RunFacts) -> Iterator[ConfiguredValue]:
    configured = facts.run.number("gamma") if facts.run else None
    measured = facts.measured_gamma
    if configured is None or measured is None:
        return
    agrees = abs(measured.value - configured) <= 1e-3
    if not agrees and not facts.own_trainer and _of_n_steps(measured.value, configured, facts):
        return
    yield ConfiguredValue(
        key="gamma",
        configured=configured,
        observed=measured.value,
        agrees=agrees,
        where=measured.source,
    )


def _of_n_steps(measured: float, gamma: float, facts: RunFacts) -> bool:
    """Tell whether this is the discount of n-step returns, gamma^n with n of 2 to 10 where none is configured.

    With a configured n it may lie above: returns of fewer steps stand where an episode, or the buffer, ends.
    """
    steps = facts.steps_of_a_return
    if steps > 1 and gamma**steps - _ROUNDING <= measured <= gamma:
        return True
    return any(abs(measured - gamma**n) <= _ROUNDING for n in range(2, 11))


_ROUNDING = 2e-5
"""Of a discount that is the mean of a batch."""


def _clipping(facts: RunFacts) -> Iterator[ConfiguredValue]:
    """A norm above its limit must have been clipped, and without a limit nothing may be."""
    run = facts.run
    if run is None:
        return
    for module in MODULES:
        norm, share = (
            facts.series(f"gradients/{module}_norm"),
            facts.series(f"gradients/{module}_clipped_share"),
        )
        if norm is None or share is None or f"{module}_max_grad_norm" not in run.train:
            continue
        limit = run.number(f"{module}_max_grad_norm")
        over = limit is not None and bool((norm.values > limit * 1.001).any())
        clipped = bool((share.values > 0).any())
        if over or (limit is None and clipped):
            yield ConfiguredValue(
                key=f"{module}_max_grad_norm",
                configured=limit if limit is not None else float("inf"),
                observed=_largest(norm),
                agrees=clipped == (limit is not None),
                where=f"largest norm; clipped share {format_number(_largest(share))}",
            )


def _largest(series: Series) -> float:
    finite = series.values[np.isfinite(series.values)]
    return float(finite.max()) if len(finite) else float("nan")


def _buffer(facts: RunFacts) -> Iterator[ConfiguredValue]:
    size, limit = (
        facts.series("agent/buffer_size"),
        facts.run.number("buffer_size") if facts.run else None,
    )
    if size is None or limit is None or not np.isfinite(size.values).all():
        return
    expected = min(float(size.steps[-1]), limit)
    agrees = abs(float(size.values[-1]) - expected) <= 0.02 * expected + 100.0
    yield ConfiguredValue(
        key="buffer_size",
        configured=expected,
        observed=float(size.values[-1]),
        agrees=agrees,
        where="agent/buffer_size",
    )


RULES: tuple[Callable[[RunFacts], Iterator[ConfiguredValue]], ...] = (
    _updates,
    _policy_delay,
    _learning_starts,
    _rates,
    _reward_scale,
    _batch_size,
    _gamma,
    _clipping,
    _buffer,
)
