"""`completeness`: the run reached all planned steps, or early stopping ended it by its rule."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import numpy as np

from gates.checks.check import Check, Description, Peers, Ruling
from gates.facts.plateau import plateau_of
from gates.facts.run_facts import RunFacts
from gates.findings import Finding, Outcome
from gates.runs.ended_early import EndedEarly
from gates.runs.heartbeat import Phase


class CompletenessCheck(Check, frozen=True, kw_only=True, tag="completeness"):
    """The run reached all planned steps."""

    assumes: ClassVar[tuple[str, ...]] = (
        (
            "Rows are over environment steps and lie evenly: the last one stands as far before the end as "
            "rows lie apart."
        ),
    )

    def judge(self, facts: RunFacts, peers: Peers) -> Ruling:
        """Compare the last step with the plan; early stopping may end a run before it."""
        planned, last = facts.planned_steps, facts.last_step
        if planned is None or last is None:
            why, fact = "no plan is known; give --planned-steps", "no plan is known"
            if planned is not None and facts.steps_overflowed:
                fact = "the trainer's step counter overflowed"
                why = f"steps fall below zero, to {facts.rows[0]:,}: {fact}"
            elif planned is not None:
                why = fact = "no logged tag is known to count environment steps"
            axis_unknown = planned is not None and not facts.own_trainer
            if axis_unknown and not facts.steps_overflowed:
                why += "; say what they count in a mapping file (axis, step_factor)"
            return Ruling(
                finding=self.finding(
                    outcome=Outcome.WARN if axis_unknown else Outcome.INCONCLUSIVE,
                    reason=f"cannot be judged: {why}.",
                    fact=fact if axis_unknown else f"not decided, {fact}",
                )
            )
        early = facts.run.ended_early if facts.run is not None else None
        near = planned - last <= _logging_interval(facts)
        if last < planned and early is not None and early.planned_steps == planned:
            return Ruling(finding=self._ended_early(facts, early, last))
        finished = _finished_step(facts, planned)
        reached, statistic, fact = last, "last logged environment step", ""
        if last >= planned:
            outcome, text = Outcome.PASS, f"reached step {last:,} of {planned:,} planned"
        elif near and finished is not None:
            outcome, reached = Outcome.PASS, finished
            statistic = "step at which the trainer finished, by its status.json"
            text = f"the trainer finished step {finished:,} as planned, the last logged one is {last:,}"
        elif near:
            outcome = Outcome.WARN
            text = (
                f"the last row is at step {last:,} of {planned:,} planned; rows are up to "
                f"{_logging_interval(facts):,} steps apart, so the run may have ended as planned"
            )
            fact = f"the last logged step is {last:,} of {planned:,} planned"
        else:
            outcome = Outcome.FAIL
            text = f"stopped early: step {last:,} of {planned:,} planned ({last / planned:.1%})"
            fact = f"stopped at step {last:,} of {planned:,} planned"
        source = facts.planned_source
        return Ruling(
            finding=self.finding(
                outcome=outcome,
                reason=f"{text}.",
                fact=fact,
                value=float(reached),
                limit=float(planned),
                direction="min",
                statistic=statistic,
                unit="steps",
                last_step=last,
                points=_points(facts),
                limit_source=f"planned steps: {source}" if source else "planned steps",
            )
        )

    def _ended_early(self, facts: RunFacts, early: EndedEarly, last: int) -> Finding:
        """Hold early stopping's word against the evaluations: its rule is what must be met, not the plan."""
        # The trainer goes on until it hears of its end, and may evaluate once more.
        plateau = plateau_of(facts, early.rule, until_step=early.step)
        passed, fact, text = False, "", early.sentence
        if last < early.step - _logging_interval(facts):
            text = f"early stopping ended the run at step {early.step:,}, but the last logged step is {last:,}"
            fact = f"the last logged step is {last:,}, early stopping ended it at {early.step:,}"
        elif plateau is None:
            text += f", but the evaluations do not show {early.rule.steps:,} steps without an improvement"
            fact = f"early stopping ended the run at step {early.step:,} without a plateau"
        else:
            passed = True
        shown = plateau.last_step - plateau.since_step if plateau is not None else None
        found = self.finding(
            outcome=Outcome.PASS if passed else Outcome.FAIL,
            reason=f"{text}.",
            fact=fact,
            value=None if shown is None else float(shown),
            limit=float(early.rule.steps),
            direction="min",
            statistic="steps without an improvement in the evaluations",
            unit="steps",
            first_step=early.since_step,
            last_step=last,
            points=_points(facts),
            limit_source="rule of early stopping, in place of the planned steps",
            ended_early=passed,
        )
        return replace(found, title=f"Ended by rule at {early.step:,} of {early.planned_steps:,}")

    def describe(self) -> Description:
        """Say what is compared with the plan."""
        return Description(
            value="last logged environment step",
            levels="FAIL below the plan; WARN where the largest distance between two rows reaches it",
        )


def _finished_step(facts: RunFacts, planned: int) -> int | None:
    """Return the step at which the trainer says that it finished its plan."""
    run = facts.run
    if run is None or run.phase != Phase.FINISHED or (run.status_step or 0) < planned:
        return None
    return run.status_step


def _points(facts: RunFacts) -> int:
    return sum(len(series) for series in facts.log.series.values())


def _logging_interval(facts: RunFacts) -> int:
    """Return the largest distance between two rows; of fewer than three rows, also that from the beginning.

    Rows are summaries that a trainer writes now and then, and none at its end: the last one lies up to that far
    before the end of the run.
    """
    rows = facts.rows if len(facts.rows) >= 3 else np.append(0, facts.rows)
    return int(np.diff(rows).max(initial=0))
