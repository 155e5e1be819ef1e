"""The Prefect flow over several seeds: each stage is trained by all, then judged together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas import State
from prefect.states import Completed, Failed

from flows.decisions.judged import Judged
from flows.decisions.waiting import note_decision, settle
from flows.errors import UsageError
from flows.judging.joint_judgement import judge_jointly
from flows.pages.artifacts import publish_report
from flows.pages.events import JOINT_VERDICT, emit_gate_event
from flows.pages.run_page import RunPage
from flows.pipeline.flow import say, try_to_publish
from flows.records.group_dir import GroupDirectory
from flows.records.group_record import JointRecord
from flows.records.state_record import utc_now
from flows.records.stored_result import JOINT_FILE, read_joint
from flows.report_context.pipeline import save_pipeline_report
from flows.seeds.engines import default_jobs
from flows.seeds.kept import Work, failed_before, kept_joint, override_joint_no_go, work
from flows.seeds.request import SeedsRequest
from flows.seeds.training import train_seeds
from flows.settings.plan import PipelinePlan, StagePlan
from flows.settings.seeds import seeds_text
from gates.findings import Verdict
from gates.seeds.result import JointResult
from reports.stage.markdown import REPORT_NAME


@dataclass(frozen=True, kw_only=True)
class JointOutcome:
    """How a stage ended over all seeds."""

    stage: str
    record: JointRecord
    report: Path
    joint_json: Path
    kept: bool = False
    """The seeds had been judged together before, nothing was trained."""

    @property
    def verdict(self) -> Verdict:
        """Of all seeds together."""
        return self.record.verdict


@dataclass(frozen=True, kw_only=True)
class SeedsOutcome:
    """How a group of seeds ended."""

    verdict: Verdict
    """That of the last stage that was judged."""
    stages: tuple[JointOutcome, ...]
    report: Path


@flow(name="staged-validation-of-seeds", persist_result=False, retries=0)
def validate_seeds(request: SeedsRequest) -> State[SeedsOutcome]:
    """Train each stage with several seeds and judge them together before the next stage starts.

    Args:
        request: Pipeline, seeds, and where they train.

    Returns:
        A state that holds the `SeedsOutcome`: completed and named GO, or failed and named NO_GO or
        CONDITIONAL. A failed state of any other name is a crash.
    """
    return run_seeds(request)


def run_seeds(request: SeedsRequest) -> State[SeedsOutcome]:
    """Do the work of `validate_seeds` inside any flow."""
    plans = request.plans()
    plan = next(iter(plans.values()))
    page = RunPage(f"{plan.preset} seeds {seeds_text(request.seeds)}")
    page.tag(preset=plan.preset, seeds=seeds_text(request.seeds))
    try:
        with request.open(plan) as group:
            order = request.pipeline.override_no_go
            if order is not None:
                override_joint_no_go(_stages(plans, order.stage), group, order)
            outcomes = _run_stages(plans, group, request, page)
            report = save_pipeline_report(group)
            key = f"{plan.preset}-seeds-pipeline"
            deciding = outcomes[-1].record.deciding
            try_to_publish(publish_report, report, key=key, description=deciding)
    finally:
        page.close()
    last = outcomes[-1]
    outcome = SeedsOutcome(verdict=last.verdict, stages=outcomes, report=report)
    state = Completed if last.verdict is Verdict.GO else Failed
    message = f"{last.stage}: {last.record.deciding}"
    return state(name=last.verdict.value, message=message, data=outcome)


def _stages(plans: Mapping[int, PipelinePlan], name: str) -> dict[int, StagePlan]:
    """Return the plan of one stage of each seed.

    Raises:
        UsageError: There is no such stage.
    """
    found = {
        seed: stage for seed, plan in plans.items() for stage in plan.stages if stage.name == name
    }
    if not found:
        names = ", ".join(stage.name for stage in next(iter(plans.values())).stages)
        raise UsageError(f"There is no stage {name}; there are {names}.")
    return found


def _run_stages(
    plans: Mapping[int, PipelinePlan], group: GroupDirectory, request: SeedsRequest, page: RunPage
) -> tuple[JointOutcome, ...]:
    since = utc_now()
    outcomes: list[JointOutcome] = []
    order = next(iter(plans.values())).stages
    for stage in order:
        page.stage(stage.name, "running")
        try:
            outcome = _run_stage(stage.name, plans, group, request, since)
        except BaseException as error:
            page.stage(stage.name, "broken" if isinstance(error, Exception) else "stopped")
            raise
        if stage is not order[-1]:
            if outcome.record.verdict is Verdict.CONDITIONAL:
                page.stage(stage.name, "CONDITIONAL, waits for a decision")
            judged = Judged(group, stage.name, outcome.record.joint)
            settle(judged, request.pipeline.terms, say)
            outcome = _outcome(stage.name, group, outcome.record.joint, kept=outcome.kept)
        outcomes.append(outcome)
        decision = outcome.record.decision
        page.stage(
            stage.name,
            outcome.verdict.value + (f", {decision.kind}" if decision is not None else ""),
        )
        page.tag(verdict=outcome.verdict.value)
        if not outcome.record.may_go_on or stage is order[-1]:
            break
        say(f"{stage.name}: {outcome.verdict.value}. {outcome.record.deciding}")
    return tuple(outcomes)


def _run_stage(
    name: str,
    plans: Mapping[int, PipelinePlan],
    group: GroupDirectory,
    request: SeedsRequest,
    since: str,
) -> JointOutcome:
    stages = _stages(plans, name)
    stage = next(iter(stages.values()))
    kept = kept_joint(stages, group, request)
    if kept is not None:
        say(f"{name}: {kept.joint} of the same seeds and recipe is kept, not trained again")
        note_decision(Judged(group, name, kept.joint))
        return _outcome(name, group, kept.joint, kept=True)
    failed = failed_before(name, group)
    chosen = {
        seed: what
        for seed, own in stages.items()
        if seed in (request.only or set(stages) - set(failed))
        and (what := work(seed, own, group, request)) is not Work.NOTHING
    }
    jobs = request.jobs or default_jobs(next(iter(plans.values())), len(chosen))
    if chosen:
        where = (
            f"on the Dask cluster {request.dask_address}"
            if request.dask_address
            else f"{min(jobs, len(chosen))} at a time"
        )
        say(f"{name}: seeds {seeds_text(chosen)}, {where}")
    save_pipeline_report(group)
    broken = train_seeds(
        stage, chosen, group=group, request=request, plans=plans, jobs=jobs, since=since
    )
    state = joint_task(name, stages, group, failed, broken, return_state=True)
    outcome = state.result(raise_on_failure=False)
    if isinstance(outcome, BaseException):
        raise outcome
    assert isinstance(outcome, JointOutcome), f"unexpected result {outcome!r}"
    return outcome


@task(
    name="joint gate", task_run_name="joint gate {stage}", persist_result=False,
    cache_policy=NO_CACHE,
)  # fmt: skip
def joint_task(
    stage: str,
    stages: dict[int, StagePlan],
    group: GroupDirectory,
    failed: dict[int, str],
    broken: dict[int, str],
) -> State[JointOutcome]:
    """Judge the seeds of a stage together and publish the joint report."""
    record = judge_jointly(group, stages, failed_before=failed, broken=broken)
    save_pipeline_report(group)
    outcome = _outcome(stage, group, record.joint)
    try_to_publish(
        publish_report,
        outcome.report,
        key=f"{group.record.preset}-seeds-{stage}",
        description=f"{record.verdict.value}: {record.deciding}",
        run=outcome.report.parent,
    )
    try_to_publish(
        emit_gate_event,
        outcome.report.parent,
        key=f"{group.record.preset}-seeds-{stage}",
        event=JOINT_VERDICT,
        labels={
            "verdict": record.verdict.value,
            "stage": stage,
            "preset": group.record.preset,
            "seeds": seeds_text(stages),
        },
        deciding=record.deciding,
    )
    state = Failed if record.verdict is Verdict.NO_GO else Completed
    return state(name=record.verdict.value, message=record.deciding, data=outcome)


def _outcome(stage: str, group: GroupDirectory, joint: str, *, kept: bool = False) -> JointOutcome:
    record = group.record.entry(stage, joint)
    assert record is not None, "a joint judgement is recorded"
    folder = group.folder_of(stage, record)
    return JointOutcome(
        stage=stage,
        record=record,
        report=folder / REPORT_NAME,
        joint_json=folder / JOINT_FILE,
        kept=kept,
    )


def joint_result(outcome: JointOutcome) -> JointResult | None:
    """Read what a joint judgement wrote; None when it cannot be read any more."""
    return read_joint(outcome.report.parent)
