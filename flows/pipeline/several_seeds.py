"""A pipeline with several seeds: each stage is trained by all of them, then judged over all of them."""

from __future__ import annotations

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas import State

from flows.decisions.judged import Judged
from flows.judging.joint_judgement import judge_jointly
from flows.judging.pipeline_report import save_pipeline_report
from flows.pages.events import JOINT_VERDICT
from flows.pipeline.engines import default_jobs
from flows.pipeline.kept import (
    failed_before,
    kept_joint,
    kept_outcome,
    stage_of_each_seed,
    to_do,
)
from flows.pipeline.outcome import StageOutcome, outcome_of, verdict_state
from flows.pipeline.publishing import Publisher
from flows.pipeline.train_seeds import train_seeds
from flows.pipeline.work import Work
from flows.records.group_dir import GroupDirectory
from flows.settings.plan import StagePlan
from flows.settings.seeds import seeds_text


class SeveralSeeds(Work):
    """The stages of a group of seeds."""

    directory: GroupDirectory

    def _open(self) -> GroupDirectory:
        return self.request.open_group(self.plan)

    def run(self, stage: StagePlan) -> StageOutcome:
        """Keep, resume or train a stage of each seed and judge them together."""
        name, group, request = stage.name, self.directory, self.request
        stages = stage_of_each_seed(self.plans, name)
        if kept_joint(stages, group, request) is not None:
            kept = kept_outcome(group, name)
            self.reporter.say(
                f"{name}: {kept.run.name} of the same seeds and recipe is kept, not trained again"
            )
            return kept
        failed = failed_before(name, group)
        chosen = {
            seed: what
            for seed, own in stages.items()
            if seed in (request.only or set(stages) - set(failed))
            and (what := to_do(seed, own, group, request)) is not None
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
        broken = train_seeds(self, group, stage, chosen, jobs)
        return outcome_of(
            joint_task(name, stages, group, failed, broken, self.publisher, return_state=True)
        )


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
    outcome = StageOutcome.of(Judged(group, stage, record.joint))
    publisher.report(outcome)
    publisher.event(JOINT_VERDICT, outcome)
    return verdict_state(outcome)
