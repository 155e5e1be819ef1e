"""The report on two runs as Markdown with their main metrics laid over each other."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

from gates.files import write_atomically
from gates.findings import GateResult
from gates.progress import EvaluationPoint
from gates.text import ABSENT, format_count, format_limit, format_number, format_plural
from reports.comparison.compare import (
    ChangeKind,
    CheckChange,
    Comparison,
    change_text,
    value_text,
)
from reports.comparison.panels import comparison_panels
from reports.stage.markdown import REPORT_NAME
from reports.stage.plots import FOLDER, PlotFile, draw_figure, write_plots
from reports.stage.sections.driving import DrivingRow
from reports.stage.sections.hyperparameters import show_value
from reports.stage.view import VERDICT_NAMES
from reports.text.escaping import Safe
from reports.text.templates import markdown_environment, tidy_lines

_MOST_EVALUATIONS = 12
_PLOT = f"{FOLDER}/comparison.png"
_SIGN = {"max": "≤ ", "min": "≥ "}
Rows = tuple[tuple[str, str, str], ...]


class ChangeRow(Struct, frozen=True, kw_only=True):
    """A check in the tables; all texts are unescaped."""

    title: str
    a: str
    b: str
    change: str
    limit: str
    reason: str
    """What B's finding says, or A's where B has none."""


class EvaluationRow(Struct, frozen=True, kw_only=True):
    """Evaluations of both runs at one step."""

    step: int
    a: EvaluationPoint | None
    b: EvaluationPoint | None


def write_comparison_report(
    comparison: Comparison, out_dir: Path, *, generated_at: str, twin: str
) -> Path:
    """Write `report.md` and its plot into `out_dir`, each file whole or not at all.

    Raises:
        OSError: The folder cannot be written or the disk is full; an earlier report stays.
    """
    plot = draw_comparison(comparison)
    markdown = render_comparison(comparison, plot, generated_at=generated_at, twin=twin)
    drawn = write_plots(() if plot is None else (plot,), out_dir)
    path = out_dir / REPORT_NAME
    write_atomically(path, markdown)
    if not drawn:
        (out_dir / _PLOT).unlink(missing_ok=True)
    return path


def draw_comparison(comparison: Comparison) -> PlotFile | None:
    """Draw the main metrics of both runs; None when no run logged any of them."""
    panels = comparison_panels(comparison)
    titles = ", ".join(panel.title for panel in panels)
    return draw_figure(_PLOT, f"A (blue) and B (orange): {titles}", panels)


def render_comparison(
    comparison: Comparison, plot: PlotFile | None, *, generated_at: str, twin: str
) -> str:
    """Render the report; `plot` is that of `draw_comparison`, or none."""
    same = comparison.of_kind(ChangeKind.SAME)
    template = markdown_environment().get_template("comparison.md.j2")
    text = template.render(
        c=comparison,
        headline=headline(comparison),
        generated_at=generated_at,
        twin=twin,
        facts=_facts(comparison),
        tables=tuple(
            (name, tuple(map(_row, comparison.of_kind(*kinds)))) for name, kinds in _TABLES
        ),
        same=tuple(map(_row, same)),
        same_passed=sum(c.b is not None and c.b.outcome.value == "PASS" for c in same),
        evaluations=evaluation_rows(comparison.a.evaluations, comparison.b.evaluations),
        driving=driving_rows(comparison),
        plot=plot,
        show=lambda value: ABSENT if value is None else show_value(value),
        evaluation=_evaluation,
        safe_path=Safe,
    )
    return tidy_lines(text)


_TABLES = (
    ("Worse in B", (ChangeKind.WORSE,)),
    ("Better in B", (ChangeKind.BETTER,)),
    ("No longer decided in B", (ChangeKind.UNDECIDED,)),
    ("Judged in one run only", (ChangeKind.ONLY_A, ChangeKind.ONLY_B)),
    ("Different, and not counted: dry runs", (ChangeKind.UNCOUNTED,)),
)


def headline(comparison: Comparison) -> str:
    """Say in one line how the runs differ."""
    a, b = (VERDICT_NAMES[run.result.verdict] for run in (comparison.a, comparison.b))
    verdicts = f"Both runs {a}" if a == b else f"A {a}, B {b}"
    worse, better = (
        len(comparison.of_kind(kind)) for kind in (ChangeKind.WORSE, ChangeKind.BETTER)
    )
    undecided = len(comparison.of_kind(ChangeKind.UNDECIDED))
    text = f"{verdicts}: {format_plural(worse, 'check')} worse in B, {better} better"
    return f"{text}, {undecided} no longer decided" if undecided else text


def evaluation_rows(
    a: Sequence[EvaluationPoint], b: Sequence[EvaluationPoint]
) -> tuple[EvaluationRow, ...]:
    """Lay evaluations side by side by step; of many, the first, the last and some between."""
    first, second = ({point.step: point for point in points} for points in (a, b))
    steps = sorted({*first, *second})
    if len(steps) > _MOST_EVALUATIONS:
        last = len(steps) - 1
        chosen = {round(i * last / (_MOST_EVALUATIONS - 1)) for i in range(_MOST_EVALUATIONS)}
        steps = [steps[i] for i in sorted(chosen)]
    return tuple(EvaluationRow(step=s, a=first.get(s), b=second.get(s)) for s in steps)


def driving_rows(comparison: Comparison) -> tuple[tuple[str, DrivingRow], ...]:
    """Return how both runs and the drivers beside them drove, the same routes next to each other."""
    rows = [
        (letter, row)
        for letter, run in (("A", comparison.a), ("B", comparison.b))
        if run.driving is not None
        for row in run.driving.rows
    ]
    order = list(dict.fromkeys((row.driver, row.routes) for _, row in rows))
    return tuple(sorted(rows, key=lambda one: order.index((one[1].driver, one[1].routes))))


def limit_text(change: CheckChange) -> str:
    """Write the limit, both where they differ."""
    texts = [
        ABSENT
        if finding is None or finding.limit is None
        else _SIGN.get(finding.direction, "") + format_limit(finding.limit)
        for finding in (change.a, change.b)
    ]
    if texts[0] == texts[1] or change.a is None:
        return texts[1]
    return texts[0] if change.b is None else f"A {texts[0]}, B {texts[1]}"


def _row(change: CheckChange) -> ChangeRow:
    text = change_text(change)
    if change.toward_limit is not None and text != ABSENT:
        text += ", toward the limit" if change.toward_limit else ", away from the limit"
    finding = change.b or change.a
    return ChangeRow(
        title=change.title,
        a=value_text(change.a),
        b=value_text(change.b),
        change=text,
        limit=limit_text(change),
        reason=finding.reason if finding is not None else "",
    )


def _facts(comparison: Comparison) -> Rows:
    rows = []
    for name, tell in _FACTS:
        a, b = tell(comparison.a.result), tell(comparison.b.result)
        if a or b:
            rows.append((name, a or ABSENT, b or ABSENT))
    return tuple(rows)


def _steps(result: GateResult) -> str:
    planned = f" of {format_count(result.planned_steps)}" if result.planned_steps else ""
    return f"{format_count(result.last_step or 0)}{planned}"


def _likely_cause(result: GateResult) -> str:
    if not result.diagnoses:
        return ""
    return f"{result.diagnoses[0].title} (`{result.diagnoses[0].cause}`)"


_FACTS = (
    ("Verdict", lambda r: VERDICT_NAMES[r.verdict]),
    ("Decided by", lambda r: r.deciding),
    ("Likely cause", _likely_cause),
    ("Stage", lambda r: r.stage),
    ("Preset", lambda r: r.preset),
    ("Seed", lambda r: "" if r.seed is None else str(r.seed)),
    ("Steps", _steps),
    ("Rule set", lambda r: f"`{r.gate_sha256[:12]}`"),
    ("Configuration", lambda r: f"`{r.config_sha256[:12]}`" if r.config_sha256 else ""),
)


def _evaluation(point: EvaluationPoint | None) -> str:
    """Write the mean return with its spread and the episode length."""
    if point is None:
        return ABSENT
    text = format_number(point.mean_return)
    if point.std_return is not None:
        text += f" ± {format_number(point.std_return, digits=3)}"
    if point.mean_episode_length is not None:
        text += f", {format_number(point.mean_episode_length)} steps"
    return text
