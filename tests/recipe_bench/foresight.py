"""Measures what verdicts and signs foretell, and how many failures the rule of hopelessness stops: `make foresight`."""

from __future__ import annotations

import argparse
import itertools
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from flows.settings.long_stage import HopelessSettings
from flows.training.live.hopeless import stand_still
from gates.metrics import wilson_interval
from tests.generate_docs import replace_between
from tests.recipe_bench.bench import STAGES, UNJUDGED, Case, Score, cases, scores, train
from tests.recipe_bench.curves import Curve, of_recipes, published
from tests.recipe_bench.outcome import Outcome
from tests.recipe_bench.recipes import TASKS, draw
from tests.recipe_bench.runs import Trained, load
from tests.recipe_bench.signs import table_of_faults, table_of_signs

RECIPES = 38
"""Of each task in the recipe bench."""
LONG, DEAREST = 6, 40_000
"""Recipes of each task that go on to 200k, and updates that they may take until there."""
FINE_DEAREST = 10_000
"""Updates that a recipe may take until 50k with many evaluations."""
EARLY, LATER = 0.2, 0.5
"""Shares of the budget by which failures should be stopped."""
MOST_LOST = 0.01
"""Share of the runs that learn which a rule may stop."""
GRID = [
    HopelessSettings(goal_return=0.0, goal_evaluations=count, goal_tolerance=tolerance)
    for count, tolerance in itertools.product((5, 8, 12), (0.0, 0.002, 0.01, 0.05))
]
ALL_STAGES = STAGES | UNJUDGED
WORDS = ("learned", "unclear", "did not")
Key = tuple[str, int]
"""Task and index of a recipe."""


def drawn() -> list[Key]:
    """Draw the recipes that go on to 200k, whatever became of them; only their cost is looked at."""
    found = []
    for task in TASKS:
        order = random.Random(f"200k/{task}").sample(range(RECIPES), RECIPES)
        found += [(task, i) for i in order if _updates(task, i, "200k") <= DEAREST][:LONG]
    return found


def _updates(task: str, index: int, stage: str) -> int:
    recipe = draw(task, index)
    steps = UNJUDGED[stage]["steps"] - recipe["learning_starts"]
    return int(steps // recipe["train_freq"] * recipe["gradient_steps"])


def to_train(judged: Sequence[Score]) -> list[Case]:
    """List what the study trains: to 200k those drawn and every NO_GO of 50k; with many evaluations what is cheap."""
    stopped = [_key(s) for s in judged if s.case.stage == "50k" and s.verdict == "NO_GO"]
    affordable = [key for key in stopped if _updates(*key, "200k") <= DEAREST]
    long = [Case(task=t, index=i, stage="200k") for t, i in dict.fromkeys([*drawn(), *affordable])]
    every = [(task, index) for index in range(RECIPES) for task in TASKS]
    fine = [key for key in every if _updates(*key, "fine") <= FINE_DEAREST]
    return [*long, *(Case(task=t, index=i, stage="fine") for t, i in fine)]


def _key(score: Score) -> Key:
    return score.case.task, score.case.index


@dataclass(frozen=True, kw_only=True)
class Foretold:
    """A verdict, and what the recipe became later."""

    gate: str
    later: str
    """Stage at whose end it was looked at again."""
    verdict: str
    became: Outcome
    saved: int
    """Environment steps that a NO_GO saves."""
    drawn: bool
    """Whether it stands for all recipes; else it is here because it was stopped."""


def foretold(judged: Sequence[Score], long: Sequence[Trained]) -> list[Foretold]:
    """Pair verdicts at 5k with what recipes became by 50k and by 200k, and those at 50k with 200k.

    Of the recipes of 200k those that were drawn are taken, and of NO_GO at 50k all, since all were trained on.
    """
    chosen, became = set(drawn()), {(run.case.task, run.case.index): run.became for run in long}
    at_50k = {_key(s) for s in judged if s.case.stage == "50k"}
    found = []
    for s in judged:
        key, gate = _key(s), s.case.stage
        everyone = (gate, s.verdict) == ("50k", "NO_GO")
        ends: dict[str, Outcome] = {}
        if gate == "5k" and key in at_50k:
            ends["50k"] = s.became
        if key in became and (key in chosen or everyone):
            ends["200k"] = became[key]
        for later, end in ends.items():
            word = "undecidable" if s.refused else s.verdict
            saved = ALL_STAGES[later]["steps"] - ALL_STAGES[gate]["steps"]
            fair = later == "50k" or key in chosen
            found.append(
                Foretold(gate=gate, later=later, verdict=word, became=end, saved=saved, drawn=fair)
            )
    return found


def table_of_verdicts(pairs: Sequence[Foretold]) -> str:
    """Render what recipes became whatever their verdict was, with 95 % intervals, and what a stop would have saved."""
    rows = [
        "| gate | verdict | recipes | became by | learned | unclear | did not | learned, 95 % | did not, 95 % |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    sentences = []
    for gate, later in (("5k", "50k"), ("5k", "200k"), ("50k", "200k")):
        of_gate = [p for p in pairs if (p.gate, p.later) == (gate, later)]
        for verdict in ("GO", "CONDITIONAL", "NO_GO", "undecidable"):
            ends = [p.became for p in of_gate if p.verdict == verdict]
            counts = [ends.count(word) for word in WORDS]
            if ends:
                rates = " | ".join(_interval(counts[n], len(ends)) for n in (0, 2))
                cells = " | ".join(map(str, counts))
                rows.append(f"| {gate} | {verdict} | {len(ends)} | {later} | {cells} | {rates} |")
        fair = [p for p in of_gate if p.drawn]
        stopped = [p for p in fair if p.verdict == "NO_GO"]
        if fair:
            learned, _, failed = (
                (sum(p.became == word for p in stopped), sum(p.became == word for p in fair))
                for word in WORDS
            )
            saved = sum(p.saved for p in stopped)
            sentences.append(
                f"- Of {len(fair)} recipes, NO_GO at {gate} stopped {failed[0]} of the {failed[1]} that did not "
                f"learn by {later} and {learned[0]} of the {learned[1]} that did, "
                f"which saves {saved:,} environment steps."
            )
    return "\n".join([*rows, "", *sentences])


def table_of_hopeless(curves: Sequence[Curve]) -> str:
    """Render how many failures the rule stops, and how many runs that learn, as it is shipped and cross-validated."""
    shipped = HopelessSettings()
    rows = [
        "| curves | task | failures stopped by 20 % | by 50 % | learners lost by 20 % | by 50 % |",
        "|---|---|---|---|---|---|",
    ]
    with_failures = {(c.source, c.task) for c in curves if c.became == "did not"}
    groups: dict[tuple[str, str], list[Curve]] = {}
    for curve in curves:
        known = (curve.source, curve.task) in with_failures
        task = curve.task if known else "tasks without a failure"
        groups.setdefault((curve.source, task), []).append(curve)
    for (source, task), group in groups.items():
        rows.append(f"| {source} | {task} | {_counts(group, lambda _: shipped)} |")
    rows.append(f"| all | all, as shipped | {_counts(curves, lambda _: shipped)} |")
    tasks = dict.fromkeys(c.task for c in curves)
    best = {task: chosen_without(task, curves) for task in tasks}
    rows.append(
        f"| all | each task by what is best for the others | {_counts(curves, lambda c: best[c.task])} |"
    )
    return "\n".join(rows)


def _counts(curves: Sequence[Curve], rule: Callable[[Curve], HopelessSettings]) -> str:
    cells = []
    for word in ("did not", "learned"):
        group = [c for c in curves if c.became == word]
        for share in (EARLY, LATER):
            cells.append(_rate(sum(stopped_at(c, rule(c)) <= share for c in group), len(group)))
    return " | ".join(cells)


def chosen_without(task: str, curves: Sequence[Curve]) -> HopelessSettings:
    """Return the settings that stop most failures of the other tasks early, and hardly any run that learns."""
    others = [c for c in curves if c.task != task]
    learned = [c for c in others if c.became == "learned"]
    failed = [c for c in others if c.became == "did not"]

    def stopped(group: Sequence[Curve], settings: HopelessSettings) -> int:
        return sum(stopped_at(c, settings) <= EARLY for c in group)

    allowed = [s for s in GRID if stopped(learned, s) <= MOST_LOST * len(learned)]
    return max(allowed or GRID[:1], key=lambda s: stopped(failed, s))


def stopped_at(curve: Curve, settings: HopelessSettings) -> float:
    """Return the share of the budget at which the rule stops a training; infinite where it never does."""
    for number in range(settings.goal_evaluations, len(curve.returns) + 1):
        if stand_still(curve.returns[:number], curve.goal, settings):
            return float(curve.shares[number - 1])
    return float("inf")


def _rate(hits: int, of: int) -> str:
    return f"{hits} of {of} ({_interval(hits, of)})" if of else "-"


def _interval(hits: int, of: int) -> str:
    """Return Wilson's interval."""
    interval = wilson_interval(hits, of)
    return f"{interval.low:.0%} to {interval.high:.0%}"


def draw_curve(curves: Sequence[Curve], path: Path) -> None:
    """Draw the share of failures stopped, and of learners lost, over the budget."""
    from reports.plots.figure import Figure, FigureCanvasAgg

    figure = Figure(figsize=(6.4, 3.0), dpi=110, layout="constrained")
    axes = figure.subplots(1, 2, sharey=True)
    shares = [n / 100 for n in range(101)]
    for number, source in enumerate(dict.fromkeys(c.source for c in curves)):
        for axis, word in zip(axes, ("did not", "learned"), strict=True):
            group = [c for c in curves if c.source == source and c.became == word]
            if group:
                ends = [stopped_at(c, HopelessSettings()) for c in group]
                stopped = [sum(end <= share for end in ends) / len(group) for share in shares]
                label = f"{source}: {len(group)}"
                axis.plot(shares, stopped, label=label, linewidth=1.4, color=f"C{number}")
    for axis, title in zip(axes, ("failures stopped", "learners lost"), strict=True):
        axis.set_title(title, fontsize=9)
        axis.set_xlabel("share of the budget", fontsize=8)
        axis.set_ylim(-0.02, 1.02)
        axis.axvline(EARLY, color="0.8", linewidth=0.8, zorder=0)
        axis.tick_params(labelsize=7)
        axis.legend(fontsize=6, frameon=False, loc="center right")
    FigureCanvasAgg(figure).print_png(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=Path, required=True, help="folder of the recipe bench")
    parser.add_argument("--unjudged", type=Path, required=True, help="folder of its other stages")
    parser.add_argument("--faults", type=Path, help="folder of the fault bench")
    parser.add_argument("--curves", type=Path, help="folder with published curves")
    parser.add_argument("--train", action="store_true", help="train what is not there yet; hours")
    parser.add_argument("--page", type=Path, help="page whose tables are replaced")
    parser.add_argument("--plot", type=Path, help="picture to draw")
    options = parser.parse_args()
    every = cases(RECIPES, ["5k", "50k"], list(TASKS))
    there = [case for case in every if (options.runs / case.slug / "trained").exists()]
    judged = scores(there, options.runs)
    if options.train:
        for case in to_train(judged):
            train(case, options.unjudged)
    long, fine = (load(options.unjudged, stage) for stage in ("200k", "fine"))
    often = {(run.case.task, run.case.index): run for run in fine}
    plain = {(run.case.task, run.case.index): run for run in load(options.runs, "50k")}
    rarely = [run for key, run in plain.items() if key not in often]
    external = published(options.curves) if options.curves else []
    curves = [
        *of_recipes(fine, "recipes, 50k, 50 evaluations"),
        *of_recipes(rarely, "recipes, 50k, 10 evaluations"),
        *of_recipes(long, "recipes, 200k, 40 evaluations"),
        *external,
    ]
    parts = {
        "verdicts": table_of_verdicts(foretold(judged, long)),
        "signs": table_of_signs({"50k": [*(plain | often).values()], "200k": long}, external),
        "hopeless": table_of_hopeless(curves),
    }
    if options.faults:
        parts["faults"] = table_of_faults(options.faults)
    for name, text in parts.items():
        print(text, end="\n\n")
        if options.page:
            replace_between(options.page, name, text)
    if options.plot:
        draw_curve(curves, options.plot)


if __name__ == "__main__":
    main()
