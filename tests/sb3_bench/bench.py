"""Trains sound and faulty runs of Stable-Baselines3 with the callback, judges them, and counts: `python bench.py`."""

from __future__ import annotations

import argparse
import json
import multiprocessing
import shutil
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from gates.findings import GateResult, Outcome  # noqa: E402

STAGE = "5k"
RESULT_HEADING = "## Last result"
SAME = 0.01
"""Share of the action space within which all actions are one."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """One run of the bench."""

    fault: str
    """Empty: sound."""
    recipe: dict[str, Any]

    @property
    def slug(self) -> str:
        name = self.fault or "sound"
        parts = (name, self.recipe["task"], self.recipe["algorithm"], str(self.recipe["seed"]))
        return "".join(c if c.isalnum() else "-" for c in "-".join(parts)).lower()


@dataclass(frozen=True, kw_only=True, eq=False)
class Score:
    """What the gate said of a run."""

    case: Case
    result: GateResult
    dead: bool
    """The policy became the same action for every state."""

    @property
    def verdict(self) -> str:
        return self.result.verdict.value

    @property
    def causes(self) -> tuple[str, ...]:
        return tuple(d.cause for d in self.result.diagnoses)

    @property
    def deciding(self) -> str:
        return self.result.deciding

    @property
    def broken(self) -> tuple[str, ...]:
        """Checks that are not PASS and count."""
        return tuple(
            f"{f.check} {f.outcome.value}" + ("" if f.required else " (advisory)")
            for f in self.result.findings
            if f.outcome is not Outcome.PASS and not f.dry_run
        )

    @property
    def right(self) -> bool:
        """Whether the first cause is one that a diagnosis should name."""
        from tests.sb3_bench.faults import FAULTS

        return bool(self.causes) and self.causes[0] in FAULTS[self.case.fault].causes


def cases(sound: int, seeds: int) -> list[Case]:
    """List sound and faulty runs in turn, so that a part of them already shows something."""
    from tests.sb3_bench.faults import FAULTS
    from tests.sb3_bench.recipes import base, draw

    faulty = [
        Case(fault=name, recipe=base(task, algorithm, seed) | fault.recipe)
        for seed in range(seeds)
        for place in (0, 1)
        for name, fault in FAULTS.items()
        for algorithm in fault.algorithms
        for task in (fault.tasks[place],)
    ]
    drawn = [Case(fault="", recipe=draw(index)) for index in range(sound)]
    order = [
        (i / max(1, len(group)), case) for group in (drawn, faulty) for i, case in enumerate(group)
    ]
    return [case for _, case in sorted(order, key=lambda pair: pair[0])]


def train(case: Case, folder: Path) -> Path:
    """Train a case into a run directory and return it; one that is there already is kept."""
    from gonogo.sb3 import Evidence
    from tests.sb3_bench.faults import FAULTS
    from tests.sb3_bench.recipes import STEPS, TASKS, build

    run = folder / case.slug
    if (run / "trained").exists():
        return run
    shutil.rmtree(run, ignore_errors=True)
    fault = FAULTS[case.fault] if case.fault else None
    wrap = fault.wrap if fault else None
    model = build(case.recipe, wrap)
    if fault:
        fault.inject(model)
    make = TASKS[case.recipe["task"]]
    long = case.recipe["task"] == "never ending"
    evaluated = None if long else wrap(make()) if wrap else make()
    evidence = Evidence(run, eval_env=evaluated, eval_episodes=2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            model.learn(STEPS, callback=evidence)
        except ValueError as error:  # what torch says of a policy that is not finite
            (run / "raised").write_text(str(error))
    (run / "trained").write_text(json.dumps({"dead": dead(model)}))
    return run


def dead(model: Any) -> bool:
    """Whether the policy became the same action for every state, whatever a gate says of it."""
    import numpy as np

    seen = model.replay_buffer.observations[: model.replay_buffer.size() : 50, 0]
    actions, _ = model.predict(seen, deterministic=True)
    span = model.action_space.high - model.action_space.low
    return bool(np.isfinite(actions).all() and (np.ptp(actions, axis=0) / span).max() < SAME)


def score(case: Case, run: Path) -> Score:
    """Judge a run directory."""
    from gates.checks.gate_file import load_gate
    from gates.judge import judge
    from tests.sb3_bench.recipes import STEPS

    result = judge(
        run, gate=load_gate(STAGE), stage=STAGE, planned_steps=STEPS, cross_check=False
    ).result
    known = json.loads((run / "trained").read_text())
    return Score(case=case, result=result, dead=known.get("dead", False))


def table(scores: list[Score]) -> str:
    """Render a row for the sound runs of each task and for each fault, then every odd one, as Markdown."""
    from tests.sb3_bench.faults import FAULTS

    rows = ["| runs | n | GO | CONDITIONAL | NO_GO | first causes |", "|---|---|---|---|---|---|"]
    unharmed = [s for s in scores if not s.case.fault]
    sound = [s for s in unharmed if not s.dead]
    for task in dict.fromkeys(s.case.recipe["task"] for s in sound):
        rows.append(_row(f"sound: {task}", [s for s in sound if s.case.recipe["task"] == task]))
    rows.append(_row("sound: all", sound))
    rows.append(_row("sound code, but the policy died", [s for s in unharmed if s.dead]))
    faulty = [s for s in scores if s.case.fault]
    for name in FAULTS:
        rows.append(_row(name, [s for s in faulty if s.case.fault == name]))
    firm = [s for s in faulty if FAULTS[s.case.fault].firm]
    rows.append(_row("faulty: all that must not be GO", firm))
    named = [s for s in firm if FAULTS[s.case.fault].causes]
    rows += ["", f"First cause right: {sum(s.right for s in named)} of {len(named)}.", ""]
    odd = [s for s in sound if s.verdict != "GO"] + [s for s in unharmed if s.dead]
    odd += [s for s in firm if s.verdict != "NO_GO"] + [s for s in named if not s.right]
    rows.append(
        "Sound runs that are not GO or whose policy died; faulty ones that are not NO_GO or that another cause names:"
    )
    rows.append("")
    rows += [
        f"- {s.case.slug}: {s.verdict}, {', '.join(s.causes) or 'no cause'}. {s.deciding}"
        for s in dict.fromkeys(odd)
    ]
    return "\n".join(rows)


def _row(name: str, group: list[Score]) -> str:
    counts = [sum(s.verdict == v for s in group) for v in ("GO", "CONDITIONAL", "NO_GO")]
    first = [s.causes[0] if s.causes else "none" for s in group]
    named = ", ".join(f"{cause} {first.count(cause)}" for cause in dict.fromkeys(first))
    return f"| {name} | {len(group)} | {' | '.join(map(str, counts))} | {named} |"


def _train_alone(job: tuple[Case, Path]) -> None:
    import torch

    torch.set_num_threads(1)
    train(*job)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder of the runs; kept, reused")
    parser.add_argument("--sound", type=int, default=60, help="sound runs")
    parser.add_argument("--seeds", type=int, default=1, help="seeds per fault, task and algorithm")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--only", nargs="*", help="names of faults; `sound` for the sound runs")
    parser.add_argument("--judge-only", action="store_true", help="judge the runs that are there")
    parser.add_argument("--table", type=Path, help="page whose last result is replaced")
    parser.add_argument(
        "--evidence", action="store_true", help="update this bench's part of config/evidence.yaml"
    )
    parser.add_argument("--details", action="store_true", help="print what counted in each run")
    options = parser.parse_args()
    chosen = cases(options.sound, options.seeds)
    if options.only:
        chosen = [case for case in chosen if (case.fault or "sound") in options.only]
    if not options.judge_only:
        jobs = [(case, options.out) for case in chosen]
        with multiprocessing.get_context("spawn").Pool(options.workers, maxtasksperchild=4) as pool:
            pool.map(_train_alone, jobs, chunksize=1)
    trained = [case for case in chosen if (options.out / case.slug / "trained").exists()]
    scores = [score(case, options.out / case.slug) for case in trained]
    if options.details:
        for s in scores:
            print(f"{s.case.slug}: {s.verdict} {s.causes} {list(s.broken)} {s.deciding}")
    text = table(scores)
    print(text)
    if options.table:
        head = options.table.read_text(encoding="utf-8").split(RESULT_HEADING)[0]
        options.table.write_text(f"{head}{RESULT_HEADING}\n\n{text}\n", encoding="utf-8")
    if options.evidence:
        from tests.evidence import Judged, update

        judged = [
            Judged(fault=f"SB3: {s.case.fault}" if s.case.fault else None, result=s.result)
            for s in scores
            if s.case.fault or not s.dead
        ]
        update("SB3 bench", judged)
    return 1 if any(s.verdict == "NO_GO" and not s.dead for s in scores if not s.case.fault) else 0


if __name__ == "__main__":
    sys.exit(main())
