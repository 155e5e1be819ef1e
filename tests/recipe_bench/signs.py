"""How well each sign, early in a run, foretells what the run becomes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np

from gates.events.reader import read_events
from gates.facts.run_facts import RunFacts
from gates.facts.values import Missing
from gates.laws.table import LawName, evaluate
from gates.metrics import align
from gates.runs.run_info import load_run_info
from gates.series import FloatArray
from tests.recipe_bench.auc import Auc, Told, auc
from tests.recipe_bench.curves import Curve
from tests.recipe_bench.runs import Trained, mean_between

SEEDS = 5
"""Of each run of the fault bench that are looked for."""
SHARES = (0.1, 0.2, 0.5)
"""Of the budget, at which a sign is read; it holds the points since half of that."""
ROUNDING = 1e-9
ENOUGH = 0.8
"""Area from which a sign counts as foretelling."""
Sign = Callable[[RunFacts, float, float], float | None]
"""From what is known and a range of steps to a value that is higher where failure is likelier; None: not told."""


def _of_law(law: LawName, direction: float = 1.0) -> Sign:
    def sign(facts: RunFacts, low: float, high: float) -> float | None:
        found = evaluate(law, facts)
        if isinstance(found, Missing):
            return None
        series = found.series
        values = series.values[(series.steps > low) & (series.steps <= high)]
        values = values[np.isfinite(values)]
        return direction * float(np.median(values)) if len(values) else None

    return sign


def _equal_evaluations(facts: RunFacts, _: float, high: float) -> float | None:
    """Count the newest evaluations with one mean return, as a share of all."""
    series, start = facts.series("eval/mean_reward"), facts.learning_starts
    if series is None or start is None:
        return None
    return _equal_share(series.values[(series.steps > start.value) & (series.steps <= high)])


def _equal_share(returns: FloatArray) -> float | None:
    if len(returns) < 2:
        return None
    different = np.flatnonzero(returns != returns[-1])
    return (len(returns) - (int(different[-1]) + 1 if len(different) else 0)) / len(returns)


def _means_apart(facts: RunFacts, low: float, high: float) -> float | None:
    """Distance of both critics' mean Q, which every trainer logs, over the spread of the targets."""
    found = facts.need("train/q1_value", "train/q2_value", "debug/target_q_std")
    if isinstance(found, Missing):
        return None
    steps, (first, second, spread) = align(*found)
    keep = (steps > low) & (steps <= high) & (spread > 0)
    return float(np.median(np.abs(first - second)[keep] / spread[keep])) if keep.any() else None


def _actor_q_above_return(facts: RunFacts, low: float, high: float) -> float | None:
    """Q of the policy's actions over the replay buffer in place of those at the start."""
    expected = mean_between(facts, "debug/actor_q_mean", low, high)
    earned = mean_between(facts, "eval/discounted_return", low, high)
    if expected is None or earned is None or not max(abs(expected), abs(earned)) > 0:
        return None
    return (expected - earned) / max(abs(expected), abs(earned))


def _saturated(facts: RunFacts, low: float, high: float) -> float | None:
    return mean_between(facts, "policy/tanh_saturation", low, high)


def _low_return(facts: RunFacts, low: float, high: float) -> float | None:
    found = mean_between(facts, "eval/mean_reward", low, high)
    return None if found is None else -found


SIGNS: dict[str, Sign] = {
    "Q at the start above the return": _of_law("overestimation_at_start"),
    "actor Q of the buffer above the return": _actor_q_above_return,
    "critics disagree, transition by transition": _of_law("critics_disagree"),
    "critics disagree in the mean": _means_apart,
    "dormant units": _of_law("dormant_units"),
    "low feature rank": _of_law("feature_rank", -1.0),
    "equal evaluations": _equal_evaluations,
    "saturated actions, for comparison": _saturated,
    "low return, for comparison": _low_return,
}


def told(runs: Iterable[Trained], sign: Sign, share: float) -> list[Told]:
    """Return what a sign said at a share of the budget of each run that learned or did not."""
    found = []
    for run in runs:
        if run.became == "unclear":
            continue
        high = share * run.steps
        value = sign(run.facts_at(share), high / 2.0, high)
        if value is not None:
            found.append(Told(group=run.case.task, value=value, failed=run.became == "did not"))
    return found


def _of_curves(curves: Iterable[Curve], share: float) -> dict[str, list[Told]]:
    """Return what returns alone say of curves at a share of the budget, by the name of the sign."""
    found: dict[str, list[Told]] = {"equal evaluations": [], "low return, for comparison": []}
    for curve in curves:
        if curve.became == "unclear":
            continue
        until = curve.returns[curve.shares <= share + ROUNDING]
        since = curve.returns[(curve.shares > share / 2) & (curve.shares <= share + ROUNDING)]
        values = (_equal_share(until), -float(since.mean()) if len(since) else None)
        for told_so_far, value in zip(found.values(), values, strict=True):
            if value is not None:
                failed = curve.became == "did not"
                told_so_far.append(Told(group=curve.task, value=value, failed=failed))
    return found


def table_of_signs(budgets: dict[str, list[Trained]], curves: Sequence[Curve]) -> str:
    """Render the area of each sign at each share of each budget, and of published curves."""
    shares = " | ".join(f"at {share:.0%}" for share in SHARES)
    rows = [
        f"| sign | budget | failed / learned | {shares} |",
        "|---|---|---|" + "---|" * len(SHARES),
    ]
    for name, sign in SIGNS.items():
        every = {
            budget: [auc(told(runs, sign, share)) for share in SHARES]
            for budget, runs in budgets.items()
        }
        every["published"] = [auc(_of_curves(curves, share).get(name, [])) for share in SHARES]
        for budget, areas in every.items():
            counts = [f"{a.failed} / {a.learned}" for a in areas if a is not None]
            if counts:
                cells = " | ".join(map(_cell, areas))
                rows.append(f"| {name} | {budget} | {' to '.join(_ends(counts))} | {cells} |")
    return "\n".join(rows)


def _ends(counts: list[str]) -> list[str]:
    return list(dict.fromkeys((counts[0], counts[-1])))


def _cell(area: Auc | None) -> str:
    if area is None:
        return "-"
    text = f"{area.value:.2f} ({area.low:.2f} to {area.high:.2f})"
    return f"**{text}**" if area.low >= ENOUGH else text


def table_of_faults(folder: Path) -> str:
    """Render how well each sign, at the end of the runs of the fault bench, tells faulty from sound ones of a task."""
    from tests.fault_bench import bench

    rows = ["| sign | faulty / sound | area |", "|---|---|---|"]
    runs = []
    for case in bench.cases(SEEDS, SEEDS):
        info = load_run_info(folder / case.slug)
        if info is not None and info.planned_steps is not None:
            log = read_events(folder / case.slug)
            steps, stage = info.planned_steps, info.stage or "5k"
            facts = RunFacts(log=log, run=info, stage=stage, planned_steps=steps)
            runs.append((case.fault is not None, bench.task_of(case), steps, facts))
    for name, sign in SIGNS.items():
        values = [(t, sign(f, n / 2.0, n), faulty) for faulty, t, n, f in runs]
        area = auc([Told(group=t, value=v, failed=bad) for t, v, bad in values if v is not None])
        if area is not None:
            rows.append(f"| {name} | {area.failed} / {area.learned} | {_cell(area)} |")
    return "\n".join(rows)
