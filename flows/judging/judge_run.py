"""Judges a directory and writes gate.json and the report beside each other."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import structs

from flows.errors import writing
from flows.judging.rules import Asked, Rules, live_stop_of, own_run, pipeline_of, rules_for
from flows.records.folder_lock import alone_in
from flows.records.json_file import utc_now
from flows.records.stored_result import GATE_FILE
from flows.settings.shell_path import shell_path
from gates.checks.gate_file import load_gate
from gates.findings import Finding, GateResult
from gates.judge import Judgement, judge
from reports.context import StageContext
from reports.losses import Losses
from reports.stage.plots import PlotFile, not_drawn_yet, same_plots

if TYPE_CHECKING:
    from flows.records.pipeline_record import LiveStopRecord


@dataclass(frozen=True, kw_only=True)
class Judged:
    """A judgement and where it was written."""

    judgement: Judgement
    report: Path
    gate_json: Path
    draw: Callable[[], None] | None = None
    """Adds the plots to the report, when they were to be drawn later."""


def judge_directory(
    directory: Path,
    rules: Rules,
    asked: Asked,
    *,
    out: Path,
    context: Callable[[Judgement], StageContext],
    baseline: GateResult | None = None,
    live_stop: LiveStopRecord | None = None,
    plots_later: bool = False,
) -> Judged:
    """Judge the event files below `directory`; write gate.json, report.md and plots into `out`.

    Args:
        directory: Run directory of our trainer or of another one.
        rules: By which it is judged.
        asked: Configuration, dialect and second reader.
        out: Folder for the results, created when missing; earlier results there are replaced.
        context: Makes what the report shows besides the judgement; when it breaks, the report says so.
        baseline: An earlier GO to compare with.
        live_stop: The live gate stopped the training, which makes the verdict a NO_GO.
        plots_later: Draw nothing yet; the report says so until `draw` of what is returned was called.

    Raises:
        GatesError: The directory or a configuration file cannot be used.
        OutputError: `out` cannot be written or the disk is full.
    """
    from gates import result_file as gate_file
    from reports.stage.markdown import plots_for, write_stage_report

    def shown(judgement: Judgement) -> StageContext:
        losses = Losses()
        title = f"{directory.resolve().name}, {rules.stage}"
        bare = StageContext(title=title, generated_at=utc_now())
        collected = losses.guard(
            "What the report shows besides the verdict", lambda: context(judgement), bare
        )
        return structs.replace(collected, lost=(*collected.lost, *losses.sentences))

    drawn: list[tuple[Judgement, tuple[PlotFile, ...]]] = []

    def draw(judgement: Judgement) -> None:
        early = _with_live_stop(judgement, live_stop)
        drawn.append((early, plots_for(early, shown(early))))

    judgement = _judge(
        directory,
        rules,
        asked,
        live_stop=live_stop,
        baseline=baseline,
        meanwhile=None if plots_later else draw,
    )
    what = shown(judgement)
    plots = next(
        (plots for early, plots in drawn if same_plots(early.result, judgement.result)), None
    )
    if plots_later:
        plots = (not_drawn_yet(f"gonogo report {shell_path(out)}"),)
    with writing("The report", out):
        out.mkdir(parents=True, exist_ok=True)
        with alone_in(out):
            gate_file.write(judgement.result, out / GATE_FILE)
            report = write_stage_report(judgement, what, out, plots)
            files = (out / GATE_FILE, report)
            written = [file.read_bytes() for file in files]

    def add_plots() -> None:
        drawn_now = plots_for(judgement, what)
        with alone_in(out):
            # Somebody may have judged into the same folder since.
            if [file.read_bytes() for file in files] == written:
                write_stage_report(judgement, what, out, drawn_now)

    return Judged(
        judgement=judgement,
        report=report,
        gate_json=out / GATE_FILE,
        draw=add_plots if plots_later else None,
    )


def _with_live_stop(judgement: Judgement, live_stop: LiveStopRecord | None) -> Judgement:
    """Let the live gate decide when it stopped the run, however grave other findings are."""
    if live_stop is None:
        return judgement
    stopped = live_stop.finding
    result = replace(
        judgement.result, deciding=f"{stopped.statement}.", deciding_check=stopped.check
    )
    return structs.replace(judgement, result=result)


def free_judgement_folder(run: Path) -> Path:
    """Return where a further judgement of one of our runs goes; the first one is never replaced."""
    if not (run / GATE_FILE).exists():
        return run
    candidates = (run / f"rejudged-{number:03d}" for number in itertools.count(1))
    return next(folder for folder in candidates if not folder.exists())


def judge_without_writing(directory: Path, asked: Asked) -> Judgement:
    """Judge a directory by what is asked for, else by what the run says of itself.

    The result is the one that `judge_directory` writes for the same run and rules.

    Raises:
        UsageError: No stage is given and the run names none.
        ConfigError: The stage is unknown.
        GatesError: The directory or a configuration file cannot be used.
    """
    run = own_run(directory)
    rules = rules_for(run, asked)
    return _judge(directory, rules, asked, live_stop=live_stop_of(run, rules))


def _judge(
    directory: Path,
    rules: Rules,
    asked: Asked,
    *,
    live_stop: LiveStopRecord | None,
    baseline: GateResult | None = None,
    meanwhile: Callable[[Judgement], None] | None = None,
) -> Judgement:
    judgement = judge(
        directory,
        gate=load_gate(rules.gate),
        stage=rules.stage,
        planned_steps=rules.planned_steps,
        config=asked.config,
        dialect=asked.dialect,
        cross_check=asked.cross_check,
        baseline=baseline,
        before=(
            *(() if live_stop is None else (live_stop.finding,)),
            *_gain(own_run(directory), rules),
        ),
        read=None if asked.second_reader is None else asked.second_reader.read,
        meanwhile=meanwhile,
    )
    return _with_live_stop(judgement, live_stop)


def _gain(run: Path | None, rules: Rules) -> tuple[Finding, ...]:
    """Say what a run of a pipeline bought."""
    if pipeline_of(run) is None:
        return ()
    from flows.judging.stages_afresh import gain_of

    return gain_of(run, rules)
