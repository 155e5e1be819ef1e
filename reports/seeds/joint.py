"""The report on the seeds of one stage as Markdown with one plot of all of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from msgspec import Struct

from gates.files import write_atomically
from gates.findings import Verdict
from gates.metrics import Interval
from gates.seeds.result import JointResult, SeedVerdict, seed_names
from gates.text import ABSENT, format_count, format_number, format_range
from reports.context import JointContext
from reports.seeds.panels import joint_panels
from reports.stage.markdown import REPORT_NAME, command_lines
from reports.stage.plots import FOLDER, PlotFile, draw_figure, write_plots
from reports.stage.view import VERDICT_NAMES
from reports.text.escaping import Safe, link_target
from reports.text.templates import markdown_environment, tidy_lines

NO_VERDICT = "no verdict"
_MOST_DECIDING = 200


class SeedRow(Struct, frozen=True, kw_only=True):
    """One seed in the table; texts are unescaped, `link` is safe."""

    seed: int
    verdict: str
    decided_by: str
    score: str
    worst: bool
    link: str


def write_joint_report(context: JointContext, out_dir: Path) -> Path:
    """Write `report.md` and its plot into `out_dir`, each file whole or not at all.

    Raises:
        OSError: The folder cannot be written or the disk is full.
    """
    plot = draw_seeds(context)
    write_plots(() if plot is None else (plot,), out_dir)
    path = out_dir / REPORT_NAME
    write_atomically(path, render_joint(context, plot))
    return path


def draw_seeds(context: JointContext) -> PlotFile | None:
    """Draw evaluation return and Q of every seed in one figure; None when nothing was logged."""
    panels = joint_panels(context)
    titles = ", ".join(panel.title for panel in panels)
    alt = f"{titles} of {seed_names(sorted(context.shown))} over environment steps"
    return draw_figure(f"{FOLDER}/seeds.png", alt, panels)


def render_joint(context: JointContext, plot: PlotFile | None) -> str:
    """Render the report; `plot` is that of `draw_seeds`, or none."""
    template = markdown_environment().get_template("joint.md.j2")
    text = template.render(
        c=context,
        headline=joint_headline(context),
        command_lines=command_lines,
        **body_values(context, plot),
    )
    return tidy_lines(text)


def body_values(context: JointContext, plot: PlotFile | None) -> dict[str, Any]:
    """Return what joint_body.md.j2 needs."""
    result = context.result
    return {
        "rows": seed_rows(context),
        "returns": returns_sentence(result),
        "plot": plot,
        "findings": result.findings,
        "fixes": fixes(result),
        "safe": Safe,
    }


def joint_headline(context: JointContext) -> str:
    """Say verdict, stage and what decided in one line."""
    result = context.result
    decision = context.decision
    verdict = decision.outcome if decision is not None else VERDICT_NAMES[result.verdict]
    return f"{verdict} at {result.stage}: {result.deciding.rstrip('.')}"


def seed_rows(context: JointContext) -> tuple[SeedRow, ...]:
    """Return the table of seeds."""
    worst = context.result.worst
    return tuple(
        SeedRow(
            seed=seed.seed,
            verdict=VERDICT_NAMES[seed.verdict] if seed.verdict else NO_VERDICT,
            decided_by=_decided_by(seed),
            score=_score(seed),
            worst=worst is seed,
            link=_link(context, seed),
        )
        for seed in context.result.seeds
    )


def _link(context: JointContext, seed: SeedVerdict) -> str:
    shown = context.shown.get(seed.seed)
    return link_target(shown.report_path) if shown is not None and shown.report_path else ""


def _decided_by(seed: SeedVerdict) -> str:
    if seed.verdict is Verdict.GO:
        return ABSENT
    text = seed.deciding.rstrip(".")
    if len(text) > _MOST_DECIDING:
        text = f"{text[:_MOST_DECIDING]}..."
    return f"{text}; likely cause: {seed.cause_title} (`{seed.cause}`)" if seed.cause else text


def _score(seed: SeedVerdict) -> str:
    if seed.score is None:
        return ABSENT
    text = format_number(seed.score.value)
    if seed.score.standard_error is not None:
        text += f" ± {format_number(seed.score.standard_error, digits=2)}"
    return text


def interval_text(returns: Interval | None, mean: float | None) -> str:
    """Write `212 [198, 231]`; the mean alone where there is no interval."""
    if returns is None:
        return format_number(mean)
    low, high = format_number(returns.low), format_number(returns.high)
    return f"{format_number(returns.estimate)} [{low}, {high}]"


def returns_sentence(result: JointResult) -> str:
    """Say how the mean return comes about, what it was taken over, and who is worst."""
    scores = [seed.score for seed in result.seeds if seed.score is not None]
    if not scores:
        return ""
    steps = format_range(min(s.first_step for s in scores), max(s.last_step for s in scores))
    text = f"Interquartile mean of the evaluation return: {interval_text(result.returns, result.mean_return)}"
    if result.returns is not None:
        text += " (95 % bootstrap interval)"
    text += f" over {len(scores)} of {len(result.seeds)} seeds, evaluations of {steps}"
    episodes = {score.episodes for score in scores}
    if len(episodes) == 1 and None not in episodes:
        text += f", {format_count(episodes.pop())} episodes each"
    worst = result.worst
    if worst is not None and worst.score is not None:
        text += f". Worst: seed {worst.seed} with {format_number(worst.score.value)}"
    return f"{text}. ± is the standard error of a seed's own evaluations."


def fixes(result: JointResult) -> tuple[str, ...]:
    """Return each cause that was found with its seeds and what to do about it."""
    by_cause: dict[tuple[str, str, str], list[int]] = {}
    for seed in result.seeds:
        if seed.cause:
            by_cause.setdefault((seed.cause_title, seed.cause, seed.fix), []).append(seed.seed)
    return tuple(
        f"{seed_names(seeds).capitalize()}: {title} (`{cause}`). Fix: {fix}"
        for (title, cause, fix), seeds in by_cause.items()
    )
