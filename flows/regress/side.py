"""One of the two sides of a comparison: trains a seed with its tree's trainer, judges it and keeps what it showed."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flows.errors import UsageError
from flows.records.json_file import strict_json
from flows.records.trainer_files import LOG_NAME, log_tail
from flows.regress.revisions import Tree
from flows.settings.plan import StagePlan, resolve_plan
from flows.settings.stage_rules import is_path
from flows.settings.trainers.own_trainer import DIVERGED, FINISHED, callers_environment
from flows.training.process.process import ChildProcess
from flows.training.process.slots import hold_slots
from flows.training.process.stopping import sleep
from gates.checks.gate_file import load_gate
from gates.errors import GatesError
from gates.judge import judge
from gates.regress.evidence import RunEvidence, broken_run, evidence_of

_GRACE_S = 5.0
_LOOK_EVERY_S = 0.2


@dataclass(frozen=True, kw_only=True)
class Side:
    """Trains with one tree."""

    tree: Tree
    stage: StagePlan
    """As the tree's own preset plans it."""
    folder: Path
    """Of its runs."""
    most_s: float
    """Seconds that one training may take."""

    @classmethod
    def planned(
        cls,
        tree: Tree,
        *,
        root: Path,
        preset: str,
        stage: str,
        overrides: Sequence[str],
        folder: Path,
        most_s: float,
    ) -> Side:
        """Plan a stage with the preset as the tree has it; stage and gate are the installed ones, for both trees alike.

        Raises:
            ConfigError: Preset, stage or overrides have mistakes.
            UsageError: The preset has a trainer by command, or another trainer than the tree's would start.
        """
        plan = resolve_plan(
            preset=_preset_of(tree, root, preset), stages=(stage,), overrides=overrides
        )
        (planned,) = plan.stages
        if planned.trainer is not None:
            raise UsageError(
                f"preset {preset} has a trainer by command; regress compares revisions of gonogo's own trainer."
            )
        side = cls(tree=tree, stage=planned, folder=folder, most_s=most_s)
        side._check_trainer()
        return side

    def _check_trainer(self) -> None:
        """Make sure that the tree's trainer starts: the same code twice would always agree."""
        said = subprocess.run(
            [sys.executable, "-c", "import trainer; print(trainer.__file__)"],
            cwd=self.tree.path,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        found = said.stdout.strip()
        if said.returncode or not Path(found).is_relative_to(self.tree.path):
            raise UsageError(
                f"{self.tree.name}: its trainer cannot be started, {found or 'nothing'} was found in its place."
            )

    @property
    def _environment(self) -> Mapping[str, str]:
        return {
            **callers_environment(),
            "PYTHONPATH": str(self.tree.path),
            "PYTHONDONTWRITEBYTECODE": "1",
        }

    def evidence(self, seed: int) -> RunEvidence:
        """Train a seed and return what it showed.

        Raises:
            StopRequested: Asked to stop.
        """
        run = self.folder / f"seed-{seed}"
        run.mkdir(parents=True)
        request: dict[str, Any] = {**self.stage.request, "seed": seed}
        (run / "request.json").write_text(strict_json(request), encoding="utf-8")
        why = self._train(run)
        shutil.rmtree(run / "checkpoints", ignore_errors=True)  # those of many seeds fill a disk
        return broken_run(seed, why) if why else self.judged(seed, run)

    def judged(self, seed: int, run: Path) -> RunEvidence:
        """Return what a trained run of a seed showed."""
        try:
            judgement = judge(
                run,
                gate=load_gate(self.stage.gate),
                stage=self.stage.name,
                planned_steps=self.stage.steps,
                cross_check=False,
            )
        except GatesError as error:
            return broken_run(seed, str(error).rstrip("."))
        return evidence_of(seed, judgement)

    def _train(self, run: Path) -> str:
        """Train in a run directory; return why it did not come to its end, else nothing."""
        command = [sys.executable, "-m", "trainer", "run", "--run", str(run)]
        # Whoever holds a GPU or a simulator is waited for, be it the other side.
        with (
            hold_slots(self.stage.slots, who=str(run), waiting=lambda *_: None) as slots,
            ChildProcess(
                command,
                cwd=run,
                log=run / LOG_NAME,
                environment=self._environment,
                grace_s=_GRACE_S,
                keep_open=slots,
            ) as child,
        ):
            started = time.monotonic()
            while (code := child.poll()) is None:
                if time.monotonic() - started > self.most_s:
                    return f"its training took more than {self.most_s:,.0f} s"
                sleep(_LOOK_EVERY_S, child.ended)
        if code in (FINISHED, DIVERGED):  # after both there is something to judge
            return ""
        said = log_tail(run)
        return f"its training ended with exit code {code}{f', {said[-1]}' if said else ''}".rstrip(
            "."
        )


def _preset_of(tree: Tree, root: Path, preset: str) -> str:
    """Return the tree's own copy of a preset, where it has one."""
    if is_path(preset):
        path = Path(preset).resolve()
        own = tree.path / path.relative_to(root.resolve()) if path.is_relative_to(root.resolve()) else path  # fmt: skip
    else:
        own = tree.path / "config" / "presets" / f"{preset}.yaml"
    return str(own) if own.is_file() else preset
