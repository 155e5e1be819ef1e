"""Reads one run's event files while they grow; nothing is read twice."""

from __future__ import annotations

from pathlib import Path

from msgspec import structs

from gates.checks.gate_file import GateSpec
from gates.events.tail import EventTail, join
from gates.facts.run_facts import FIRST_UPDATE_TAGS, RunFacts
from gates.runs.run_info import RunInfo, load_run_info
from gates.runs.translate import Dialect, choose_dialect, translate
from gates.series import EventLog, Series


class GrowingRun:
    """What a run has logged so far, and what can be known of it."""

    def __init__(self, run: Path, *, gate: GateSpec, stage: str, planned_steps: int) -> None:
        self.path = run
        self.gate = gate
        self.stage = stage
        self.planned_steps = planned_steps
        self.void_from_step: int | None = None
        """Set by a poll after which steps that were read before happen again."""
        self._tail = EventTail(run)
        self._log: EventLog | None = None
        self._run_info: RunInfo | None = None
        self._dialect: Dialect | None = None
        self._tags_seen = 0

    def read(self) -> int:
        """Add what is new and return the number of logged updates.

        Raises:
            GatesError: The directory holds something else than one run.
        """
        new = self._tail.poll()
        again = new.void_from_step is not None or new.restarted
        self.void_from_step = (new.void_from_step or 0) if again else None
        self._log = new if self._log is None else join([self._log, new])
        if self._run_info is None:
            self._run_info = load_run_info(self.path)
        series = self._log.series
        if len(series) != self._tags_seen:
            self._tags_seen = len(series)
            declared = self._run_info.dialect if self._run_info else ""
            self._dialect = choose_dialect(self._log, declared)
        logged = [len(series[tag]) for tag in FIRST_UPDATE_TAGS if tag in series]
        return max(logged or map(len, series.values()), default=0)

    def facts(self, until_step: int | None = None) -> RunFacts:
        """Return the facts of what was read, or of what had been logged by a step.

        What the heartbeat says is left out of the facts by a step: it is of now.
        """
        log = self._log or EventLog(series={}, files=())
        run = self._run_info
        if until_step is not None:
            log = structs.replace(log, series=_until(log, until_step))
            if run is not None:
                run = structs.replace(run, phase="", status_step=None, status_updates=None)
        return RunFacts(
            log=translate(log, self._dialect) if self._dialect else log,
            run=run,
            stage=self.stage,
            planned_steps=self.planned_steps,
            planned_source="the stage",
            next_steps=self.gate.next_steps,
        )


def _until(log: EventLog, step: int) -> dict[str, Series]:
    return {
        tag: series.where(keep)
        for tag, series in log.series.items()
        if (keep := series.steps <= step).any()
    }
