"""The Prefect flow: train and judge stage after stage, with one seed or several, until one is no GO."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from prefect import Flow, flow
from prefect.client.schemas import State
from prefect.states import Completed, Failed

from flows.decisions.judged import Judged
from flows.decisions.waiting import settle
from flows.judging.pipeline_report import save_pipeline_report
from flows.pages.events import DECISION, WAITS
from flows.pages.page_reporter import PageReporter, log
from flows.pages.run_page import RunPage
from flows.pipeline.begin import HeadStart
from flows.pipeline.kept import override_no_go
from flows.pipeline.one_seed import OneSeed
from flows.pipeline.outcome import PipelineOutcome, StageOutcome
from flows.pipeline.request import RunRequest
from flows.pipeline.several_seeds import SeveralSeeds
from flows.pipeline.work import Work
from flows.records.json_file import read_json
from flows.settings.plan import PipelinePlan, StagePlan
from flows.training.progress import Reporter, SilentReporter
from gates.findings import Verdict


def validation_flow(
    reporter: Reporter,
    plans: Mapping[int, PipelinePlan],
    head_start: HeadStart | None = None,
) -> Flow[[RunRequest], State[PipelineOutcome]]:
    """Return the flow that `gonogo run` starts; its name says whether there are several seeds."""
    name = "staged-validation" if len(plans) == 1 else "staged-validation-of-seeds"

    @flow(name=name, persist_result=False, retries=0)
    def staged_validation(request: RunRequest) -> State[PipelineOutcome]:
        """Train and judge the stages one after the other."""
        return validate(request, reporter, plans, head_start)

    return staged_validation


def validate(
    request: RunRequest,
    reporter: Reporter | None = None,
    plans: Mapping[int, PipelinePlan] | None = None,
    head_start: HeadStart | None = None,
) -> State[PipelineOutcome]:
    """Train and judge the stages one after the other, inside any flow.

    Args:
        request: With every gap filled in.
        reporter: Hears what happens; Prefect's log hears it as well.
        plans: The plan of each seed, if they were resolved already.
        head_start: The first training of a single seed, if it goes on already.

    Returns:
        A state that holds the `PipelineOutcome`: completed and named GO, or failed and named NO_GO
        or CONDITIONAL. A failed state of any other name is a crash.
    """
    plans = plans or request.plans()
    plan, seeds = plans[request.seeds[0]], request.seeds_text
    page = RunPage(f"{plan.preset} seed{'s' if request.is_group else ''} {seeds}")
    page.tag(preset=plan.preset, **({"seeds": seeds} if request.is_group else {}))
    try:
        shown = PageReporter(reporter or SilentReporter())
        work = (
            SeveralSeeds(request, plans, shown)
            if request.is_group
            else OneSeed(request, plans, shown, head_start)
        )
        with work.directory:
            signature = request.override_signed
            if signature is not None:
                override_no_go(work.directory, plans, request.override_no_go, signature)
            outcomes = tuple(_run_stages(plan.stages, work, request, page))
            report = save_pipeline_report(work.directory)
            work.publisher.pipeline_report(report, outcomes[-1].deciding)
    finally:
        page.close()
    last = outcomes[-1]
    outcome = PipelineOutcome(verdict=last.verdict, stages=outcomes, report=report)
    state = Completed if last.verdict is Verdict.GO else Failed
    decisions = [f"{o.stage}: {o.verdict_text}." for o in outcomes if o.decision is not None]
    message = " ".join([*decisions, f"{last.stage}: {last.deciding}"])
    return state(name=last.verdict.value, message=message, data=outcome)


def _run_stages(
    stages: tuple[StagePlan, ...], work: Work, request: RunRequest, page: RunPage
) -> Iterator[StageOutcome]:
    for stage in stages:
        page.stage(stage.name, "running")
        try:
            outcome = work.run(stage)
        except BaseException as error:
            page.stage(stage.name, "broken" if isinstance(error, Exception) else "stopped")
            raise
        page.stage(stage.name, outcome.verdict.value)
        if stage is not stages[-1]:
            outcome = _decided(stage, outcome, work, request, page)
        page.tag(verdict=outcome.verdict.value, **_revision(outcome.run))
        yield outcome
        text = f"{stage.name}: {outcome.verdict_text}: {outcome.deciding}"
        if not outcome.entry.may_go_on or stage is stages[-1]:
            log(text)  # the command line shows how it ended by itself
            return
        work.publisher.say(text)


def _decided(
    stage: StagePlan, outcome: StageOutcome, work: Work, request: RunRequest, page: RunPage
) -> StageOutcome:
    """Let a person decide, where a verdict asks for it, and show the decision."""
    judged = Judged(work.directory, stage.name, outcome.run.name)
    if judged.undecided and request.on_conditional == "wait":
        page.stage(stage.name, "CONDITIONAL, waits for a decision")
        work.publisher.event(WAITS, outcome)
    settle(judged, request, work.publisher.say)
    after = StageOutcome.of(judged, kept=outcome.kept)
    if after.decision is not None:
        page.stage(stage.name, f"{after.verdict.value}, {after.decision.kind}")
    if after.decision != outcome.decision:
        work.publisher.report(after)
        work.publisher.event(DECISION, after)
    return after


def _revision(run: Path) -> dict[str, str]:
    revision = (read_json(run / "run.json") or {}).get("git_revision")
    return {"revision": revision[:7]} if isinstance(revision, str) and revision else {}
