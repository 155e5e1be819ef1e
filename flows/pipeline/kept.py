"""What is there already: verdicts that can be kept or overridden, seeds that failed at an earlier stage."""

from __future__ import annotations

from collections.abc import Mapping

from flows.decisions.judged import Judged
from flows.decisions.waiting import note_decision, record_decision
from flows.errors import UsageError
from flows.judging.joint_judgement import seed_on_disk
from flows.pipeline.outcome import StageOutcome
from flows.pipeline.request import RunRequest
from flows.pipeline.stage import other_than
from flows.records.decisions import Signed, newest_decision
from flows.records.group_dir import GroupDirectory
from flows.records.group_record import JointRecord
from flows.records.pipeline_record import RunRecord
from flows.records.run_dir import PipelineDirectory
from flows.records.stored_result import read_joint
from flows.settings.plan import PipelinePlan, StagePlan
from flows.settings.run_options import Existing
from flows.settings.setting_files import known_stages
from flows.training.warm_start import warm_started
from gates.checks.gate_file import load_gate
from gates.findings import Verdict
from gates.progress import StageState


def kept_outcome(directory: PipelineDirectory | GroupDirectory, stage: str) -> StageOutcome:
    """Return how a stage ended whose newest judgement is kept, with what a person decided about it since."""
    entry = directory.record.last(stage)
    assert entry is not None, "a judgement was found"
    judged = Judged(directory, stage, entry.name)
    note_decision(judged)
    return StageOutcome.of(judged, kept=True)


def failed_before(stage: str, group: GroupDirectory) -> dict[int, str]:
    """Return the seeds that an earlier stage ended, each with how: `NO_GO at 5k`."""
    names = [known.name for known in known_stages(group.record.stages_asked)]
    failed: dict[int, str] = {}
    for name in names[: names.index(stage)] if stage in names else []:
        joint = group.record.last(name)
        result = read_joint(group.folder_of(name, joint)) if joint is not None else None
        if joint is None or result is None:
            continue
        for seed in result.seeds:
            if seed.verdict not in _passing(joint) and seed.seed not in failed:
                word = seed.verdict.value if seed.verdict else "no verdict"
                failed[seed.seed] = f"{word} at {name}"
    return failed


def _passing(joint: JointRecord) -> tuple[Verdict, ...]:
    """Return the verdicts with which a seed enters the next stage."""
    if joint.decision is None or not joint.decision.goes_on:
        return (Verdict.GO,)
    if joint.verdict is Verdict.NO_GO:
        return tuple(Verdict)
    return (Verdict.GO, Verdict.CONDITIONAL)


def kept_joint(
    stages: Mapping[int, StagePlan], group: GroupDirectory, request: RunRequest
) -> JointRecord | None:
    """Return the newest joint judgement if it can be kept: same runs, same recipe, same rules.

    A GO is kept, a CONDITIONAL unless a person rejected it, a NO_GO only if a person overrode it.
    Seeds without a verdict are trained first, unless a person decided without them.
    """
    stage = next(iter(stages.values()))
    record = group.record.last(stage.name)
    if request.existing == "retrain" or record is None:
        return None
    decision = newest_decision(group.folder_of(stage.name, record))
    if decision is not None and not decision.goes_on:
        return None
    result = read_joint(group.folder_of(stage.name, record))
    open_ = result is None or bool(result.with_verdict(None))
    if decision is None and (record.verdict is Verdict.NO_GO or open_):
        return None
    return record if same_runs(record, stages, group) else None


def same_runs(record: JointRecord, stages: Mapping[int, StagePlan], group: GroupDirectory) -> bool:
    """Return whether a joint judgement is about the seeds' newest runs, this recipe and these rules."""
    stage = next(iter(stages.values()))
    gate = load_gate(stage.gate)
    result = read_joint(group.folder_of(stage.name, record))
    rules = (record.gate_sha256, record.seeds_needed)
    if (
        result is None
        or result.verdict is not record.verdict
        or rules != (gate.sha256, str(gate.seeds_needed))
        or set(record.runs) != set(stages)
    ):
        return False
    found = (seed_on_disk(group, seed, plan) for seed, plan in stages.items())
    return all(
        not at.outdated and (at.run.run if at.run else "") == record.runs[at.seed] for at in found
    )


def override_no_go(
    directory: PipelineDirectory | GroupDirectory,
    plans: Mapping[int, PipelinePlan],
    stage: str,
    signature: Signed,
) -> None:
    """Record that a person overrides the NO_GO that a stage ended with, once for the same person and reason.

    Only a verdict that stands can be overridden: nobody overrides what was not read yet.

    Raises:
        UsageError: There is no NO_GO of this recipe and these rules, or no such stage.
        OutputError: The decision cannot be written.
    """
    stages = stage_of_each_seed(plans, stage)
    entry = directory.record.last(stage)
    if entry is None:
        raise _no_override(stage, "it was not judged yet")
    if entry.verdict is not Verdict.NO_GO:
        ended = entry.verdict.value if entry.verdict else "without a verdict"
        raise _no_override(stage, f"{entry.name} ended {ended}")
    judged = Judged(directory, stage, entry.name)
    why_not = _other_than_planned(judged, stages)
    if why_not is not None:
        raise _no_override(stage, why_not)
    newest = newest_decision(judged.folder)
    if newest is None or (newest.by, newest.reason) != (signature.by, signature.reason):
        record_decision(judged.folder, signature, kind="overridden", way="setting")
        judged.show()


def _other_than_planned(judged: Judged, stages: Mapping[int, StagePlan]) -> str | None:
    """Say why a judgement is not one of these recipes and rules; None when it is."""
    directory, entry = judged.directory, judged.entry
    if isinstance(directory, PipelineDirectory):
        assert isinstance(entry, RunRecord)
        (stage,) = stages.values()
        return other_than(warm_started(stage, directory), entry, judged.folder)
    assert isinstance(entry, JointRecord)
    same = same_runs(entry, stages, directory)
    return None if same else f"{entry.name} is about other runs or rules"


def _no_override(stage: str, why_not: str) -> UsageError:
    return UsageError(
        f"There is no NO_GO of {stage} to override: {why_not}. Only a verdict that stands can be "
        "overridden."
    )


def stage_of_each_seed(plans: Mapping[int, PipelinePlan], name: str) -> dict[int, StagePlan]:
    """Return the plan of one stage of each seed.

    Raises:
        UsageError: There is no such stage.
    """
    found = {seed: s for seed, plan in plans.items() for s in plan.stages if s.name == name}
    if not found:
        names = ", ".join(stage.name for stage in next(iter(plans.values())).stages)
        raise UsageError(f"There is no stage {name}; there are {names}.")
    return found


def to_do(
    seed: int, stage: StagePlan, group: GroupDirectory, request: RunRequest
) -> Existing | None:
    """Choose what to do with a seed, so that nothing is trained twice without a reason; None: nothing.

    A NO_GO counts if no joint judgement has seen it yet: a group that was interrupted after one seed failed does
    not train that seed again. Once all seeds were judged together, running the group again is asking for another
    attempt.
    """
    at, needed = seed_on_disk(group, seed, stage), request.existing
    if needed == "retrain" or at.run is None or at.outdated:
        return needed
    if at.run.gate_sha256 != load_gate(stage.gate).sha256:
        return needed
    joint = group.record.last(stage.name)
    seen = joint is not None and joint.runs.get(seed) == at.run.run
    if at.run.state is StageState.NO_GO:
        return needed if seen else None
    if at.run.state is StageState.CONDITIONAL:
        decision = newest_decision(group.folder_of(stage.name, joint)) if joint and seen else None
        return "retrain" if decision is not None and not decision.goes_on else None
    return needed
