"""A pipeline with several seeds: each stage is trained by all of them, then judged over all of them."""

from __future__ import annotations

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas import State

from flows.decisions.judged import Judged
from flows.decisions.waiting import note_decision
from flows.errors import UsageError
from flows.judging.joint_judgement import judge_jointly
from flows.pages.events import JOINT_VERDICT
from flows.pipeline.outcome import StageOutcome, outcome_of, verdict_state
from flows.pipeline.publishing import Publisher
from flows.pipeline.request import NoGoOverride
from flows.pipeline.work import Work
from flows.records.group_dir import GroupDirectory
from flows.records.stored_result import JOINT_FILE
from flows.report_context.pipeline import save_pipeline_report
from flows.seeds.engines import default_jobs
from flows.seeds.kept import ToDo, failed_before, kept_joint, override_joint_no_go, to_do
from flows.seeds.training import train_seeds
from flows.settings.plan import StagePlan
from flows.settings.seeds import seeds_text
from reports.stage.markdown import REPORT_NAME


class SeveralSeeds(Work):
    """The stages of a group of seeds."""

    directory: GroupDirectory

    def _open(self) -> GroupDirectory:
        return self.request.open_group(self.plan)

    def override(self, order: NoGoOverride) -> None:
        """Record that a person overrides a joint NO_GO."""
        override_joint_no_go(self._of_each_seed(order.stage), self.directory, order)

    def run(self, stage: StagePlan) -> StageOutcome:
        """Keep, resume or train a stage of each seed and judge them together."""
        name, group, request = stage.name, self.directory, self.request
        stages = self._of_each_seed(name)
        kept = kept_joint(stages, group, request)
        if kept is not None:
            self.reporter.say(
                f"{name}: {kept.joint} of the same seeds and recipe is kept, not trained again"
            )
            note_decision(Judged(group, name, kept.joint))
            return _outcome(name, group, kept.joint, kept=True)
        failed = failed_before(name, group)
        chosen = {
            seed: what
            for seed, own in stages.items()
            if seed in (request.only or set(stages) - set(failed))
            and (what := to_do(seed, own, group, request)) is not ToDo.NOTHING
        }
        jobs = request.jobs or default_jobs(self.plan, len(chosen))
        if chosen:
            where = (
                f"on the Dask cluster {request.dask_address}"
                if request.dask_address
                else f"{min(jobs, len(chosen))} at a time"
            )
            self.reporter.say(f"{name}: seeds {seeds_text(chosen)}, {where}")
        save_pipeline_report(group)
        broken = train_seeds(
            stage,
            chosen,
            group=group,
            request=request,
            plans=self.plans,
            jobs=jobs,
            since=self.since,
            retried=self.retried,
            reporter=self.reporter,
        )
        return outcome_of(
            joint_task(name, stages, group, failed, broken, self.publisher, return_state=True)
        )

    def _of_each_seed(self, name: str) -> dict[int, StagePlan]:
        """Return the plan of one stage of each seed.

        Raises:
            UsageError: There is no such stage.
        """
        found = {
            seed: stage
            for seed, plan in self.plans.items()
            for stage in plan.stages
            if stage.name == name
        }
        if not found:
            names = ", ".join(stage.name for stage in self.plan.stages)
            raise UsageError(f"There is no stage {name}; there are {names}.")
        return found


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
    publisher: Publisher,
) -> State[StageOutcome]:
    """Judge the seeds of a stage together and publish the joint report."""
    record = judge_jointly(group, stages, failed_before=failed, broken=broken)
    save_pipeline_report(group)
    outcome = _outcome(stage, group, record.joint)
    publisher.report(outcome)
    publisher.event(JOINT_VERDICT, outcome)
    return verdict_state(outcome.verdict, outcome.deciding, outcome)


def _outcome(stage: str, group: GroupDirectory, joint: str, *, kept: bool = False) -> StageOutcome:
    record = group.record.entry(stage, joint)
    assert record is not None, "a joint judgement is recorded"
    folder = group.folder_of(stage, record)
    return StageOutcome(
        stage=stage,
        verdict=record.verdict,
        deciding=record.deciding,
        run=folder,
        report=folder / REPORT_NAME,
        gate_json=folder / JOINT_FILE,
        kept=kept,
        decision=record.decision,
    )
