"""What a group has already: seeds that failed at an earlier stage, verdicts that can be kept."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from flows.decisions.judged import Judged
from flows.decisions.waiting import no_override, override_no_go
from flows.judging.joint_judgement import seed_on_disk
from flows.pipeline.request import NoGoOverride, RunRequest
from flows.records.decisions import newest_decision
from flows.records.group_dir import GroupDirectory
from flows.records.group_record import JointRecord
from flows.records.stored_result import read_joint
from flows.settings.plan import StagePlan
from flows.settings.setting_files import known_stages
from gates.checks.gate_file import load_gate
from gates.findings import Verdict
from gates.progress import StageState


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


def override_joint_no_go(
    stages: Mapping[int, StagePlan], group: GroupDirectory, order: NoGoOverride
) -> None:
    """Record that a person overrides the joint NO_GO that a stage's seeds ended with.

    Raises:
        UsageError: There is no joint NO_GO of these runs, this recipe and these rules.
        OutputError: The decision cannot be written.
    """
    stage = next(iter(stages.values()))
    record = group.record.last(stage.name)
    if record is None:
        raise no_override(stage.name, "its seeds were not judged together yet")
    why_not = f"{record.joint} is about other runs or rules"
    override_no_go(
        Judged(group, stage.name, record.joint),
        by=order.name,
        reason=order.reason,
        why_not=None if same_runs(record, stages, group) else why_not,
    )


class ToDo(str, Enum):
    """What to do with one seed of a stage."""

    NOTHING = "nothing"
    """It has a verdict; a NO_GO counts if no joint judgement has seen it yet."""
    WHAT_IS_NEEDED = "what is needed"
    """Keep a GO, resume an interrupted training, train what failed or has no verdict."""
    TRAIN_AGAIN = "train again"


def to_do(seed: int, stage: StagePlan, group: GroupDirectory, request: RunRequest) -> ToDo:
    """Choose what to do with a seed, so that nothing is trained twice without a reason.

    A group that was interrupted after one seed failed does not train that seed again. Once all
    seeds were judged together, running the group again is asking for another attempt.
    """
    at = seed_on_disk(group, seed, stage)
    if request.existing == "retrain":
        return ToDo.WHAT_IS_NEEDED
    if at.run is None or at.outdated or at.run.gate_sha256 != load_gate(stage.gate).sha256:
        return ToDo.WHAT_IS_NEEDED
    joint = group.record.last(stage.name)
    seen = joint is not None and joint.runs.get(seed) == at.run.run
    decision = newest_decision(group.folder_of(stage.name, joint)) if joint is not None else None
    if at.run.state is StageState.NO_GO:
        return ToDo.WHAT_IS_NEEDED if seen else ToDo.NOTHING
    if at.run.state is StageState.CONDITIONAL:
        rejected = seen and decision is not None and not decision.goes_on
        return ToDo.TRAIN_AGAIN if rejected else ToDo.NOTHING
    return ToDo.WHAT_IS_NEEDED
