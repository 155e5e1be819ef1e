"""Looks at a run while it trains: live checks, alerts, interim gates, early stopping, hopelessness."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from flows.settings.long_stage import LongStage
from flows.settings.supervision import LiveSettings
from flows.training.live.alerts import Alert, AlertLog
from flows.training.live.growing_run import GrowingRun
from flows.training.live.hopeless import lost_at_interim_gates, stands_still_below_goal
from flows.training.live.interim import InterimGates, InterimJudgement
from flows.training.live.rules import LiveRules, LiveVerdict
from gates.checks.gate_file import GateSpec
from gates.facts.plateau import Plateau, plateau_of
from gates.facts.run_facts import RunFacts
from gates.findings import Finding, Outcome

_LATER_SHARE = 0.005
"""Of the time so far that may pass between two looks: a stop that late costs no more than that."""
_LONGEST_S = 30.0


@dataclass(frozen=True, kw_only=True)
class News:
    """What one look found."""

    step: int
    """Newest logged environment step."""
    verdict: LiveVerdict | None = None
    """None while no live check has its evidence, and with the live gate off."""
    alerts: tuple[Alert, ...] = ()
    interim: tuple[InterimJudgement, ...] = ()
    plateau: Plateau | None = None
    """The evaluations stopped to improve, by the stage's rule."""
    hopeless: Finding | None = None
    """Why the training can no longer earn a GO."""


class RunWatch:
    """Looks at one run, as often as its share of a processor allows."""

    def __init__(
        self,
        run: Path,
        *,
        gate: GateSpec,
        stage: str,
        planned_steps: int,
        settings: LiveSettings,
        long: LongStage | None = None,
        clock: Callable[[], float] = time.monotonic,
        spent: Callable[[], float] = time.thread_time,
    ) -> None:
        """Begin to watch.

        Args:
            run: Run directory.
            gate: The stage's gate.
            stage: Name of the stage.
            planned_steps: Of the stage.
            settings: How often to look, and what counts as lost.
            long: Early stopping, interim gates, hopelessness; none without.
            clock: Seconds that never jump.
            spent: Processor seconds of this thread: on a busy machine a look takes longer, but costs no more.
        """
        self._growing = GrowingRun(run, gate=gate, stage=stage, planned_steps=planned_steps)
        self._settings = settings
        self._long = long or LongStage()
        self._rules = LiveRules(gate, settings)
        self._alerts = AlertLog(run, gate, settings)
        self._interim = InterimGates(run, self._long.interim)
        self._clock = clock
        self._spent = spent
        self._began = self._due = clock()
        self._costs: deque[float] = deque(maxlen=3)
        self._looked_at = 0
        self._off = settings.mode == "off" and self._long == LongStage()
        self.newest: LiveVerdict | None = None
        """The live verdict of the last judgement."""
        self.broken = ""
        """Why the run could not be judged the last time; empty when it could."""

    @property
    def due(self) -> float:
        """Time of the next look, by the clock."""
        return math.inf if self._off else self._due

    @property
    def gate(self) -> GateSpec:
        """The stage's gate."""
        return self._growing.gate

    @property
    def text(self) -> str:
        """The newest live verdict and the number of alerts, for a line of progress."""
        parts = [self.newest.text if self.newest else "", self._alerts.words]
        return "; ".join(part for part in parts if part)

    def look_when_due(self) -> News | None:
        """Look at the run if it is time; returns what was found when something new was logged.

        Whatever goes wrong here is kept in `broken`: watching must never end what it watches.
        """
        if self._clock() < self._due or self._off:
            return None
        before = self._spent()
        try:
            news = self._look()
            self.broken = ""
        except Exception as error:
            self.broken = f"{type(error).__name__}: {error}"
            news = None
        now = self._clock()
        self._costs.append(self._spent() - before)
        # The first judgements load what later ones have at hand.
        cost = min(self._costs) if len(self._costs) == self._costs.maxlen else 0.0
        self._due = now + max(
            self._settings.every_s,
            cost / self._settings.most_share,
            min(_LONGEST_S, _LATER_SHARE * (now - self._began)),
        )
        if news is not None and news.verdict is not None:
            self.newest = news.verdict
        return news

    def _look(self) -> News | None:
        growing = self._growing
        updates = growing.read()
        if growing.void_from_step is not None:
            self._rules.begin_anew()
            self._interim.begin_anew(growing.void_from_step)
            self._looked_at = 0
        if updates == self._looked_at:
            return None
        self._looked_at = updates
        facts = growing.facts()
        step = facts.last_step or 0
        judging = self._settings.mode != "off"
        verdict = self._rules.judge(facts, updates) if judging else None
        alerts: list[Alert] = []
        if verdict is not None:
            sure = verdict.lost.check if verdict.lost is not None else ""
            alerts = self._alerts.observe(verdict.findings, verdict.step, sure)
        interim = self._interim.judge(growing, step)
        rule = self._long.early_stop.rule
        return News(
            step=step,
            verdict=verdict,
            alerts=tuple(alerts),
            interim=tuple(interim),
            plateau=plateau_of(facts, rule) if rule is not None else None,
            hopeless=self._hopeless(facts),
        )

    def _hopeless(self, facts: RunFacts) -> Finding | None:
        settings = self._long.hopeless
        verdicts = [self._interim.verdicts[s] for s in sorted(self._interim.verdicts)]
        lost = lost_at_interim_gates(verdicts, settings)
        if lost is not None:
            check = next(c for c in self.gate.checks if c.id == lost[0])
            times = f"{settings.interim_no_go} interim gates in a row"
            return _hopeless(
                check.id, check.title, check.group, lost[1], f"{check.id} failed at {times}"
            )
        reason = stands_still_below_goal(facts, settings)
        if reason is None:
            return None
        title, fact = (
            "Policy still changes below its goal",
            "the policy stands still below its goal",
        )
        return _hopeless("goal_return", title, "learning", reason, fact)


def _hopeless(check: str, title: str, group: str, reason: str, fact: str) -> Finding:
    return Finding(
        check=check,
        title=title,
        group=group,
        outcome=Outcome.FAIL,
        required=True,
        reason=reason,
        fact=fact,
    )
