"""The plot files of a stage's report: which there are, what they are called, what they say."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from gates.facts.run_facts import RunFacts
from gates.findings import GateResult
from gates.series import EventLog
from reports.plots.panels import (
    BeforeLearning,
    check_panels,
    describe_panel,
    overview_missing,
    overview_panels,
)
from reports.stage.checks import ordered
from reports.stage.hyperparameters import config_value
from reports.text.escaping import file_name

FOLDER = "plots"


@dataclass(frozen=True, kw_only=True)
class PlotFile:
    """A PNG of a report."""

    path: str
    """Relative to the report, always `plots/...png`."""
    alt: str
    """What it shows, in words, unescaped."""
    png: bytes
    check: str = ""
    """The check that it belongs to; empty for the overview."""


def draw_stage_plots(
    result: GateResult, log: EventLog, config: Mapping[str, object]
) -> tuple[PlotFile, ...]:
    """Draw the overview and one plot for each check that did not pass and has a series."""
    # matplotlib takes half a second to import and is not needed to render text.
    from reports.plots import draw as plots

    phase = before_learning(config, log)
    taken = {"overview"}
    # A picture is made a small file on another processor while the next one is drawn.
    with ThreadPoolExecutor(1, thread_name_prefix="png") as beside:
        files: list[tuple[str, str, str, Future[bytes]]] = []
        overview = overview_panels(result.findings, log, phase)
        if overview:
            titles = ", ".join(panel.title for panel in overview)
            missing = overview_missing(log)
            alt = f"{titles} over environment steps"
            alt += f"; not logged: {', '.join(missing)}" if missing else ""
            picture = plots.overview_picture(overview)
            files.append(("overview", alt, "", beside.submit(plots.png, picture)))
        for finding, panel in check_panels(ordered(result), log, phase):
            name = _free(file_name(panel.name), taken)
            taken.add(name)
            picture = plots.panel_picture(panel)
            drawn = beside.submit(plots.png, picture)
            files.append((name, describe_panel(panel), finding.check, drawn))
        return tuple(
            PlotFile(path=f"{FOLDER}/{name}.png", alt=alt, png=content.result(), check=check)
            for name, alt, check, content in files
        )


def same_plots(one: GateResult, other: GateResult) -> bool:
    """Tell whether two judgements of the same series have the same plots, without drawing them."""
    return _shown(one) == _shown(other)


def _shown(result: GateResult) -> list[str]:
    """Return what plots depend on: the findings about a series, in the order of the report.

    As text, because a NaN is not equal to itself.
    """
    return [repr(finding) for finding in ordered(result) if finding.tag]


def _free(name: str, taken: set[str]) -> str:
    candidate, number = name, 2
    while candidate in taken:
        candidate, number = f"{name}-{number}", number + 1
    return candidate


def before_learning(config: Mapping[str, object], log: EventLog) -> BeforeLearning | None:
    """Return the phase before learning, as configured or else up to the first logged update."""
    explored = explored_steps(config)
    if explored is not None:
        return BeforeLearning(until=explored, label="random actions")
    facts = RunFacts(log=log, run=None, stage="", planned_steps=None)
    if facts.first_update_step is None or facts.first_update_step <= 0:
        return None
    return BeforeLearning(until=facts.first_update_step, label="before the first logged update")


def explored_steps(config: Mapping[str, object]) -> int | None:
    """Return how many steps were taken at random before learning, or None when that is unknown."""
    value = config_value(config, "train.learning_starts")
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return int(value) if 0 < value < 2**62 else None
