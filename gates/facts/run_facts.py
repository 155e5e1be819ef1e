"""What a run says about itself: discount, rewards, phases and episodes, each with its origin in words."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from msgspec import Struct, structs

from gates.facts.bounds import (
    ASSUMED_GAMMA,
    ENTROPY_FACTOR,
    ENTROPY_SPREAD,
    WIDEST,
    Bound,
    highest_reward,
    largest_reward,
    q_reach,
    q_value_bound,
)
from gates.facts.episodes import Episodes, time_limit
from gates.facts.values import Fact, Missing
from gates.metrics import align, finite_median
from gates.runs.afresh import Afresh
from gates.runs.drives import FinalEvaluation
from gates.runs.run_info import RunInfo
from gates.runs.schedule import update_schedule
from gates.series import EventLog, FloatArray, IntArray, Series
from gates.tags import CANONICAL_TAGS

FIRST_UPDATE_TAGS = (
    "train/q1_value",
    "train/critic_loss",
    "debug/target_q_mean",
    "train/actor_loss",
    "train/value_loss",
    "train/loss",
)
"""Tags whose first point is the first logged update."""
USUAL_ROWS = 5
"""Logged updates that most checks need."""
_THOUSANDS = 10.0
"""Steps of episodes over those of any tag from which tags count something larger; frames of a step are fewer."""
UPDATE_GROUPS = ("train/", "debug/", "gradients/")
"""Groups of tags that are logged with updates; `train/episode_*` is not."""


def algorithms_of(log: EventLog, run: RunInfo | None) -> tuple[str, ...]:
    """Return the algorithms that a run may be; empty when neither configuration nor tags tell."""
    return (run.algorithm.upper(),) if run is not None and run.algorithm else log.algorithms


class BeforeActor(Struct, frozen=True, kw_only=True):
    """A run that ended before its actor was trained at all."""

    reason: str
    """With the numbers of the schedule."""
    fact: str
    """In brief, with the first stage that can judge the recipe."""


class RunFacts:
    """Facts of one run, computed when they are first asked for."""

    def __init__(
        self,
        *,
        log: EventLog,
        run: RunInfo | None,
        stage: str,
        planned_steps: int | None,
        planned_source: str = "",
        next_steps: int | None = None,
        final: FinalEvaluation | None = None,
        afresh: Afresh | None = None,
    ) -> None:
        self.log = log
        self.run = run
        self.stage = stage
        self.planned_steps = planned_steps
        self.planned_source = planned_source
        self.next_steps = next_steps
        """Environment steps of the stage that a GO would start."""
        self.final = final
        """How the policy and others drove at the end of the stage; None where that was not recorded."""
        self.afresh = afresh
        """Episodes of the untrained, the last and the best policy that compare stages; None where they were not run."""

    @property
    def own_trainer(self) -> bool:
        """True when run.json says that our trainer wrote the run, so that every documented tag must be there."""
        return self.run is not None and self.run.complete

    @property
    def steps_of_a_return(self) -> float:
        """The n of n-step returns, as configured or as the discounts of a batch tell; 1 where neither says it."""
        found = (self.run.number(key) for key in ("n_steps", "n_step")) if self.run else ()
        logged = self.series("replay/n_steps")
        told = 1.0 if logged is None else finite_median(logged.values)
        return max([told, *(n for n in found if n is not None)])

    @property
    def warm_start(self) -> bool:
        """True when the run began with what another one learned."""
        return self.run is not None and self.run.warm_start

    @property
    def algorithms(self) -> tuple[str, ...]:
        """Algorithms that this run may be (`TD3`, `DDPG`): the configured one, else those that log its tags."""
        return algorithms_of(self.log, self.run)

    def series(self, tag: str) -> Series | None:
        """Return a series with at least one point."""
        found = self.log.series.get(tag)
        return found if found is not None and len(found) else None

    def need(self, *tags: str) -> tuple[Series, ...] | Missing:
        """Return all of these series, or which are missing."""
        found = [self.series(tag) for tag in tags]
        absent = tuple(tag for tag, series in zip(tags, found, strict=True) if series is None)
        if absent:
            more = f" and {len(absent) - 1} more tags are" if len(absent) > 2 else ""
            reason = f"{' and '.join(absent)} {'is' if len(absent) == 1 else 'are'} not logged"
            brief = f"{absent[0]}{more} not logged" if more else reason
            return Missing(reason=reason, tags=absent, brief=brief)
        return tuple(series for series in found if series is not None)

    @cached_property
    def rows(self) -> IntArray:
        """Environment steps at which anything was logged, rising; tags of unknown meaning may count anything."""
        known = [s.steps for tag in CANONICAL_TAGS if (s := self.over_env_steps(tag)) is not None]
        return np.unique(np.concatenate([np.empty(0, dtype=np.int64), *known]))

    @cached_property
    def last_step(self) -> int | None:
        """Largest environment step that was logged; None as well where the counter overflowed."""
        return int(self.rows[-1]) if len(self.rows) and not self.steps_overflowed else None

    @cached_property
    def steps_overflowed(self) -> bool:
        """True when steps fall below zero, which only a counter with too few bits does."""
        return len(self.rows) > 0 and int(self.rows[0]) < 0

    def over_env_steps(self, tag: str) -> Series | None:
        """Return a series with at least one point whose steps are environment steps."""
        found = self.series(tag)
        if found is None or found.other_axis or tag in self._counters:
            return None
        return found

    @cached_property
    def _counters(self) -> frozenset[str]:
        """Tags of another trainer whose steps are far fewer than those that were made.

        They count calls, episodes or thousands: where all steps are 0, or fewer than planned while episodes hold ten
        times as many. Of a trainer that is not known also where they rise one by one and others reach twice as far.
        """
        if self.own_trainer:
            return frozenset()
        known = [s for tag in CANONICAL_TAGS if (s := self.series(tag)) and not s.other_axis]
        lengths = self.series("train/episode_length")
        made = float(np.nansum(lengths.values)) if lengths and not lengths.aggregated else 0.0
        last = max((float(s.steps.max()) for s in known), default=0.0)
        short = last < (self.planned_steps or np.inf)
        if sum(map(len, known)) > 1 and (last == 0 or (short and made > _THOUSANDS * last)):
            return frozenset(s.tag for s in known)
        if self.log.recognised:
            return frozenset()
        made = max(made, last, float(self.planned_steps or 0))
        return frozenset(s.tag for s in known if one_by_one(s) and s.steps.max() < made / 2)

    @cached_property
    def first_update_step(self) -> int | None:
        """Step of the first logged update."""
        found = map(self.over_env_steps, FIRST_UPDATE_TAGS)
        return min((int(s.steps.min()) for s in found if s is not None), default=None)

    @cached_property
    def learning_starts(self) -> Fact | None:
        """Step at which random exploration ends."""
        configured = self.run.number("learning_starts") if self.run else None
        if configured is not None:
            return Fact(value=configured, source="learning_starts of the configuration")
        first = self.first_update_step
        return (
            None
            if first is None
            else Fact(value=float(first), source="step of the first logged update")
        )

    @cached_property
    def gamma(self) -> Fact:
        """Discount that the targets really used, else the configured one, else the usual one."""
        measured = self.measured_gamma
        if measured is not None:
            return measured
        configured = self.run.number("gamma") if self.run else None
        if configured is not None:
            return Fact(value=configured, source="gamma of the configuration")
        return Fact(
            value=ASSUMED_GAMMA,
            source="assumed, since neither debug/effective_discount nor a configuration tells it",
        )

    @property
    def gamma_told(self) -> bool:
        """False where the discount is assumed, or is one at which no bound exists."""
        told = self.measured_gamma is not None or (
            self.run is not None and self.run.number("gamma") is not None
        )
        return told and self.gamma.value < 1.0

    @cached_property
    def measured_gamma(self) -> Fact | None:
        """Discount from the logged batches, None when they do not tell it."""
        pair = self.need("debug/effective_discount", "debug/done_ratio")
        if isinstance(pair, Missing):
            return None
        _, (effective, done) = align(*pair)
        usable = np.isfinite(effective) & np.isfinite(done) & (done < 0.95)
        if usable.sum() < 3:
            return None
        if self.terminations_ignored:
            text = "debug/effective_discount, which does not follow debug/done_ratio"
            return Fact(value=round(float(np.median(effective[usable])), 6), source=text)
        value = float(np.median(effective[usable] / (1.0 - done[usable])))
        return Fact(
            value=round(value, 6), source="debug/effective_discount / (1 - debug/done_ratio)"
        )

    @cached_property
    def terminations_ignored(self) -> bool:
        """True when the discount stays the same in batches with and without terminations."""
        pair = self.need("debug/effective_discount", "debug/done_ratio")
        if isinstance(pair, Missing):
            return False
        _, (effective, done) = align(*pair)
        if len(done) < 3 or not np.isfinite(effective).all() or not np.isfinite(done).all():
            return False
        # A discount near 0 is the same with and without terminations.
        expected = float(np.median(effective)) * float(np.ptp(done))
        return expected > 1e-4 and float(np.ptp(effective)) < 1e-6

    @cached_property
    def reward_scale(self) -> Fact | None:
        """Factor between the environment's reward and the critic's, None when nothing tells it."""
        logged = self.series("agent/reward_scale")
        if logged is not None and np.isfinite(logged.values).all():
            return Fact(value=float(np.median(logged.values)), source="agent/reward_scale")
        if self.run is not None and not self.run.flag("reward_normalization"):
            configured = self.run.number("reward_scale")
            if configured is not None:
                return Fact(value=configured, source="reward_scale of the configuration")
        return None

    def reward_scale_at(self, steps: IntArray) -> FloatArray | float:
        """Return the known scale at these steps, which a running normalisation changes; 1 when unknown."""
        logged = self.series("agent/reward_scale")
        if logged is None or not np.isfinite(logged.values).all() or not (logged.values > 0).all():
            return self.reward_scale.value if self.reward_scale else 1.0
        known, (values,) = align(logged)
        return np.interp(steps, known, values)

    @cached_property
    def buffer_size(self) -> float:
        """Steps that the replay buffer holds, infinite when nothing tells a limit."""
        configured = self.run.number("buffer_size") if self.run else None
        if configured is not None:
            return configured
        logged = self.series("agent/buffer_size")
        if logged is None or len(logged) < 3 or not np.isfinite(logged.values).all():
            return float("inf")
        # A size that no longer grows is a full buffer.
        full = float(logged.values.max())
        return full if float(logged.values[-2]) == full else float("inf")

    @cached_property
    def reward_abs_max(self) -> Fact | Missing:
        """Largest absolute reward that the critic saw."""
        extremes = (self.series("debug/reward_max"), self.series("debug/reward_min"))
        scale = self.reward_scale.value if self.reward_scale else 1.0
        if self.has_entropy_bonus:
            scale *= ENTROPY_FACTOR
        rolling = None
        pair = self.need("train/episode_reward", "train/episode_length")
        if not isinstance(pair, Missing) and np.array_equal(pair[0].steps, pair[1].steps):
            rolling = (pair[0], pair[1])
        logged = [s for s in extremes if s is not None]
        found = largest_reward(logged, self.episodes, rolling, scale)
        if logged and self.has_entropy_bonus and isinstance(found, Fact):
            bonus = self._entropy_bonus
            if bonus is not None:
                source = f"{found.source} and {bonus.source}"
                return Fact(value=found.value + bonus.value, source=source)
            source = f"{ENTROPY_FACTOR:g} x the {found.source}, for the entropy bonus"
            return Fact(value=ENTROPY_FACTOR * found.value, source=source)
        return found

    @cached_property
    def _entropy_bonus(self) -> Fact | None:
        """Largest entropy bonus of a step; None when it is not logged."""
        pair = self.need("train/ent_coef", "policy/entropy")
        if isinstance(pair, Missing):
            return None
        _, (temperature, entropy) = align(*pair)
        bonus = np.abs(temperature * entropy)
        bonus = bonus[np.isfinite(bonus)]
        if not len(bonus):
            return None
        source = f"{ENTROPY_SPREAD:g} x the largest train/ent_coef x policy/entropy"
        return Fact(value=ENTROPY_SPREAD * float(bonus.max()), source=source)

    @property
    def has_entropy_bonus(self) -> bool:
        """True for SAC and its kin, whose values hold a bonus for entropy beside the rewards."""
        return self.series("train/ent_coef") is not None

    @cached_property
    def q_bound(self) -> Bound | Missing:
        """Range of an honest Q value."""
        return self._widened(q_value_bound(self.reward_abs_max, self.gamma))

    @cached_property
    def q_reach(self) -> Bound | Missing:
        """How high an honest Q value can be."""
        if self.has_entropy_bonus:
            reason = "values hold a bonus for entropy beside the rewards"
            return Missing(reason=reason, not_applicable=True)
        highest = highest_reward(self.series("debug/reward_max"))
        return self._widened(q_reach(highest, self.reward_abs_max, self.gamma))

    def _widened(self, bound: Bound | Missing) -> Bound | Missing:
        """Say how much wider a bound may be where the discount is assumed."""
        if isinstance(bound, Missing) or self.gamma_told:
            return bound
        return structs.replace(bound, unsure=WIDEST)

    @cached_property
    def episodes(self) -> Episodes | Missing:
        """Finished training episodes."""
        found = self.need("train/episode_length")
        if isinstance(found, Missing):
            if self.no_episode_ended:
                return Missing(reason="no training episode ended", not_applicable=True)
            return found
        (length,) = found
        if length.aggregated:
            reason = f"train/episode_length holds no single episodes but {length.aggregated}"
            return Missing(reason=reason, tags=("train/episode_length",))
        returns = self._beside("train/episode_reward", length)
        terminated = self._beside("train/episode_terminated", length)
        return Episodes(
            end_steps=length.steps,
            lengths=length.values,
            returns=returns,
            terminated=terminated,
            time_limit=time_limit(length.values, terminated),
        )

    @cached_property
    def no_episode_ended(self) -> bool:
        """True when no training episode is logged because none ended, not because the trainer does not log them."""
        if self.series("train/episode_length") is not None:
            return False
        longest = self.series("eval/mean_episode_length")
        parallel = (self.run.number("num_envs") if self.run else None) or 1.0
        long = longest is not None and bool(
            (longest.values * parallel >= (self.last_step or 0)).all()
        )
        return long or (self.run is not None and self.run.every_episode)

    def _beside(self, tag: str, length: Series) -> FloatArray | None:
        series = self.series(tag)
        if (
            series is None
            or len(series) != len(length)
            or not np.array_equal(series.steps, length.steps)
        ):
            return None
        return series.values

    def in_learning(self, episodes: Episodes) -> np.ndarray | None:
        """`bool[n]`: episodes that ended after exploration; None when its end is unknown."""
        start = self.learning_starts
        return None if start is None else episodes.end_steps > start.value

    def updates_at(self, steps: IntArray) -> tuple[FloatArray, str]:
        """Return critic updates done at these steps, with the sentence of how they are known."""
        total = self.series("agent/total_updates")
        if total is not None and len(total) >= 2 and np.isfinite(total.values).all():
            order = np.argsort(total.steps, kind="stable")
            return np.interp(steps, total.steps[order], total.values[order]), "agent/total_updates"
        start = self.learning_starts
        elapsed = np.maximum(steps - (start.value if start else 0.0), 1.0).astype(np.float64)
        frequency = self.run.number("train_freq") if self.run else None
        gradient_steps = self.run.number("gradient_steps") if self.run else None
        if frequency and gradient_steps:
            return elapsed * gradient_steps / frequency, "configured update schedule"
        return (
            elapsed,
            "environment steps since the first update, as the number of updates is not logged",
        )

    @cached_property
    def before_first_actor_update(self) -> BeforeActor | None:
        """Why no tag of the actor can be there, when the configuration says so."""
        run, total = self.run, self.series("agent/total_updates")
        schedule = update_schedule(run.train) if run is not None else None
        if run is None or schedule is None or self.series("train/actor_loss") is not None:
            return None
        done = run.status_updates
        if done is None and total is not None:
            done = int(total.values.max())
        if done is None:
            done = schedule.updates_by(self.last_step or 0)
        step = max(run.status_step or 0, self.last_step or 0)
        if schedule.rows_by(step) or done > schedule.critic_warmup_updates:
            return None
        needed = schedule.step_of_row(USUAL_ROWS)
        following = self.next_steps if self.next_steps and self.next_steps >= needed else None
        first = f"{following // 1000}k" if following else f"{needed:,} steps"
        return BeforeActor(
            reason=f"no actor update by step {step:,}: warm-up of {schedule.critic_warmup_updates:,} updates, "
            f"{done:,} made; a stage needs {needed:,} steps to judge this recipe",
            fact=f"no actor update by step {step:,}; {first} can judge this recipe",
        )

    @cached_property
    def guarded_loss(self) -> bool:
        """True when the configuration says that the actor loss is more than -mean(Q)."""
        if self.run is None:
            return False
        return (
            bool(self.run.flag("normalize_actor_loss"))
            or (self.run.number("preact_penalty") or 0.0) > 0.0
        )


def one_by_one(series: Series) -> bool:
    """Tell whether steps begin at 0 or 1 and rise by 1 at most, as those of a counter do."""
    steps = series.steps
    return len(steps) > 1 and 0 <= int(steps[0]) <= 1 and bool((np.abs(np.diff(steps)) <= 1).all())
