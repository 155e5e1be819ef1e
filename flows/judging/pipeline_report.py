"""Keeps report.md of a pipeline, or of several seeds, up to date with its state file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from flows.errors import writing
from flows.judging.joint_context import joint_context
from flows.judging.next_commands import next_commands, next_stage
from flows.judging.stage_context import decision_note
from flows.judging.stages_afresh import stage_afresh
from flows.records.command_run import gonogo_version
from flows.records.group_dir import GroupDirectory, seed_folder
from flows.records.group_record import GroupRecord, JointRecord
from flows.records.json_file import read_json, utc_now
from flows.records.pipeline_record import RunRecord
from flows.records.run_dir import PipelineDirectory, read_record
from flows.records.stored_result import RUN_FILE, read_joint, read_result
from flows.settings.seeds import seeds_text
from flows.settings.setting_files import known_stages
from flows.settings.shell_path import shell_path
from flows.training.process.attempt_ends import JUDGED
from gates.audit.stages_before import StageAfresh
from gates.errors import InputError
from gates.files import write_atomically
from gates.progress import StageState
from gates.seeds.result import JointResult
from reports.context import Command, JointContext, PipelineContext, PipelineStage
from reports.losses import Losses
from reports.pipeline import render_pipeline_markdown, write_pipeline_plot
from reports.stage.markdown import REPORT_NAME
from reports.text.escaping import escape_markdown

Directory = PipelineDirectory | GroupDirectory
_TRAINED = frozenset(end.value for end in JUDGED)
"""Ends of an attempt after which only the verdict is missing."""


def save_pipeline_report(directory: Directory) -> Path:
    """Write report.md of a pipeline or a group; where it cannot be made, one that lists the verdicts alone.

    Raises:
        OutputError: The folder cannot be written or the disk is full.
    """
    path, losses = directory.path / REPORT_NAME, Losses()

    def render() -> str:
        context = pipeline_context(directory)
        plot = losses.guard("The plot", lambda: write_pipeline_plot(context, directory.path), None)
        return render_pipeline_markdown(context, plot)

    text = losses.guard("The full report", render, "")
    with writing("The pipeline's report", directory.path):
        write_atomically(path, text or _plain(directory, losses.sentences))
        return path


def _plain(directory: Directory, lost: Sequence[str]) -> str:
    """List the newest verdict of each stage without a template."""
    lines = [f"# {escape_markdown(_title(directory))}", "", *lost]
    for name in directory.record.stages:
        entry = directory.record.last(name)
        if entry is not None:
            state, message = _state(entry)
            reason = escape_markdown(entry.deciding or message)
            lines.append(f"- {escape_markdown(name)} {entry.name} {state.value}: {reason}")
    return "\n".join([*lines, ""])


def pipeline_context(directory: Directory) -> PipelineContext:
    """Collect what the report of a pipeline or a group shows."""
    record = directory.record
    # The stages that were asked for, then those that were run besides.
    planned = {stage.name: stage.steps for stage in known_stages(record.stages_asked)}
    planned |= {name: stage.planned_steps for name, stage in record.stages.items()}
    stages = tuple(_stage(directory, name, steps) for name, steps in planned.items())
    newest = _newest(directory, stages) if isinstance(directory, GroupDirectory) else None
    return PipelineContext(
        title=_title(directory),
        generated_at=utc_now(),
        stages=stages,
        preset=record.preset,
        seed=None if isinstance(record, GroupRecord) else record.seed,
        newest=newest,
        next_commands=newest.next_commands if newest is not None else _commands(stages, directory),
        git_revision=_revision(directory, newest),
        versions={"gonogo": gonogo_version()},
    )


def _title(directory: Directory) -> str:
    record = directory.record
    if isinstance(record, GroupRecord):
        return f"{record.preset}, seeds {seeds_text(record.seeds)}"
    return f"{record.preset}, seed {record.seed}"


def _state(entry: RunRecord | JointRecord) -> tuple[StageState, str]:
    """Return state and message of an entry."""
    if isinstance(entry, RunRecord):
        return entry.state, entry.message
    return StageState(entry.verdict.value), entry.deciding


def _stage(directory: Directory, name: str, planned: int) -> PipelineStage:
    entry = directory.record.last(name)
    if entry is None:
        return PipelineStage(name=name, planned_steps=planned, state=_unjudged(directory, name))
    folder = directory.path / name / entry.name
    result = read_result(folder) if isinstance(entry, RunRecord) else read_joint(folder)
    state, message = _state(entry)
    return PipelineStage(
        name=name,
        planned_steps=planned,
        state=state,
        result=result if state.judged else None,
        report_path=f"{name}/{entry.name}/{REPORT_NAME}" if state.judged else None,
        decision=None if entry.decision is None else decision_note(entry.decision),
        waits_until=(entry.waits.until or "") if entry.waits else "",
        duration_s=entry.training_s,
        message=message,
        evaluations=entry.evaluations if isinstance(entry, RunRecord) else (),
        afresh=_afresh(folder) if isinstance(entry, RunRecord) else None,
    )


def _afresh(run: Path) -> StageAfresh | None:
    """Read the evaluation afresh; a record that cannot be used is said in the stage's own report."""
    try:
        return stage_afresh(run)
    except InputError:
        return None


def _unjudged(directory: Directory, name: str) -> StageState:
    """Return the state of a stage without an entry: of several seeds some may be at it."""
    seeds = directory.record.seeds if isinstance(directory.record, GroupRecord) else ()
    records = (read_record(seed_folder(directory.path, seed)) for seed in seeds)
    running = any(record is not None and record.last(name) is not None for record in records)
    return StageState.RUNNING if running else StageState.NOT_STARTED


def _newest(group: GroupDirectory, stages: Sequence[PipelineStage]) -> JointContext | None:
    for stage in reversed(stages):
        joint = group.record.last(stage.name)
        if joint is not None and isinstance(stage.result, JointResult):
            return joint_context(group, joint, stage.result, levels_up=".")
    return None


def _commands(stages: tuple[PipelineStage, ...], directory: Directory) -> tuple[Command, ...]:
    for stage in stages:
        run = directory.record.last(stage.name)
        if stage.state in (StageState.GO, StageState.RUNNING):
            continue
        if stage.result is not None and run is not None:
            if run.may_go_on and next_stage(stage.name, directory.record) is not None:
                continue
            verdict = stage.result.verdict
            return next_commands(
                directory, stage.name, run.name, verdict=verdict, decision=run.decision
            )
        text = f"gonogo run --out {shell_path(directory.path)}"
        purpose = "go on, keeping what was passed with the same recipe"
        if stage.state in (StageState.CRASHED, StageState.CANCELLED):
            resumed = f"go on with {stage.name}, from its newest checkpoint where there is one"
            if isinstance(run, RunRecord) and run.attempts and run.attempts[-1].end in _TRAINED:
                resumed = f"judge {stage.name}, which is trained already"
            return (
                Command(text=f"{text} --resume", purpose=resumed),
                Command(
                    text=f"gonogo stage {stage.name} --out {shell_path(directory.path)}",
                    purpose=f"or train {stage.name} anew",
                ),
            )
        return (Command(text=text, purpose=purpose),)
    return ()


def _revision(directory: Directory, newest: JointContext | None) -> str | None:
    """Return the trainer's revision in the newest run that tells one."""
    runs = [Path(name, stage.entries[-1].name) for name, stage in directory.record.stages.items()]
    if newest is not None:
        runs = [Path(seed.run) for seed in newest.result.seeds if seed.run]
    told = (read_json(directory.path / run / RUN_FILE) or {} for run in reversed(runs))
    return next(
        (own["git_revision"] for own in told if isinstance(own.get("git_revision"), str)), None
    )
