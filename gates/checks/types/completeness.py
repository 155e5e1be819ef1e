"""`completeness`: the run reached all planned steps, or early stopping ended it by its rule."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from gates.checks.check import Check, Description, Peers, Ruling
from gates.facts.plateau import plateau_of
from gates.facts.run_facts import RunFacts
from gates.findings import Outcome
from gates.runs.heartbeat import Phase


class CompletenessCheck(Check):
    """The run reached all planned steps."""

    type: Literal["completeness"]

    def judge(self, facts: RunFacts, peers: Peers) -> Ruling:
        """Compare the last step with the plan; early stopping may end a run before it."""
        planned, last = facts.planned_steps, facts.last_step
        if planned is None or last is None:
            why = "no plan is known; give --planned-steps"
            if planned is not None and facts.steps_overflowed:
                why = f"steps fall below zero, to {facts.rows[0]:,}: the trainer's step counter overflowed"
            elif planned is not None:
                why = "no logged tag is known to count environment steps"
            reason = f"cannot be judged: {why}."
            return Ruling(finding=self.finding(outcome=Outcome.INCONCLUSIVE, reason=reason))
        source = facts.planned_source
        numbers: dict[str, Any] = {
            "value": float(last),
            "limit": float(planned),
            "direction": "min",
            "statistic": "last logged environment step",
            "unit": "steps",
            "last_step": last,
            "points": sum(len(s) for s in facts.log.series.values()),
            "limit_source": f"planned steps: {source}" if source else "planned steps",
        }
        near = planned - last <= _logging_interval(facts)
        if last >= planned:
            outcome, text = Outcome.PASS, f"reached step {last:,} of {planned:,} planned"
        elif near and _trainer_finished(facts, planned):
            outcome = Outcome.PASS
            text = (
                f"the trainer finished step {planned:,} as planned, the last logged one is {last:,}"
            )
        elif near:
            outcome = Outcome.WARN
            text = (
                f"the last row is at step {last:,} of {planned:,} planned; rows are up to "
                f"{_logging_interval(facts):,} steps apart, so the run may have ended as planned"
            )
        elif (early := _ended_early(facts, planned, last)) is not None:
            outcome, text = early
        else:
            outcome = Outcome.FAIL
            text = f"stopped early: step {last:,} of {planned:,} planned ({last / planned:.1%})"
        return Ruling(finding=self.finding(outcome=outcome, reason=f"{text}.", **numbers))

    def describe(self) -> Description:
        """Say what is compared with the plan."""
        return Description(
            value="last logged environment step",
            levels="FAIL below the plan; WARN where the largest distance between two rows reaches it",
        )


def _ended_early(facts: RunFacts, planned: int, last: int) -> tuple[Outcome, str] | None:
    """Hold early stopping's word against the evaluations; None when it did not end the run."""
    early = facts.run.ended_early if facts.run is not None else None
    if early is None or early.planned_steps != planned:
        return None
    if last < early.step - _logging_interval(facts):
        text = f"early stopping ended the run at step {early.step:,}, but the last logged step is {last:,}"
        return Outcome.FAIL, text
    if plateau_of(facts, early.rule) is None:
        text = f"{early.sentence}, but the evaluations do not show {early.rule.steps:,} steps without an improvement"
        return Outcome.FAIL, text
    return Outcome.PASS, early.sentence


def _trainer_finished(facts: RunFacts, planned: int) -> bool:
    run = facts.run
    return run is not None and run.phase == Phase.FINISHED and (run.status_step or 0) >= planned


def _logging_interval(facts: RunFacts) -> int:
    """Return the largest distance between two rows; of fewer than three rows, also that from the beginning.

    Rows are summaries that a trainer writes now and then, and none at its end: the last one lies up to that far
    before the end of the run.
    """
    rows = facts.rows if len(facts.rows) >= 3 else np.append(0, facts.rows)
    return int(np.diff(rows).max(initial=0))
