"""Trains recipes drawn at random, judges them, and counts false alarms and missed failures: `make recipe-bench`."""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import multiprocessing
import shutil
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gates.findings import GateResult

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

RESULT_HEADING = "## Last result"
STAGES: dict[str, dict[str, int]] = {
    "5k": {"steps": 5_000, "eval_every_steps": 2_500},
    "50k": {"steps": 50_000, "eval_every_steps": 5_000},
}
"""Those with a gate."""
UNJUDGED = {
    "200k": {"steps": 200_000, "eval_every_steps": 5_000},
    "fine": {"steps": 50_000, "eval_every_steps": 1_000},
}
"""Trained on without a gate, to see what recipes become; or 50k with evaluations in close succession."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """One recipe in one stage."""

    task: str
    index: int
    stage: str

    @property
    def slug(self) -> str:
        return f"{self.task.replace(' ', '-')}-{self.index:03d}-{self.stage}"


def cases(recipes: int, stages: list[str], tasks: list[str]) -> list[Case]:
    """List the cases, the cheap stage first, the tasks in turn."""
    return [
        Case(task=task, index=index, stage=stage)
        for stage in stages
        for index in range(recipes)
        for task in tasks
    ]


def train(case: Case, folder: Path) -> Path:
    """Train a case into a run directory and return it; one that is there already is kept."""
    from tests.recipe_bench.recipes import TASKS, draw
    from trainer import __main__ as trainer

    run = folder / case.slug
    if (run / "trained").exists():
        return run
    shutil.rmtree(run, ignore_errors=True)
    run.mkdir(parents=True)
    stage = (STAGES | UNJUDGED)[case.stage]
    cadence = {
        "eval_every_steps": stage["eval_every_steps"],
        "eval_episodes": 10,
        "checkpoint_every_steps": stage["steps"],
        "save_replay": False,
    }
    request = {
        "format": 1,
        "preset": "recipe-bench",
        "stage": case.stage,
        "planned_steps": stage["steps"],
        "seed": case.index,
        "env": TASKS[case.task].env,
        "train": draw(case.task, case.index) | cadence,
    }
    (run / "request.json").write_text(json.dumps(request))
    started = time.monotonic()
    code = trainer.main(["run", "--run", str(run)])
    if code not in (trainer.FINISHED, trainer.DIVERGED):
        raise RuntimeError(f"{case.slug}: the trainer ended with exit code {code}")
    shutil.rmtree(run / "checkpoints", ignore_errors=True)
    (run / "trained").write_text(f"{time.monotonic() - started:.1f} s\n")
    return run


@dataclass(frozen=True, kw_only=True)
class Score:
    """What a run became, and what the gate said."""

    case: Case
    became: str
    """At the end of the recipe's longest run: `learned`, `did not` or `unclear`."""
    share: float
    verdict: str
    causes: tuple[str, ...]
    deciding: str
    result: GateResult
    refused: bool
    """The plan would have refused the stage, because its gate needs more updates than it makes."""

    @property
    def false_alarm(self) -> bool:
        """Whether a recipe that learned was stopped."""
        return self.became == "learned" and self.verdict == "NO_GO" and not self.refused

    @property
    def missed(self) -> bool:
        """Whether a recipe that did not learn went on after a stage that judges learning."""
        return self.became == "did not" and self.verdict == "GO" and self.case.stage != "5k"


def scores(trained: list[Case], folder: Path) -> list[Score]:
    """Judge the runs; a recipe became what its longest run shows."""
    from gates.checks.decidable import too_short
    from gates.checks.gate_file import load_gate
    from gates.judge import judge
    from gates.runs.run_info import load_run_info
    from tests.recipe_bench.outcome import outcome, share_learned
    from tests.recipe_bench.recipes import TASKS

    longest = {
        (case.task, case.index): share_learned(folder / case.slug, TASKS[case.task])
        for case in sorted(trained, key=lambda case: STAGES[case.stage]["steps"])
    }
    found = []
    for case in trained:
        run, gate = folder / case.slug, load_gate(case.stage)
        steps, info = STAGES[case.stage]["steps"], load_run_info(run)
        result = judge(
            run, gate=gate, stage=case.stage, planned_steps=steps, cross_check=False
        ).result
        share = longest[case.task, case.index]
        found.append(
            Score(
                case=case,
                became=outcome(share),
                share=share,
                verdict=result.verdict.value,
                causes=tuple(diagnosis.cause for diagnosis in result.diagnoses),
                deciding=result.deciding,
                result=result,
                refused=info is not None and too_short(info.train, steps, gate) is not None,
            )
        )
    return found


def table(found: list[Score]) -> str:
    """Render counts per stage and task, then every false alarm and missed failure, as Markdown."""
    rows = [
        "| stage | task | recipes | learned / unclear / did not | GO | CONDITIONAL | NO_GO | undecidable "
        "| false NO_GO | missed failures |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for stage in STAGES:
        of_stage = [s for s in found if s.case.stage == stage]
        groups = [(task, [s for s in of_stage if s.case.task == task]) for task in _tasks()]
        rows += [_row(stage, task, group) for task, group in [*groups, ("all", of_stage)] if group]
    odd = [s for s in found if s.false_alarm or s.missed]
    rows += ["", "False NO_GO and missed failures, one by one:" if odd else "Neither was seen."]
    rows += [""] * bool(odd)
    for s in odd:
        what = "false NO_GO" if s.false_alarm else "missed failure"
        named = ", ".join(s.causes) or "no cause"
        rows.append(f"- {s.case.slug}: {what} ({named}), {s.share:.0%} of the way. {s.deciding}")
    return "\n".join(rows)


def foresight(found: list[Score]) -> str:
    """Render what a verdict at 5k foretells, of the recipes that went through both stages all the same."""
    went_on = {(s.case.task, s.case.index) for s in found if s.case.stage == "50k"}
    early = [s for s in found if s.case.stage == "5k" and (s.case.task, s.case.index) in went_on]
    rows = [
        "| verdict at 5k | recipes | learned by 50k | unclear | did not |",
        "|---|---|---|---|---|",
    ]
    for verdict in ("GO", "CONDITIONAL", "NO_GO", "undecidable"):
        group = [s for s in early if verdict == ("undecidable" if s.refused else s.verdict)]
        counts = [
            sum(s.became == word for s in group) for word in ("learned", "unclear", "did not")
        ]
        rows.append(f"| {verdict} | {len(group)} | {' | '.join(map(str, counts))} |")
    steps = STAGES["50k"]["steps"]
    failed = [s for s in early if s.became == "did not" and not s.refused]
    stopped = [s for s in early if s.verdict == "NO_GO" and not s.refused]
    rows += [
        "",
        (
            f"5k stopped {sum(s in stopped for s in failed)} of {len(failed)} recipes that did not learn and "
            f"{sum(s.became == 'learned' for s in stopped)} of {sum(s.became == 'learned' for s in early)} that "
            f"learned, which saved {len(stopped) * steps:,} of {len(early) * steps:,} steps."
        ),
    ]
    return "\n".join(rows)


def _row(stage: str, task: str, group: list[Score]) -> str:
    became = " / ".join(
        str(sum(s.became == word for s in group)) for word in ("learned", "unclear", "did not")
    )
    verdicts = " | ".join(
        str(sum(s.verdict == word and not s.refused for s in group))
        for word in ("GO", "CONDITIONAL", "NO_GO")
    )
    return (
        f"| {stage} | {task} | {len(group)} | {became} | {verdicts} | {sum(s.refused for s in group)} "
        f"| {sum(s.false_alarm for s in group)} | {sum(s.missed for s in group)} |"
    )


def _tasks() -> list[str]:
    from tests.recipe_bench.recipes import TASKS

    return list(TASKS)


def _train_quietly(job: tuple[Case, Path]) -> None:
    import torch

    torch.set_num_threads(1)
    with contextlib.redirect_stderr(io.StringIO()):
        train(*job)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder of the runs; kept, reused")
    parser.add_argument("--recipes", type=int, default=38, help="recipes per task")
    parser.add_argument("--stages", nargs="*", default=list(STAGES), choices=list(STAGES))
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument(
        "--judge-only", action="store_true", help="train nothing, judge the runs that are there"
    )
    parser.add_argument("--table", type=Path, help="page whose last result is replaced")
    parser.add_argument(
        "--evidence", action="store_true", help="update this bench's part of config/evidence.yaml"
    )
    options = parser.parse_args()
    chosen = cases(options.recipes, options.stages, _tasks())
    if not options.judge_only:
        jobs = [(case, options.out) for case in chosen]
        with multiprocessing.get_context("spawn").Pool(options.workers, maxtasksperchild=8) as pool:
            pool.map(_train_quietly, jobs, chunksize=1)
    trained = [case for case in chosen if (options.out / case.slug / "trained").exists()]
    found = scores(trained, options.out)
    text = f"{table(found)}\n\n### What 5k foretells\n\n{foresight(found)}"
    print(text)
    if options.table:
        head = options.table.read_text(encoding="utf-8").split(RESULT_HEADING)[0]
        options.table.write_text(f"{head}{RESULT_HEADING}\n\n{text}\n", encoding="utf-8")
    if options.evidence:
        from tests.evidence import Judged, update

        learned = [s for s in found if s.became == "learned" and not s.refused]
        update("recipe bench", [Judged(fault=None, result=s.result) for s in learned])
    return 1 if any(s.false_alarm for s in found) else 0


if __name__ == "__main__":
    sys.exit(main())
