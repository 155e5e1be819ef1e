"""The signs that diagnosis reads: one measurement each, computed once from a run's facts."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from gates.facts.bounds import Bound
from gates.facts.run_facts import RunFacts
from gates.facts.trace import Trace, follow, tail_median
from gates.facts.values import Missing
from gates.laws.quantity import Quantity
from gates.laws.reward_shape import RewardShape, reward_shape
from gates.laws.table import evaluate
from gates.metrics import Growth, align, finite_median, fit_growth

ALIKE = 0.999
"""Correlation of rewards that differ by a factor alone."""
FROZEN = 1e-7
"""Relative spread of a weight norm that is rounding."""
ENOUGH = 5
"""Logged updates from which a weight norm that stays the same says anything."""
OUT_OF_REACH = 1.5
"""Targets this many times what the best reward for ever would give are made up."""


class Signs:
    """Measurements of one run, each None when the run does not tell it."""

    def __init__(self, facts: RunFacts) -> None:
        self.facts = facts

    def trace(self, tag: str) -> Trace | None:
        """Follow a tag; non-finite points are left out."""
        series = self.facts.series(tag)
        return None if series is None else follow(series)

    def law(self, law: str) -> Quantity | None:
        """Evaluate a law, None when it cannot be."""
        quantity = evaluate(law, self.facts)
        return None if isinstance(quantity, Missing) else quantity

    def law_tail(self, law: str) -> float | None:
        """Median of a law over the last quarter of its points."""
        quantity = self.law(law)
        return None if quantity is None else tail_median(quantity.series.values)

    def stands_still(self, network: str) -> bool:
        """Tell whether the weights of a network, `actor` or `critic`, never change."""
        quantity = self.law(f"{network}_weights_move")
        if quantity is None or quantity.points < ENOUGH:
            return False
        return bool(quantity.series.values[0] <= FROZEN)

    @cached_property
    def decoupling(self) -> float | None:
        """Actor Q over replay Q at the end of the run."""
        return self.law_tail("actor_q_over_replay_q")

    @cached_property
    def gradient_ratio(self) -> float | None:
        """Actor's encoder gradient over its MLP gradient, 95th percentile.

        The upper end tells: with correct wiring no update has a large ratio, while a leak shows it in many or in all.
        """
        quantity = self.law("actor_cnn_over_mlp_gradient")
        if quantity is None or not len(quantity.series):
            return None
        values = quantity.series.values[~np.isnan(quantity.series.values)]
        return float(np.quantile(values, 0.95, method="nearest")) if len(values) else None

    @cached_property
    def leak_probe(self) -> float | None:
        """Largest gradient of -Q1 at the actor's encoder with the action held fixed."""
        trace = self.trace("probe/actor_encoder_leak")
        return None if trace is None else trace.largest

    @cached_property
    def q_on_critic_features(self) -> float | None:
        """Q1(critic features, pi) over actor Q at the end: 1 when the actor's loss uses the critic's own features."""
        pair = self.facts.need("probe/q1_critic_feat_pi", "debug/actor_q_mean")
        if isinstance(pair, Missing):
            return None
        _, (honest, actor_q) = align(*pair)
        with np.errstate(divide="ignore", invalid="ignore"):
            return tail_median(honest / actor_q)

    @cached_property
    def encoders_are_one(self) -> bool | None:
        """Whether actor and critic have the same encoder: equal weight norms, or equal features, at every point."""
        for first, second, tolerance in (
            ("weights/actor_cnn_l2", "weights/critic_cnn_l2", 1e-6),
            ("features/actor_cnn_l2", "features/critic_cnn_l2", 1e-4),
        ):
            pair = self.facts.need(first, second)
            if isinstance(pair, Missing):
                continue
            _, (a, b) = align(*pair)
            usable = np.isfinite(a) & np.isfinite(b)
            if usable.sum() < 3:
                continue
            a, b = a[usable], b[usable]
            same = np.abs(a - b) <= tolerance * np.maximum(np.abs(a), np.abs(b))
            if bool(same.all()) and float(np.ptp(a)) > 0:
                return True
            if tolerance <= 1e-6 and not same.any():
                return False
        return None

    @property
    def shared_points(self) -> int:
        """Logged updates at which the two encoders were compared."""
        trace = self.trace("weights/actor_cnn_l2") or self.trace("features/actor_cnn_l2")
        return 0 if trace is None else trace.points

    @cached_property
    def actor_growth(self) -> Growth | None:
        """Growth of |actor Q| with the updates."""
        return self._growth("debug/actor_q_mean")

    @cached_property
    def replay_growth(self) -> Growth | None:
        """Growth of |replay Q| with the updates."""
        return self._growth("train/q1_value")

    def _growth(self, tag: str) -> Growth | None:
        series = self.facts.series(tag)
        if series is None:
            return None
        updates, _ = self.facts.updates_at(series.steps)
        return fit_growth(updates, series.values, floor=0.5)

    def feature_growth(self, who: str) -> float | None:
        """Size of an encoder's output at the end over its start; `who` is `actor` or `critic`."""
        trace = self.trace(f"features/{who}_cnn_l2")
        return None if trace is None or trace.first <= 0 else trace.last / trace.first

    @cached_property
    def excess(self) -> tuple[float, str, Bound] | None:
        """Largest |replay Q| or |target Q| over the bound, with the tag, None when no bound can be derived.

        Where neither is logged, the actor's Q stands in if the critic's errors are beyond the bound as well.
        """
        bound = self.facts.q_bound
        if isinstance(bound, Missing):
            return None
        traces = [
            self.trace(tag) for tag in ("train/q1_value", "debug/target_q_mean", "train/q2_value")
        ]
        largest = max((t for t in traces if t), key=lambda t: t.largest, default=None)
        if largest is None and self._errors_beyond(bound):
            largest = self.trace("debug/actor_q_mean")
        if largest is None:
            return None
        found = (largest.largest / bound.high, largest.tag, bound)
        return found if found[0] > 1.0 else self._out_of_reach or found

    def _errors_beyond(self, bound: Bound) -> bool:
        """Whether the critic's errors are larger than an honest value can be: then the critic itself diverges."""
        loss = self.trace("train/critic_loss")
        return loss is not None and loss.largest**0.5 > bound.high

    @cached_property
    def _out_of_reach(self) -> tuple[float, str, Bound] | None:
        """Target Q over what the best reward for ever would give, when it is clearly beyond."""
        reach, target = self.facts.q_reach, self.facts.series("debug/target_q_mean")
        if isinstance(reach, Missing) or target is None or not len(target):
            return None
        ratio = float(target.values.max()) / reach.high
        return (ratio, target.tag, reach) if ratio > OUT_OF_REACH else None

    @cached_property
    def identical_evaluations(self) -> tuple[float, int] | None:
        """Return and number of the longest series of evaluations that agree to the last digit, if at least two do."""
        series = self.facts.series("eval/mean_reward")
        if series is None:
            return None
        best, value, run = 1, float("nan"), 1
        for previous, current in zip(series.values[:-1], series.values[1:], strict=True):
            run = run + 1 if current == previous else 1
            if run > best:
                best, value = run, float(current)
        return (value, best) if best > 1 else None

    @cached_property
    def one_reward_factor(self) -> bool | None:
        """Whether the batch rewards are the environment's up to one factor, by their correlation at the same index."""
        series = self.facts.series("replay/reward_correlation")
        return None if series is None else finite_median(series.values) > ALIKE

    @cached_property
    def reward_shape(self) -> RewardShape | None:
        """Compare the rewards in the batches with single rewards and with running sums."""
        return reward_shape(self.facts)
