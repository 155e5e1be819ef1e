"""Judges a directory and writes gate.json and the report beside each other."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from flows.errors import OutputError
from flows.judging.rules import live_stop_of, own_run, rules_for
from flows.records.pipeline_record import LiveStopRecord
from flows.records.state_record import utc_now
from flows.records.stored_result import GATE_FILE
from gates.checks.gate_file import load_gate
from gates.findings import GateResult
from gates.judge import Judgement, judge
from gates.second_reader.process import SecondReader
from reports.context import StageContext
from reports.losses import Losses
from reports.stage.plots import PlotFile, same_plots


@dataclass(frozen=True, kw_only=True)
class Judged:
    """A judgement and where it was written."""

    judgement: Judgement
    report: Path
    gate_json: Path


def judge_directory(
    directory: Path,
    *,
    stage: str,
    gate: str | Path,
    planned_steps: int | None,
    out: Path,
    context: Callable[[Judgement], StageContext],
    config: Path | None = None,
    dialect: Path | None = None,
    cross_check: bool = True,
    baseline: GateResult | None = None,
    live_stop: LiveStopRecord | None = None,
    second_reader: SecondReader | None = None,
) -> Judged:
    """Judge the event files below `directory`; write gate.json, report.md and plots into `out`.

    Args:
        directory: Run directory of our trainer or of another one.
        stage: Name that the result bears.
        gate: Name in config/gates or a path.
        planned_steps: What the run was meant to reach; None when nobody knows.
        out: Folder for the results, created when missing; earlier results there are replaced.
        context: Makes what the report shows besides the judgement; when it breaks, the report says so.
        config: What another trainer was meant to do.
        dialect: Tag names of another trainer.
        cross_check: Read everything a second time with an independent reader.
        baseline: An earlier GO to compare with.
        live_stop: The live gate stopped the training, which makes the verdict a NO_GO.
        second_reader: Process that reads for the cross-check while plots are drawn here.

    Raises:
        GatesError: The directory or a configuration file cannot be used.
        OutputError: `out` cannot be written or the disk is full.
    """
    from gates import result_file as gate_file
    from reports.stage.markdown import plots_for, write_stage_report

    def shown(judgement: Judgement) -> StageContext:
        losses = Losses()
        bare = StageContext(title=f"{directory.resolve().name}, {stage}", generated_at=utc_now())
        collected = losses.guard(
            "What the report shows besides the verdict", lambda: context(judgement), bare
        )
        return replace(collected, lost=(*collected.lost, *losses.sentences))

    drawn: list[tuple[Judgement, tuple[PlotFile, ...]]] = []

    def draw(judgement: Judgement) -> None:
        early = _with_live_stop(judgement, live_stop)
        drawn.append((early, plots_for(early, shown(early))))

    judgement = _with_live_stop(
        judge(
            directory,
            gate=load_gate(gate),
            stage=stage,
            planned_steps=planned_steps,
            config=config,
            dialect=dialect,
            cross_check=cross_check,
            baseline=baseline,
            before=() if live_stop is None else (live_stop.finding,),
            read=None if second_reader is None else second_reader.read,
            meanwhile=draw,
        ),
        live_stop,
    )
    plots = next(
        (plots for early, plots in drawn if same_plots(early.result, judgement.result)), None
    )
    try:
        out.mkdir(parents=True, exist_ok=True)
        gate_file.write(judgement.result, out / GATE_FILE)
        report = write_stage_report(judgement, shown(judgement), out, plots)
    except OSError as error:
        raise OutputError.from_os_error("The report", out, error) from error
    return Judged(judgement=judgement, report=report, gate_json=out / GATE_FILE)


def _with_live_stop(judgement: Judgement, live_stop: LiveStopRecord | None) -> Judgement:
    """Let the live gate decide when it stopped the run, however grave other findings are."""
    if live_stop is None:
        return judgement
    stopped = live_stop.finding
    result = replace(
        judgement.result, deciding=f"{stopped.statement}.", deciding_check=stopped.check
    )
    return replace(judgement, result=result)


def free_judgement_folder(run: Path) -> Path:
    """Return where a further judgement of one of our runs goes; the first one is never replaced."""
    if not (run / GATE_FILE).exists():
        return run
    candidates = (run / f"rejudged-{number:03d}" for number in itertools.count(1))
    return next(folder for folder in candidates if not folder.exists())


def judge_without_writing(
    directory: Path,
    *,
    stage: str | None = None,
    gate: str | Path | None = None,
    planned_steps: int | None = None,
    config: Path | None = None,
    dialect: Path | None = None,
    cross_check: bool = True,
    second_reader: SecondReader | None = None,
) -> Judgement:
    """Judge a directory by what is given, else by what the run says of itself.

    The result is the one that `judge_directory` writes for the same run and rules.

    Raises:
        UsageError: No stage is given and the run names none.
        ConfigError: The stage is unknown.
        GatesError: The directory or a configuration file cannot be used.
    """
    run = own_run(directory)
    rules = rules_for(run, stage=stage, gate=gate, planned_steps=planned_steps)
    live_stop = live_stop_of(run, stage=rules.stage, planned_steps=rules.planned_steps)
    judgement = judge(
        directory,
        gate=load_gate(rules.gate),
        stage=rules.stage,
        planned_steps=rules.planned_steps,
        config=config,
        dialect=dialect,
        cross_check=cross_check,
        before=() if live_stop is None else (live_stop.finding,),
        read=None if second_reader is None else second_reader.read,
    )
    return _with_live_stop(judgement, live_stop)
