"""Judges the seeds of one stage together from what stands on disk, and writes what came out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from flows.errors import UsageError, writing
from flows.judging.joint_context import joint_context
from flows.records.group_dir import GroupDirectory
from flows.records.group_record import JointRecord
from flows.records.json_file import utc_now
from flows.records.pipeline_record import RunRecord
from flows.records.recipe import recipe_hash
from flows.records.run_dir import PipelineDirectory
from flows.records.stored_result import JOINT_FILE, read_joint, read_result
from flows.settings.plan import StagePlan
from flows.training.warm_start import warm_started
from gates.checks.gate_file import load_gate
from gates.files import write_atomically
from gates.progress import StageState
from gates.seeds import result_file as joint_file
from gates.seeds.judge import judge_seeds
from gates.seeds.result import JointResult, SeedRun, SeedsAnswer
from gates.seeds.scores import seed_score
from gates.sign_flips import Looks
from reports.seeds.joint import write_joint_report


@dataclass(frozen=True, kw_only=True)
class SeedOnDisk:
    """The newest run of a stage in one seed's pipeline directory."""

    seed: int
    run: RunRecord | None
    folder: Path | None
    """Of that run."""
    outdated: bool
    """The run is not of the recipe that this stage has now."""


def seed_on_disk(group: GroupDirectory, seed: int, stage: StagePlan) -> SeedOnDisk:
    """Look up the newest run of a stage of one seed; `stage` is that seed's plan.

    Raises:
        UsageError: The seed's pipeline.json cannot be understood.
    """
    directory = PipelineDirectory.view(group.seed_path(seed))
    run = directory.record.last(stage.name) if directory is not None else None
    if directory is None or run is None:
        return SeedOnDisk(seed=seed, run=None, folder=None, outdated=False)
    try:
        # What a seed begins with is part of its recipe.
        stage = warm_started(stage, directory, check=False)
    except UsageError:
        outdated = True
    else:
        outdated = run.recipe != recipe_hash(stage)
    folder = directory.folder_of(stage.name, run)
    return SeedOnDisk(seed=seed, run=run, folder=folder, outdated=outdated)


def judge_jointly(
    group: GroupDirectory,
    stages: Mapping[int, StagePlan],
    *,
    failed_before: Mapping[int, str],
    broken: Mapping[int, str],
    looks: Looks | None = None,
) -> JointRecord:
    """Judge a stage over all seeds; write joint.json, report.md and the plot, and record the verdict.

    Args:
        group: The open group directory.
        stages: The stage's plan of each seed.
        failed_before: Seeds that an earlier stage ended, with its verdict.
        broken: Seeds whose training did not end as it should just now, with the reason.
        looks: The rounds in which seeds were added until it was decided.

    Raises:
        OutputError: The group's folder cannot be written.
    """
    stage = next(iter(stages.values()))
    gate = load_gate(stage.gate)
    found, result = _judged(group, stages, failed_before, broken, looks)
    spent = [seed.run.training_s for seed in found.values() if seed.run and seed.run.training_s]
    folder = group.new_folder(stage.name)
    record = JointRecord(
        joint=folder.name,
        verdict=result.verdict,
        deciding=result.deciding,
        judged_at=utc_now(),
        seeds_needed=str(gate.seeds_needed),
        gate_sha256=gate.sha256,
        runs={seed: (at.run.run if at.run else "") for seed, at in found.items()},
        training_s=sum(spent) if spent else None,
    )
    with writing("The joint report", folder):
        write_atomically(folder / JOINT_FILE, joint_file.to_json(result))
        write_joint_report(joint_context(group, record, result), folder)
    group.save_entry(stage, record)
    return record


def answer_so_far(
    group: GroupDirectory,
    stages: Mapping[int, StagePlan],
    *,
    failed_before: Mapping[int, str],
    broken: Mapping[int, str],
    looks: Looks,
) -> SeedsAnswer:
    """Say whether the seeds trained so far decide the joint verdict; writes nothing."""
    _, result = _judged(group, stages, failed_before, broken, looks)
    assert result.answer is not None, "looks were given"
    return result.answer


def _judged(
    group: GroupDirectory,
    stages: Mapping[int, StagePlan],
    failed_before: Mapping[int, str],
    broken: Mapping[int, str],
    looks: Looks | None,
) -> tuple[dict[int, SeedOnDisk], JointResult]:
    stage = next(iter(stages.values()))
    found = {seed: seed_on_disk(group, seed, plan) for seed, plan in stages.items()}
    runs = [
        _seed_run(found[seed], stage, group.path, failed_before.get(seed, ""), broken.get(seed, ""))
        for seed in sorted(found)
    ]
    needed = load_gate(stage.gate).seeds_needed
    return found, judge_seeds(runs, stage=stage.name, needed=needed, looks=looks)


def show_joint(group: GroupDirectory, stage: str, name: str) -> None:
    """Write the report of a joint judgement again; without a readable joint.json it stays as it is.

    Raises:
        OutputError: The group's folder cannot be written.
    """
    folder, record = group.path / stage / name, group.record.entry(stage, name)
    result = read_joint(folder)
    if record is None or result is None:
        return
    with writing("The joint report", folder):
        write_joint_report(joint_context(group, record, result), folder)


def _seed_run(
    at: SeedOnDisk, stage: StagePlan, group: Path, failed_before: str, broken: str
) -> SeedRun:
    run = at.run
    if broken:
        return SeedRun(seed=at.seed, missing=broken)
    if run is None or at.folder is None:
        missing = "" if failed_before else "it was not trained"
        return SeedRun(seed=at.seed, failed_before=failed_before, missing=missing)
    name = str(at.folder.relative_to(group))
    if not run.state.judged:
        why = f"{run.run} {_state_words(run.state)}{f': {run.message}' if run.message else ''}"
        return SeedRun(seed=at.seed, run=name, missing=why)
    result = read_result(at.folder)
    if result is None or result.verdict.value != run.state.value:
        why = f"{run.run} holds no verdict that agrees with pipeline.json"
        return SeedRun(seed=at.seed, run=name, missing=why)
    if failed_before and at.outdated:
        return SeedRun(seed=at.seed, failed_before=failed_before)
    return SeedRun(
        seed=at.seed,
        run=name,
        result=result,
        score=seed_score(run.evaluations, result.planned_steps or stage.steps),
        outdated=at.outdated,
    )


def _state_words(state: StageState) -> str:
    return {
        StageState.RUNNING: "is not finished",
        StageState.CRASHED: "crashed",
        StageState.CANCELLED: "was cancelled",
    }.get(state, f"is {state.value}")
