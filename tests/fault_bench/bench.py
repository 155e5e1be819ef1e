"""Trains sound and faulty runs, judges them, and prints how often verdict and cause are right: `make fault-bench`."""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import multiprocessing
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gates.findings import GateResult

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
sys.path.insert(0, str(Path(__file__).parent))

STAGE, STEPS = "5k", 5_000
RESULT_HEADING = "## Last result"


@dataclass(frozen=True, kw_only=True)
class Case:
    """One run of the bench."""

    name: str
    fault: str | None
    recipe: str
    seed: int

    @property
    def slug(self) -> str:
        return "".join(c if c.isalnum() else "-" for c in f"{self.name}-{self.seed}").lower()


@dataclass(frozen=True, kw_only=True)
class Score:
    """What the gate said of a run."""

    case: Case
    verdict: str
    cause: str
    first_step: int | None
    deciding: str
    verdict_right: bool
    cause_right: bool
    result: GateResult


def cases(seeds: int, healthy_seeds: int) -> list[Case]:
    from faults import FAULTS
    from recipes import HEALTHY

    faulty = [
        Case(name=name, fault=name, recipe=fault.recipe, seed=seed)
        for name, fault in FAULTS.items()
        for seed in range(seeds)
    ]
    sound = [
        Case(name=name, fault=None, recipe=name, seed=seed)
        for name in HEALTHY
        for seed in range(healthy_seeds)
    ]
    return faulty + sound


def train(case: Case, folder: Path) -> Path:
    """Train a case into a run directory and return it."""
    from faults import FAULTS
    from recipes import HEALTHY

    from trainer import __main__ as trainer

    run = folder / case.slug
    run.mkdir(parents=True)
    recipe = HEALTHY[case.recipe]
    fault = FAULTS[case.fault] if case.fault else None
    request = {
        "format": 1,
        "preset": "fault-bench",
        "stage": STAGE,
        "planned_steps": STEPS,
        "seed": case.seed,
        "env": recipe["env"],
        "train": recipe["train"] | (fault.train if fault else {}),
    }
    (run / "request.json").write_text(json.dumps(request))
    with fault.patch() if fault else contextlib.nullcontext():
        code = trainer.main(["run", "--run", str(run)])
    if code not in (trainer.FINISHED, trainer.DIVERGED):
        raise RuntimeError(f"{case.name}: the trainer ended with exit code {code}")
    return run


def score(case: Case, run: Path) -> Score:
    """Judge a run directory."""
    from faults import FAULTS

    from gates.checks.gate_file import load_gate
    from gates.findings import Outcome
    from gates.judge import judge

    result = judge(run, gate=load_gate(STAGE), stage=STAGE, planned_steps=STEPS).result
    cause = result.diagnoses[0].cause if result.diagnoses else "none"
    steps = [
        f.breach_step
        for f in result.findings
        if f.outcome is Outcome.FAIL and f.breach_step is not None
    ]
    fault = FAULTS[case.fault] if case.fault else None
    no_go = result.verdict.value == "NO_GO"
    return Score(
        case=case,
        verdict=result.verdict.value,
        cause=cause,
        first_step=min(steps, default=None),
        deciding=result.deciding,
        verdict_right=no_go is (fault is not None),
        cause_right=cause in (fault.cause, *fault.accepted) if fault else cause == "none",
        result=result,
    )


def _train_and_score(job: tuple[Case, Path]) -> Score:
    import torch

    torch.set_num_threads(1)
    case, folder = job
    run = folder / case.slug
    if not (run / "status.json").exists():
        with contextlib.redirect_stderr(io.StringIO()):
            train(case, folder)
    return score(case, run)


def run_bench(chosen: list[Case], folder: Path, workers: int) -> list[Score]:
    jobs = [(case, folder) for case in chosen]
    if workers == 1:
        return [_train_and_score(job) for job in jobs]
    with multiprocessing.get_context("spawn").Pool(workers, maxtasksperchild=8) as pool:
        return pool.map(_train_and_score, jobs, chunksize=1)


def table(scores: list[Score]) -> str:
    """Render the confusion table as Markdown, one row per kind of run."""
    rows = [
        "| run | seeds | verdict right | cause right | verdicts | first causes | first failing step |",
        "|---|---|---|---|---|---|---|",
    ]
    for name in dict.fromkeys(s.case.name for s in scores):
        group = [s for s in scores if s.case.name == name]
        steps = sorted(s.first_step for s in group if s.first_step is not None)
        rows.append(
            f"| {'' if group[0].case.fault else 'healthy: '}{name} | {len(group)} "
            f"| {sum(s.verdict_right for s in group)} | {sum(s.cause_right for s in group)} "
            f"| {_counts(s.verdict for s in group)} | {_counts(s.cause for s in group)} "
            f"| {steps[len(steps) // 2] if steps else '-'} |"
        )
    faulty = [s for s in scores if s.case.fault]
    sound = [s for s in scores if not s.case.fault]
    rows += [
        "",
        f"Faulty runs stopped: {sum(s.verdict_right for s in faulty)} of {len(faulty)}. "
        f"First cause right: {sum(s.cause_right for s in faulty)} of {len(faulty)}. "
        f"Sound runs stopped: {sum(not s.verdict_right for s in sound)} of {len(sound)}.",
    ]
    return "\n".join(rows)


def _counts(values: Any) -> str:
    listed = list(values)
    return ", ".join(
        f"{value} {listed.count(value)}" if len(listed) > 1 else value
        for value in dict.fromkeys(listed)
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--out", type=Path, required=True, help="folder of the runs; kept and reused"
    )
    parser.add_argument("--seeds", type=int, default=3, help="seeds per fault")
    parser.add_argument("--healthy-seeds", type=int, default=3, help="seeds per sound recipe")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--only", nargs="*", help="names of faults or recipes")
    parser.add_argument("--table", type=Path, help="page whose last result is replaced")
    parser.add_argument(
        "--evidence", action="store_true", help="update this bench's part of config/evidence.yaml"
    )
    options = parser.parse_args()
    chosen = cases(options.seeds, options.healthy_seeds)
    if options.only:
        chosen = [case for case in chosen if case.name in options.only]
    scores = run_bench(chosen, options.out, options.workers)
    text = table(scores)
    print(text)
    for s in scores:
        if not (s.verdict_right and s.cause_right):
            print(f"\n{s.case.slug}: {s.verdict}, cause {s.cause}: {s.deciding}")
    if options.table:
        head = options.table.read_text(encoding="utf-8").split(RESULT_HEADING)[0]
        options.table.write_text(f"{head}{RESULT_HEADING}\n\n{text}\n", encoding="utf-8")
    if options.evidence:
        from tests.evidence import Judged, update

        update("fault bench", [Judged(fault=s.case.fault, result=s.result) for s in scores])
    return 0 if all(s.verdict_right for s in scores) else 1


if __name__ == "__main__":
    sys.exit(main())
