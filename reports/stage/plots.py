"""The plot files of a stage's report: which there are, what they are called, what they say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from gates.facts.run_facts import RunFacts
from gates.files import write_atomically
from gates.findings import GateResult
from gates.runs.drives import EpisodePictures, FinalEvaluation
from gates.series import EventLog
from gates.text import format_plural
from reports.losses import Losses
from reports.plots.panels import (
    BeforeLearning,
    Panel,
    check_panels,
    describe_panel,
    overview_missing,
    overview_panels,
)
from reports.stage.sections.checks import ordered
from reports.stage.sections.driving import (
    EndingsOverTraining,
    driven_routes,
    endings_over_training,
)
from reports.stage.sections.hyperparameters import config_value
from reports.text.escaping import file_name

if TYPE_CHECKING:
    from PIL import Image

FOLDER = "plots"


class PlotFile(Struct, frozen=True, kw_only=True):
    """A PNG of a report."""

    path: str
    """Relative to the report, always `plots/...png`."""
    alt: str
    """What it shows, in words, unescaped."""
    png: bytes
    check: str = ""
    """The check that it belongs to; empty for the overview and for sections."""
    section: str = ""
    """The section that it belongs to: `driving`."""
    lost: str = ""
    """Why it could not be drawn, one sentence; such a plot has no file."""


class _Wanted(Struct, frozen=True, kw_only=True):
    """A plot that the report should show."""

    name: str
    alt: str
    check: str = ""
    section: str = ""
    draw: Callable[[], Image.Image]


def draw_stage_plots(
    result: GateResult,
    log: EventLog,
    config: Mapping[str, object],
    final: FinalEvaluation | None = None,
    pictures: EpisodePictures | None = None,
) -> tuple[PlotFile, ...]:
    """Draw the overview and one plot for each check that did not pass and has a series.

    Never raises because of what is to be drawn: a plot that cannot be drawn says why in `lost`.
    """
    # matplotlib takes half a second to import and is not needed to render text.
    from reports.plots import draw as plots

    losses = Losses()
    wanted = losses.guard("The plots", lambda: _wanted(result, log, config, final, pictures), ())
    files = [_not_drawn("", losses)] if losses.sentences else []
    # A picture is made a small file on another processor while the next one is drawn.
    with ThreadPoolExecutor(1, thread_name_prefix="png") as beside:
        drawn: list[tuple[_Wanted, Losses, Future[bytes] | None]] = []
        for plot in wanted:
            losses = Losses()
            picture = losses.guard(
                f"The plot of `{plot.check or 'the whole run'}`", plot.draw, None
            )
            content = None if picture is None else beside.submit(plots.png, picture)
            drawn.append((plot, losses, content))
        for plot, losses, content in drawn:
            if content is None:
                files.append(_not_drawn(plot.check, losses))
            else:
                path = f"{FOLDER}/{plot.name}.png"
                files.append(
                    PlotFile(
                        path=path,
                        alt=plot.alt,
                        png=content.result(),
                        check=plot.check,
                        section=plot.section,
                    )
                )
    return tuple(files)


def _wanted(
    result: GateResult,
    log: EventLog,
    config: Mapping[str, object],
    final: FinalEvaluation | None,
    pictures: EpisodePictures | None,
) -> list[_Wanted]:
    """List the plots in the order of the report."""
    from reports.plots import draw as plots

    phase = before_learning(config, log)
    found: list[_Wanted] = []
    overview = overview_panels(result.findings, log, phase)
    if overview:
        missing = overview_missing(log)
        alt = f"{', '.join(panel.title for panel in overview)} over environment steps"
        alt += f"; not logged: {', '.join(missing)}" if missing else ""
        draw = partial(plots.overview_picture, overview)
        found.append(_Wanted(name="overview", alt=alt, draw=draw))
    ended = endings_over_training(log)
    if ended is not None:
        found.append(_endings(ended))
    found += _of_final(final, pictures)
    taken = {plot.name for plot in found}
    for finding, panel in check_panels(ordered(result), log, phase):
        name = _free(file_name(panel.name), taken)
        taken.add(name)
        draw = partial(plots.panel_picture, panel)
        alt = describe_panel(panel)
        found.append(_Wanted(name=name, alt=alt, check=finding.check, draw=draw))
    return found


def _endings(ended: EndingsOverTraining) -> _Wanted:
    from reports.plots.endings import endings_picture

    title = f"How {ended.episodes:,} training episodes ended"
    names = ", ".join(ending.replace("_", " ") for ending in ended.shares)
    return _Wanted(
        name="endings",
        alt=f"{title}, in shares over environment steps: {names}",
        section="driving",
        draw=partial(endings_picture, ended.edges, ended.shares, title=title),
    )


def not_drawn_yet(command: str) -> PlotFile:
    """Return what stands for all plots until they are drawn, with the command that draws them in any case."""
    sentence = f"The plots are being drawn. Should they not come: {command}"
    return PlotFile(path="", alt="", png=b"", lost=sentence)


def _of_final(final: FinalEvaluation | None, pictures: EpisodePictures | None) -> Iterator[_Wanted]:
    """Show the routes at the end from above, and the best and the worst episode as strips."""
    from reports.plots.film import strip
    from reports.plots.routes import routes_picture

    routes = driven_routes(final)
    if routes:
        endings = Counter(route.ending.replace("_", " ") for route in routes).most_common()
        title = (
            f"{format_plural(len(routes), 'held-out route')} from above "
            f"({', '.join(f'{count} {ending}' for ending, count in endings)})"
        )
        yield _Wanted(
            name="routes",
            alt=f"{title}: the policy's lines, and where and why each ended",
            section="driving",
            draw=partial(routes_picture, routes, title=title),
        )
    if pictures is not None:
        for name, seen in (("best", pictures.best), ("worst", pictures.worst)):
            yield _Wanted(
                name=f"{name}-episode",
                alt=f"What the camera saw in the {name} episode of the evaluation at the end, by return",
                section="driving",
                draw=partial(strip, seen),
            )


def _not_drawn(check: str, losses: Losses) -> PlotFile:
    return PlotFile(path="", alt="", png=b"", check=check, lost=" ".join(losses.sentences))


def draw_figure(path: str, alt: str, panels: Sequence[Panel]) -> PlotFile | None:
    """Draw panels in one figure of two columns; None without any. Never raises because of what they hold."""
    if not panels:
        return None
    # matplotlib takes half a second to import and is not needed to render text.
    from reports.plots import draw as plots

    losses = Losses()
    content = losses.guard(
        f"The figure `{path}`", lambda: plots.draw_overview(panels, columns=2), b""
    )
    return PlotFile(path=path, alt=alt, png=content, lost=" ".join(losses.sentences))


def write_plots(plots: Iterable[PlotFile], out_dir: Path) -> set[str]:
    """Write the plots that could be drawn, each whole or not at all; return their paths.

    Raises:
        OSError: The folder cannot be written or the disk is full.
    """
    drawn = [plot for plot in plots if not plot.lost]
    if drawn:
        (out_dir / FOLDER).mkdir(parents=True, exist_ok=True)
    for plot in drawn:
        write_atomically(out_dir / plot.path, plot.png)
    return {plot.path for plot in drawn}


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
