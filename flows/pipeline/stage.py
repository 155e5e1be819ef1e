"""One stage: kept from an earlier run, or trained, judged and reported; the verdict is data."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from flows.decisions.judged import Judged
from flows.judging.judge_run import Judged as JudgedRun
from flows.judging.judge_run import judge_directory
from flows.judging.pipeline_report import save_pipeline_report
from flows.judging.rules import Asked, Rules
from flows.judging.stage_context import baseline_of, stage_context
from flows.judging.until_decided import judge_until_decided
from flows.pipeline.outcome import StageOutcome
from flows.records.decisions import newest_decision
from flows.records.json_file import utc_now
from flows.records.pipeline_record import RunRecord
from flows.records.recipe import recipe_hash
from flows.records.run_dir import PipelineDirectory
from flows.records.stored_result import read_result
from flows.records.trainer_files import newest_checkpoint
from flows.settings.plan import StagePlan
from flows.settings.warm_start import warm_start_words
from flows.training.health.needs import refuse_what_cannot_fit
from flows.training.interrupted import noted_as_finished, trained_already
from flows.training.progress import Reporter
from flows.training.stage_training import train_stage
from flows.training.trainers.command import CommandTrainer
from gates.checks.gate_file import load_gate
from gates.errors import GatesError
from gates.progress import StageState
from gates.runs.ended_early import read_ended_early
from reports.stage.sections.evaluations import evaluation_points

_ONE_AT_A_TIME = threading.Lock()
"""Seeds are judged in threads, but warning filters and matplotlib belong to the whole process."""


def reason_to_train(
    stage: StagePlan, directory: PipelineDirectory, *, waited_by: str = ""
) -> str | None:
    """Say why the stage must be trained; None when its newest run can be kept.

    For exactly this recipe and these gate rules, these are kept: a GO, a CONDITIONAL unless a person
    rejected it, a NO_GO only if a person overrode it. The flow run `waited_by`, which waited for
    the rejection, ends with it and does not train again.
    """
    run = directory.record.last(stage.name)
    if run is None:
        return "it was not run yet"
    decision = newest_decision(directory.folder_of(stage.name, run))
    if run.state is StageState.CONDITIONAL:
        heard = run.waits is not None and run.waits.flow_run == waited_by != ""
        if decision is not None and not decision.goes_on and not heard:
            return f"{decision.by} rejected {run.run}: {decision.reason}"
    elif run.state is not StageState.GO and not (run.state is StageState.NO_GO and decision):
        return f"{run.run} ended {run.state.value}"
    return other_than(stage, run, directory.folder_of(stage.name, run))


def other_than(stage: StagePlan, run: RunRecord, folder: Path) -> str | None:
    """Say why a judged run is not one of this recipe and these rules; None when it is."""
    if run.recipe != recipe_hash(stage):
        return f"the recipe is not that of {run.run}"
    if run.gate_sha256 != load_gate(stage.gate).sha256:
        return f"the gate's rules changed since {run.run}"
    ended = read_ended_early(folder)
    if ended is not None and ended.rule != stage.long.early_stop.rule:
        return f"{run.run} was ended early by another rule than the stage's"
    result = read_result(folder)
    if result is None or result.verdict.value != run.state.value:
        return f"{run.run} holds no verdict that agrees with pipeline.json"
    return None


def train(
    stage: StagePlan,
    directory: PipelineDirectory,
    reporter: Reporter,
    *,
    note: str = "",
    expectation: str = "",
) -> Path:
    """Train the stage in a new run folder and return it.

    Raises:
        TrainingBrokenError: The training did not end as it should.
        UsageError: Its replay and checkpoints cannot fit into memory or onto the disk.
        OutputError: The run's folder cannot be written.
    """
    refuse_what_cannot_fit(stage, directory.path)
    run = directory.new_run(stage, recipe=recipe_hash(stage), note=note, expectation=expectation)
    warm = stage.request.get("warm_start")
    begins = f", starting from {warm_start_words(warm)}" if warm else ""
    reporter.say(f"{stage.name}: training {stage.steps:,} steps in {run}{begins}")
    return _train(stage, run, directory, reporter)


def resume(
    stage: StagePlan, run: RunRecord, directory: PipelineDirectory, reporter: Reporter
) -> Path:
    """Resume an interrupted training in its own run folder and return the folder.

    Raises:
        TrainingBrokenError: The training did not end as it should.
        UsageError: Its replay and checkpoints cannot fit into memory or onto the disk.
        OutputError: The run's folder cannot be written.
    """
    folder = directory.folder_of(stage.name, run)
    if trained_already(stage, run, folder):
        directory.save_entry(stage, noted_as_finished(stage, run, folder))
        reporter.say(
            f"{stage.name}: {run.run} was trained to its end but not judged; it is judged now, "
            "not trained again"
        )
        return folder
    reporter.say(f"{stage.name}: resuming {folder} {_beginning(stage, folder)}")
    there_mib = sum(p.stat().st_size for p in folder.glob("checkpoints/*")) / 2**20
    refuse_what_cannot_fit(stage, folder, there_mib=there_mib)
    # Should the trainer's source have changed, the verdict will be of what is run now.
    update = {
        "state": StageState.RUNNING,
        "message": "",
        "recipe": recipe_hash(stage),
        "ended_at": None,
        "deciding": "",
    }
    directory.save_entry(stage, run.model_copy(update=update))
    return _train(stage, folder, directory, reporter, resume=True)


def _beginning(stage: StagePlan, folder: Path) -> str:
    if stage.trainer is not None:
        return CommandTrainer(folder, stage, stage.trainer).outlook()
    checkpoint = newest_checkpoint(folder)
    return f"from {'the start' if checkpoint is None else f'the checkpoint of step {checkpoint:,}'}"


def _train(
    stage: StagePlan,
    folder: Path,
    directory: PipelineDirectory,
    reporter: Reporter,
    *,
    resume: bool = False,
) -> Path:
    """Train, with the report of all stages up to date when it begins and however it ends."""
    save_pipeline_report(directory)
    try:
        train_stage(stage, folder, directory, reporter, resume=resume)
    except BaseException:
        save_pipeline_report(directory)
        raise
    return folder


def judge(
    stage: StagePlan,
    folder: Path,
    directory: PipelineDirectory,
    say: Callable[[str], None] = lambda _: None,
) -> StageOutcome:
    """Judge a trained run, write its report and record the verdict.

    Args:
        stage: The stage.
        folder: The run.
        directory: The pipeline.
        say: Told when more episodes are run because something is not decided.

    Raises:
        GatesError: The run left nothing that can be judged.
        OutputError: The report cannot be written.
    """
    run = next(r for r in directory.record.stages[stage.name].runs if r.run == folder.name)

    def judged_once() -> JudgedRun:
        with _ONE_AT_A_TIME:
            return judge_directory(
                folder,
                Rules(stage=stage.name, gate=stage.gate, planned_steps=stage.steps),
                Asked(),
                out=folder,
                context=lambda judgement: stage_context(stage.name, run, directory, judgement),
                baseline=baseline_of(directory, stage.name),
                live_stop=run.live_stop,
            )

    try:
        judged = judge_until_decided(stage, folder, judged_once, training_s=run.training_s, say=say)
    except BaseException as error:
        _record_unjudged(stage, run, directory, error)
        raise
    result = judged.judgement.result
    done = {
        "state": StageState(result.verdict.value),
        "ended_at": utc_now(),
        "deciding": result.deciding,
        "gate_sha256": result.gate_sha256,
        "decision": None,
        "evaluations": evaluation_points(judged.judgement.log),
    }
    directory.save_entry(stage, run.model_copy(update=done))
    save_pipeline_report(directory)
    return StageOutcome.of(Judged(directory, stage.name, folder.name))


def _record_unjudged(
    stage: StagePlan, run: RunRecord, directory: PipelineDirectory, error: BaseException
) -> None:
    expected = isinstance(error, (GatesError, OSError))
    message = f"Not judged: {error}" if expected else f"Not judged: {type(error).__name__}: {error}"
    state = StageState.CRASHED if isinstance(error, Exception) else StageState.CANCELLED
    update = {"state": state, "ended_at": utc_now(), "message": message}
    directory.save_entry(stage, run.model_copy(update=update))
    save_pipeline_report(directory)
