"""Trained recipes as the studies of foresight read them: events, configuration, and what became of each."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from msgspec import structs

from gates.events.reader import read_events
from gates.facts.run_facts import RunFacts
from gates.runs.run_info import RunInfo, load_run_info
from gates.series import EventLog, FloatArray
from tests.recipe_bench.bench import STAGES, UNJUDGED, Case
from tests.recipe_bench.outcome import Outcome, outcome, share_learned
from tests.recipe_bench.recipes import TASKS

MOST_RECIPES = 1_000


@dataclass(frozen=True, kw_only=True)
class Trained:
    """A recipe that was trained to the end of a stage."""

    case: Case
    log: EventLog
    info: RunInfo | None
    share: float
    """How far it came, as a share of the way from random actions to a good policy."""

    @property
    def steps(self) -> int:
        """Environment steps of the stage."""
        return (STAGES | UNJUDGED)[self.case.stage]["steps"]

    @property
    def became(self) -> Outcome:
        """What it became, told by its evaluations alone."""
        return outcome(self.share)

    def facts_at(self, share: float) -> RunFacts:
        """Return what was known when a share of the steps was done."""
        until = share * self.steps
        cut = {tag: s.where(s.steps <= until) for tag, s in self.log.series.items()}
        log = structs.replace(self.log, series={tag: s for tag, s in cut.items() if len(s)})
        return RunFacts(log=log, run=self.info, stage=self.case.stage, planned_steps=self.steps)

    @property
    def curve(self) -> tuple[FloatArray, FloatArray]:
        """Shares of the steps at which it was evaluated, and the mean returns, the untrained policy's first."""
        found = self.log.series["eval/mean_reward"]
        return found.steps / self.steps, found.values


def load(folder: Path, stage: str) -> list[Trained]:
    """Read every recipe of a stage that lies in a folder of the bench."""
    cases = (Case(task=t, index=i, stage=stage) for t in TASKS for i in range(MOST_RECIPES))
    return [
        Trained(
            case=case,
            log=read_events(folder / case.slug),
            info=load_run_info(folder / case.slug),
            share=share_learned(folder / case.slug, TASKS[case.task]),
        )
        for case in cases
        if (folder / case.slug / "trained").exists()
    ]


def mean_between(facts: RunFacts, tag: str, low: float, high: float) -> float | None:
    """Return a tag's mean over some steps; None without a finite point."""
    series = facts.series(tag)
    if series is None:
        return None
    values = series.values[(series.steps > low) & (series.steps <= high)]
    values = values[np.isfinite(values)]
    return float(values.mean()) if len(values) else None
