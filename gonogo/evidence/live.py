"""Judges a training from inside, by the rules of the supervisor, and once more when it is over."""

from __future__ import annotations

import time
from pathlib import Path

from flows.commands.gate import judge_with, show_verdict
from flows.judging.rules import Asked
from flows.settings.setting_files import load_stage
from flows.settings.stage_rules import gate_reference
from flows.training.live.growing_run import GrowingRun
from flows.training.live.rules import LiveRules
from gates.checks.gate_file import load_gate
from gates.findings import Finding
from gonogo.evidence.generators import untouched_generators


class LiveGate:
    """The stage's live checks on what was logged so far, as often as their share of a processor allows."""

    def __init__(self, stage: str) -> None:
        """Load the stage and its gate.

        Raises:
            ConfigError: The stage is unknown.
            GateConfigError: Its gate has mistakes.
        """
        path, self._stage = load_stage(stage)
        self._gate = load_gate(gate_reference(path, self._stage.gate))
        self._settings = self._stage.supervision.live
        self._rules = LiveRules(self._gate, self._settings)
        self._growing: GrowingRun | None = None
        self._due = 0.0
        self._judged = 0

    def begin(self, directory: Path, planned_steps: int) -> None:
        """Watch the run in a directory from now on."""
        self._rules.begin_anew()
        self._judged = 0
        self._growing = GrowingRun(
            directory, gate=self._gate, stage=self._stage.name, planned_steps=planned_steps
        )

    def lost(self) -> Finding | None:
        """Look when it is time; return why the run is lost, None while there is hope.

        Raises:
            GatesError: The directory holds something else than this run.
        """
        now = time.monotonic()
        if now < self._due or self._growing is None:
            return None
        updates = self._growing.read()
        verdict = None
        if updates > self._judged:
            self._judged = updates
            with untouched_generators():
                verdict = self._rules.judge(self._growing.facts(), updates)
        cost = time.monotonic() - now
        self._due = now + max(self._settings.every_s, cost / self._settings.most_share)
        return verdict.lost if verdict is not None else None

    def judge(self, directory: Path) -> None:
        """Judge the run that ended, write gate.json and the report, print the verdict and the report's path.

        Raises:
            GatesError: It cannot be judged.
            OutputError: The results cannot be written.
        """
        with untouched_generators():
            judged = judge_with(directory, Asked(stage=self._stage.name))
        show_verdict(judged, as_json=False)
