"""What a run's returns were before it learned, and what they are at its end; each in one measurement.

Training returns and evaluations may have different scales (normalised rewards, penalties of training only), so one
never stands in for the other. Returns come as single episodes, as evaluations, or as means over the last
`ROLLING` episodes.
"""

from __future__ import annotations

from math import ceil

import numpy as np
from msgspec import Struct

from gates.facts.run_facts import RunFacts
from gates.facts.values import Missing
from gates.metrics import finite_median, window
from gates.series import FloatArray, Series
from gates.text import format_number

ROLLING = 100
"""Episodes in a rolling mean, as Stable-Baselines3 (`stats_window_size`) and others take it."""
FEWEST_EPISODES = 5
"""Fewer single episodes make no distribution."""
EVALUATION = "eval/mean_reward"
EVALUATIONS = ("eval/", "eval_driving/")
"""Groups of tags of which each point is an evaluation."""
TRAINING = "train/episode_reward"
_LENGTH = {TRAINING: "train/episode_length", "rollout/success_rate": "train/episode_length"}
_LAST_EVALUATIONS = 3
"""Evaluations at the end, where they only say whether returns rose."""
_NEIGHBOURS = 9
_ROUNDING = 1e-5
"""Changes below this share of the values are rounding: event files hold 32 bits."""
EFFECT_IN_SPREADS, EFFECT_IN_RETURNS = 0.5, 0.001
"""Smallest effect that matters: a share of the spread of single episodes before learning, a medium effect by Cohen
(1988), and of the larger return. Recipes of the bench that learned gained two spreads and more."""
CLEARLY = 3.0
"""Standard errors that no chance explains: errors are themselves estimated, often from few results."""
_DEVIATION = 1.4826
"""From a median absolute deviation to the standard deviation of normal noise."""


class Sample(Struct, frozen=True, kw_only=True):
    """A mean with its uncertainty."""

    mean: float
    error: float
    """Standard error; 0 when the log shows no spread, which says nothing about it."""
    spread: float
    """Standard deviation of single episodes; 0 when unknown."""
    episodes: float = 0.0
    """Episodes behind the mean; 0 when unknown."""
    words: str
    """What was averaged: `8 exploring episodes`."""


class Progress(Struct, frozen=True, kw_only=True):
    """Returns before learning and at the end of the run, in one measurement."""

    tag: str
    before: Sample
    after: Sample
    learned_before: bool
    """Updates may have been made before the first measurement: no change proves nothing then."""
    cut: Series
    """The points behind `after`."""
    later: Series
    """All points after learning began."""

    @property
    def gain(self) -> float:
        """Difference of the means, higher is better."""
        return self.after.mean - self.before.mean

    @property
    def error(self) -> float:
        """Standard error of the gain."""
        return float(np.hypot(self.before.error, self.after.error))

    def smallest_effect(
        self, in_spreads: float = EFFECT_IN_SPREADS, in_returns: float = EFFECT_IN_RETURNS
    ) -> float:
        """Return the smallest gain that matters, from what is at stake."""
        size = max(abs(self.before.mean), abs(self.after.mean))
        return max(in_spreads * self.before.spread, in_returns * size)

    def moved(self, least: float) -> bool:
        """Whether means of neighbours ever lay clearly apart from the start: then the policy matters in this task."""
        size = min(len(self.cut), len(self.later))
        means = np.convolve(self.later.values, np.ones(size) / size, mode="valid")
        away = float(np.max(np.abs(means - self.before.mean), initial=0.0))
        return self.error > 0 and away >= max(CLEARLY * self.error, least)

    def more(self, level: float) -> int | None:
        """Return how many further episodes of either policy make this gain `level` standard errors.

        None where single episodes are unknown, or none can be run any more.
        """
        if not self.tag.startswith(EVALUATIONS) or not self.before.spread or not self.gain:
            return None
        variance = self.before.spread**2 + self.after.spread**2
        return max(1, ceil(level**2 * variance / self.gain**2 - self.after.episodes))

    @property
    def direction(self) -> int:
        """1 where returns rose clearly and by what matters, -1 where they fell, else 0."""
        least = max(CLEARLY * self.error, self.smallest_effect())
        if not self.error > 0 or not abs(self.gain) >= least:
            return 0
        return 1 if self.gain > 0 else -1


def first_policy(facts: RunFacts) -> str:
    """Name the policy that a run began with."""
    return "policy that the run began with" if facts.warm_start else "untrained policy"


def untrained_until(facts: RunFacts) -> float:
    """Return the last step at which surely no update had been made.

    Without a configuration the first logged update bounds it from above. Logged rows may sum up what happened
    since the row before, so that one distance between rows is taken off.
    """
    configured = facts.run.number("learning_starts") if facts.run else None
    if configured is not None:
        return configured
    first = facts.first_update_step
    if first is None:
        return 0.0
    gaps = [
        float(np.max(np.diff(np.unique(s.steps)), initial=0.0))
        for tag in ("train/critic_loss", "train/actor_loss", "train/q1_value")
        if (s := facts.series(tag)) is not None
    ]
    return max(0.0, first - max(gaps, default=0.0))


def progress(tag: str, facts: RunFacts, *, last_points: int) -> tuple[Progress, ...] | Missing:
    """Return how far the run came in every measurement that can tell, the most telling one first.

    Evaluations with one of the untrained policy come first, then training returns from the first episode on, then
    evaluations against the first of them.
    """
    until = untrained_until(facts)
    found: list[Progress] = []
    if tag.startswith(EVALUATIONS):
        evaluated = _evaluations(tag, facts, until, last_points)
        trained = _training(TRAINING, facts, until) if tag == EVALUATION else None
        both = [p for p in (evaluated, trained) if p is not None]
        found = sorted(both, key=lambda p: p.learned_before and p.tag == tag)
    elif (other := _training(tag, facts, until)) is not None:
        found = [other]
    if found:
        return tuple(found)
    series = facts.series(tag)
    if series is None and (tag != EVALUATION or facts.series(TRAINING) is None):
        return Missing(reason=f"{tag} is not logged", tags=(tag,))
    return Missing(reason="returns are logged at too few steps to compare its end with its start")


def returns_progress(facts: RunFacts) -> Progress | None:
    """Return how training returns changed, or evaluations that rose where those do not tell; None without both."""
    until = untrained_until(facts)
    trained = _training(TRAINING, facts, until)
    if trained is not None and trained.direction:
        return trained
    evaluated = _evaluations(EVALUATION, facts, until, _LAST_EVALUATIONS)
    rose = evaluated is not None and evaluated.direction > 0
    return evaluated if rose else trained


def _evaluations(tag: str, facts: RunFacts, until: float, last_points: int) -> Progress | None:
    series = facts.series(tag)
    if series is None:
        return None
    before = series.where((series.steps <= until) & np.isfinite(series.values))
    later = series.where(series.steps > until)
    learned_before = not len(before)
    if learned_before:
        finite = later.where(np.isfinite(later.values))
        size = min(last_points, len(finite) // 2)
        before, later = finite.where(slice(0, size)), later.where(slice(size, None))
    if not len(before) or not len(later):
        return None
    # Of few evaluations the later half: the others show the policy on its way.
    cut = window(later, last_points=min(last_points, (len(later) + 1) // 2))
    noise = _noise(series.values)
    count, last = _evaluations_in_words(before), _evaluations_in_words(cut)
    first = f"first {count}, made after updates" if learned_before else f"{count} before any update"
    return Progress(
        tag=tag,
        before=_evaluated(before, facts, noise, f"{first} (steps {_range(before)})"),
        after=_evaluated(cut, facts, noise, f"last {last} (steps {_range(cut)})"),
        learned_before=learned_before,
        cut=cut,
        later=later,
    )


def _evaluated(cut: Series, facts: RunFacts, noise: float, words: str) -> Sample:
    """Take the largest of three errors: logged within evaluations, between these, between all neighbours."""
    count = len(cut)
    spread, episodes = _logged_spread(facts, cut)
    own = spread / float(np.sqrt(episodes)) if episodes else 0.0
    between = float(np.std(cut.values, ddof=1)) if count > 1 else 0.0
    error = max(own, max(between, 0.0 if own else noise) / float(np.sqrt(count)))
    mean = float(np.mean(cut.values))
    return Sample(mean=mean, error=error, spread=spread, episodes=episodes, words=words)


def _logged_spread(facts: RunFacts, cut: Series) -> tuple[float, float]:
    """Return the spread of single returns and their number; an unknown number of episodes counts as one."""
    deviation, episodes = facts.series("eval/std_reward"), facts.series("eval/episodes")
    if deviation is None or cut.tag != EVALUATION:
        return 0.0, 0.0
    spreads = deviation.values[np.isin(deviation.steps, cut.steps)]
    spreads = spreads[np.isfinite(spreads)]
    if not len(spreads):
        return 0.0, 0.0
    total = float(len(spreads))
    if episodes is not None:
        total = max(total, float(np.nansum(episodes.values[np.isin(episodes.steps, cut.steps)])))
    return float(np.sqrt(np.mean(spreads**2))), total


def _training(tag: str, facts: RunFacts, until: float) -> Progress | None:
    series = facts.series(tag)
    if series is None:
        return None
    series = series.where(np.isfinite(series.values))
    rolling = bool(series.aggregated) or tag != TRAINING
    return _rolling(series, facts, until) if rolling else _episodes(series, until)


def _episodes(series: Series, until: float) -> Progress | None:
    """Compare the exploring episodes, or else the first ones, with the last quarter."""
    before, later = series.where(series.steps <= until), series.where(series.steps > until)
    learned_before = len(before) < FEWEST_EPISODES
    if learned_before:
        before = series.where(slice(0, FEWEST_EPISODES))
        later = series.where(slice(FEWEST_EPISODES, None))
    cut = window(later, last_points=min(ROLLING, max(FEWEST_EPISODES, len(later) // 4)))
    if len(cut) < FEWEST_EPISODES:
        return None
    when = "first episodes" if learned_before else "episodes before learning"
    return Progress(
        tag=series.tag,
        before=_single(before, f"{len(before)} {when} (to step {before.steps.max():,})"),
        after=_single(cut, f"last {len(cut)} training episodes (steps {_range(cut)})"),
        learned_before=learned_before,
        cut=cut,
        later=later,
    )


def _single(cut: Series, words: str) -> Sample:
    spread = float(np.std(cut.values, ddof=1))
    mean = float(np.mean(cut.values))
    return Sample(mean=mean, error=spread / float(np.sqrt(len(cut))), spread=spread, words=words)


def _rolling(series: Series, facts: RunFacts, until: float) -> Progress | None:
    """Compare the last rolling mean before learning, or else the first one, with the last one."""
    if len(series) < 3:
        return None
    exploring = np.flatnonzero(series.steps <= until)
    at = int(exploring[-1]) if len(exploring) else 0
    later = series.where(slice(at + 1, None))
    if not len(later):
        return None
    ended = _episodes_by(series, facts)
    spread = _single_spread(series.values, ended)
    errors = spread / np.sqrt(np.minimum(ended, ROLLING))
    first, cut = series.where(slice(at, at + 1)), window(later, last_points=1)
    when = "" if len(exploring) else ", after updates may have begun"
    return Progress(
        tag=series.tag,
        before=Sample(
            mean=float(first.values[0]),
            error=float(errors[at]),
            spread=spread,
            words=f"rolling mean of {series.tag} at step {first.steps[0]:,}{when}",
        ),
        after=Sample(
            mean=float(cut.values[0]),
            error=float(errors[-1]),
            spread=spread,
            words=f"rolling mean at step {cut.steps[0]:,}",
        ),
        learned_before=not len(exploring),
        cut=cut,
        later=later,
    )


def _episodes_by(series: Series, facts: RunFacts) -> FloatArray:
    """Return how many episodes had ended by each rolling mean, from steps over lengths; at least one."""
    lengths = facts.series(_LENGTH.get(series.tag, ""))
    length = finite_median(lengths.values) if lengths is not None else float("nan")
    if np.isnan(length):
        # Rows are written when episodes end: at least one lies between two of them.
        length = float(np.median(np.diff(series.steps)))
    return np.maximum(1.0, series.steps / max(1.0, length))


def _single_spread(values: FloatArray, ended: FloatArray) -> float:
    """Return the standard deviation of single episodes that the changes of a rolling mean show; 0 if it never changes.

    With k new episodes a mean of n changes by sqrt(2 k) / n standard deviations when it drops as many old ones, and by
    sqrt(k + k^2 / n) / n while it grows. The trend, a running median of the changes, is taken off unless nothing
    else is left.
    """
    changes, held = np.diff(values), np.minimum(ended, ROLLING)
    new = np.clip(np.diff(ended), 1.0, ROLLING)
    dropped = np.where(ended[:-1] >= ROLLING, 2.0, 1.0 + new / held[:-1])
    shares = np.sqrt(new * dropped) / held[1:]
    padded = np.pad(changes, _NEIGHBOURS // 2, mode="edge")
    trend = np.median(np.lib.stride_tricks.sliding_window_view(padded, _NEIGHBOURS), axis=1)
    for deviations in (changes - trend, changes):
        # Of squares: where episodes end in batches most rows do not change at all.
        typical = float(np.sqrt(np.mean((deviations / shares) ** 2)))
        if typical > _ROUNDING * float(np.max(np.abs(values))):
            return typical
    return 0.0


def _noise(values: FloatArray) -> float:
    """Return the standard deviation of one evaluation from the distance of neighbours; 0 when they show none."""
    finite = values[np.isfinite(values)]
    if len(finite) < 3:
        return 0.0
    return float(_DEVIATION * np.median(np.abs(np.diff(finite))) / np.sqrt(2.0))


def _evaluations_in_words(cut: Series) -> str:
    return f"{len(cut)} evaluation{'s' if len(cut) > 1 else ''}"


def _range(series: Series) -> str:
    first, last = int(series.steps.min()), int(series.steps.max())
    return f"{first:,}" if first == last else f"{first:,} to {last:,}"


def described(found: Progress) -> str:
    """Say both means with their origin."""
    return (
        f"{format_number(found.after.mean)} ({found.after.words}) against {format_number(found.before.mean)} "
        f"({found.before.words})"
    )
