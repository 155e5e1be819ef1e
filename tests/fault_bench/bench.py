"""Trains sound and faulty runs, judges them, and prints how often verdict and cause are right: `make fault-bench`."""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import math
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
FINAL_EPISODES = 20
"""Routes of the evaluation at the end of a later stage."""
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
    readings: tuple[Reading, ...]
    result: GateResult


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What one check with a level measured."""

    check: str
    value: float
    level: float
    """Where it fails; where it warns, for a check that only warns."""
    high: bool
    """The level lies above sound values."""

    @property
    def broken(self) -> bool:
        return self.value > self.level if self.high else self.value < self.level


def _readings(findings: Any) -> tuple[Reading, ...]:
    found = []
    for finding in findings:
        if finding.dry_run or finding.value is None or not math.isfinite(finding.value):
            continue
        for side in finding.sides:
            level = side.fail if side.fail is not None else side.warn
            if level is not None:
                high = side.direction == "max"
                found.append(
                    Reading(check=finding.check, value=finding.value, level=level, high=high)
                )
    return tuple(found)


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


def task_of(case: Case) -> str:
    """Return the id of a case's environment."""
    from recipes import HEALTHY

    return str(HEALTHY[case.recipe]["env"]["id"])


def train(case: Case, folder: Path) -> Path:
    """Train a case into a run directory and return it."""
    from faults import FAULTS
    from recipes import HEALTHY

    from flows.settings.routes import evaluation_routes
    from trainer import __main__ as trainer

    run = folder / case.slug
    run.mkdir(parents=True)
    recipe = HEALTHY[case.recipe]
    fault = FAULTS[case.fault] if case.fault else None
    stage, steps = _stage(fault)
    request = {
        "format": 1,
        "preset": "fault-bench",
        "stage": stage,
        "planned_steps": steps,
        "seed": case.seed,
        "env": recipe["env"],
        "train": recipe["train"] | (fault.train if fault else {}),
    }
    if stage != STAGE:
        request["routes"] = evaluation_routes(recipe["env"], FINAL_EPISODES)
    (run / "request.json").write_text(json.dumps(request))
    with fault.patch() if fault else contextlib.nullcontext():
        code = trainer.main(["run", "--run", str(run)])
    if code not in (trainer.FINISHED, trainer.DIVERGED):
        raise RuntimeError(f"{case.name}: the trainer ended with exit code {code}")
    return run


def _stage(fault: Any) -> tuple[str, int]:
    return (fault.stage, fault.steps) if fault is not None else (STAGE, STEPS)


def score(case: Case, run: Path) -> Score:
    """Judge a run directory."""
    from faults import FAULTS

    from gates.checks.gate_file import load_gate
    from gates.findings import Outcome
    from gates.judge import judge

    fault = FAULTS[case.fault] if case.fault else None
    stage, steps = _stage(fault)
    result = judge(run, gate=load_gate(stage), stage=stage, planned_steps=steps).result
    cause = result.diagnoses[0].cause if result.diagnoses else "none"
    steps = [
        f.breach_step
        for f in result.findings
        if f.outcome is Outcome.FAIL and f.breach_step is not None
    ]
    verdict = result.verdict.value
    stopped = verdict == "NO_GO" if fault is None or fault.stops else verdict != "GO"
    return Score(
        case=case,
        verdict=result.verdict.value,
        cause=cause,
        first_step=min(steps, default=None),
        deciding=result.deciding,
        verdict_right=stopped is (fault is not None),
        cause_right=cause in (fault.cause, *fault.accepted) if fault else cause == "none",
        readings=_readings(result.findings),
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


def table_of_checks(scores: list[Score]) -> str:
    """Render how near each check's level the caught, the missed and the sound runs came."""
    rows = [
        "| check | level | faulty runs caught | nearest caught | nearest sound run |",
        "|---|---|---|---|---|",
    ]
    sides = {(r.check, r.high): r.level for s in scores for r in s.readings}
    for (check, high), level in sorted(sides.items()):
        told = [
            (r, s)
            for s in scores
            for r in s.readings
            if (r.check, r.high) == (check, high) and r.level == level
        ]
        caught = [(r, s) for r, s in told if s.case.fault and r.broken]
        sound = [(r, s) for r, s in told if not s.case.fault]
        if not caught:
            continue
        word = "above" if high else "below"
        rows.append(
            f"| `{check}` | {word} {level:g} | {len(caught)} | {_nearest(caught, largest=not high)} "
            f"| {_nearest(sound, largest=high)} |"
        )
    return "\n".join(rows)


def _nearest(told: list[tuple[Reading, Score]], *, largest: bool) -> str:
    if not told:
        return "-"
    pick = max if largest else min
    reading, score = pick(told, key=lambda pair: pair[0].value)
    return f"{reading.value:.3g} ({score.case.name})"


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
    text = f"{table(scores)}\n\n### How near the levels\n\n{table_of_checks(scores)}"
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
