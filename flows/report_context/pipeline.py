"""Keeps report.md of the pipeline up to date with what pipeline.json says."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

from flows.errors import OutputError
from flows.records.json_file import read_json
from flows.records.pipeline_record import PipelineRecord, StageRecord
from flows.records.run_dir import PipelineDirectory
from flows.records.state_record import utc_now
from flows.records.stored_result import read_result
from flows.report_context.stage import decision_note, next_stage, stage_commands
from flows.settings.setting_files import known_stages
from flows.settings.shell_path import shell_path
from gates.files import write_atomically
from gates.progress import StageState
from reports.context import Command, PipelineContext, PipelineStage
from reports.losses import Losses
from reports.pipeline import render_pipeline_markdown
from reports.stage.markdown import REPORT_NAME
from reports.text.escaping import escape_markdown


def save_pipeline_report(directory: PipelineDirectory) -> Path:
    """Write report.md of the pipeline; where collecting or rendering breaks, one that lists the verdicts alone.

    Raises:
        OutputError: The folder cannot be written or the disk is full.
    """
    path, losses = directory.path / REPORT_NAME, Losses()
    text = losses.guard(
        "The full report", lambda: render_pipeline_markdown(pipeline_context(directory)), ""
    )
    try:
        write_atomically(path, text or _plain(directory.record, losses.sentences))
        return path
    except OSError as error:
        raise OutputError.from_os_error("The pipeline's report", directory.path, error) from error


def _plain(record: PipelineRecord, lost: Sequence[str]) -> str:
    """List the newest verdict of each stage without a template."""
    lines = [f"# {escape_markdown(record.preset)}, seed {record.seed}", "", *lost]
    for name, stage in record.stages.items():
        run = stage.runs[-1]
        deciding = escape_markdown(run.deciding or run.message)
        lines.append(f"- {escape_markdown(name)} {run.run} {run.state.value}: {deciding}")
    return "\n".join([*lines, ""])


def pipeline_context(directory: PipelineDirectory) -> PipelineContext:
    """Collect what the pipeline's report shows."""
    record = directory.record
    stages = tuple(
        _stage(name, planned, record.stages.get(name), directory)
        for name, planned in _order(record).items()
    )
    return PipelineContext(
        title=f"{record.preset}, seed {record.seed}",
        generated_at=utc_now(),
        stages=stages,
        preset=record.preset,
        seed=record.seed,
        next_commands=_commands(stages, directory),
        git_revision=_revision(directory),
        versions={"gonogo": gonogo_version()},
    )


def _order(record: PipelineRecord) -> dict[str, int]:
    """Return planned steps by stage: those asked for, then those that were run besides."""
    planned = {stage.name: stage.steps for stage in known_stages(record.stages_asked)}
    for name, stage_record in record.stages.items():
        planned[name] = stage_record.planned_steps
    return planned


def _stage(
    name: str, planned: int, record: StageRecord | None, directory: PipelineDirectory
) -> PipelineStage:
    if record is None or not record.runs:
        return PipelineStage(name=name, planned_steps=planned, state=StageState.NOT_STARTED)
    run = record.runs[-1]
    judged = run.state.judged
    return PipelineStage(
        name=name,
        planned_steps=planned,
        state=run.state,
        result=read_result(directory.folder_of(name, run)) if judged else None,
        report_path=f"{name}/{run.run}/{REPORT_NAME}" if judged else None,
        decision=None if run.decision is None else decision_note(run.decision),
        waits_until=(run.waits.until or "") if run.waits else "",
        duration_s=run.training_s,
        message=run.message,
        evaluations=run.evaluations,
    )


def _commands(
    stages: tuple[PipelineStage, ...], directory: PipelineDirectory
) -> tuple[Command, ...]:
    for stage in stages:
        run = directory.record.last(stage.name)
        if stage.state in (StageState.GO, StageState.RUNNING):
            continue
        if stage.result is not None and run is not None:
            following = next_stage(stage.name, directory.record)
            if run.decision is not None and run.decision.goes_on and following is not None:
                continue
            folder = directory.folder_of(stage.name, run)
            return stage_commands(
                stage.result.verdict, folder, following, directory.path, run.decision
            )
        text = f"gonogo run --out {shell_path(directory.path)}"
        purpose = "go on, keeping what was passed with the same recipe"
        if stage.state in (StageState.CRASHED, StageState.CANCELLED):
            again = Command(text=text, purpose=f"or train {stage.name} anew")
            resumed = f"go on with {stage.name} from its newest checkpoint"
            return (Command(text=f"{text} --resume", purpose=resumed), again)
        return (Command(text=text, purpose=purpose),)
    return ()


def _revision(directory: PipelineDirectory) -> str | None:
    for name, stage in reversed(list(directory.record.stages.items())):
        run = read_json(directory.path / name / stage.runs[-1].run / "run.json")
        if run and isinstance(run.get("git_revision"), str):
            return str(run["git_revision"])
    return None


def gonogo_version() -> str:
    """Return the installed version, for the foot of reports."""
    try:
        return metadata.version("gonogo")
    except metadata.PackageNotFoundError:
        return "unknown"
