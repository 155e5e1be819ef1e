"""A pipeline with several seeds: each stage is trained by all of them, then judged over all of them."""

from __future__ import annotations

from collections.abc import Sequence

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas import State

from flows.decisions.judged import Judged
from flows.judging.joint_judgement import answer_so_far, judge_jointly
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
from flows.settings.setting_files import known_stages
from gates.sign_flips import Looks


class SeveralSeeds(Work):
    """The stages of a group of seeds."""

    directory: GroupDirectory

    def _open(self) -> GroupDirectory:
        return self.request.open_group(self.plan)

    def run(self, stage: StagePlan) -> StageOutcome:
        """Keep, resume or train a stage of each seed and judge them together."""
        if not self.request.auto_seeds:
            return self._of_seeds(stage, self.request.seeds)
        return self._until_decided(stage)

    def _of_seeds(self, stage: StagePlan, seeds: Sequence[int]) -> StageOutcome:
        """Run a stage of given seeds."""
        kept = self._kept(stage, seeds)
        return self._judge(stage, seeds, self._train(stage, seeds)) if kept is None else kept

    def _until_decided(self, stage: StagePlan) -> StageOutcome:
        """Run a stage of as many seeds as it takes.

        Nothing but what is on disk decides how many these are, so a group that was interrupted goes on in the middle
        of a round.
        """
        group, looks = self.directory, stage.auto_seeds.looks
        order = self._may_be_taken(stage)
        begun = [seed for seed in order if (group.seed_path(seed) / stage.name).is_dir()]
        so_far = order.index(begun[-1]) + 1 if begun else 0
        broken: dict[int, str] = {}
        trained: tuple[int, ...] = ()
        for size in [size for size in looks.sizes if size >= so_far] or [so_far]:
            seeds = order[:size]
            self._bring_along(stage, seeds)
            kept = self._kept(stage, seeds)
            if kept is None:
                broken |= self._train(stage, [seed for seed in seeds if seed not in trained])
            trained = seeds
            answer = answer_so_far(
                group,
                self._stages(stage, seeds),
                failed_before=failed_before(stage.name, group),
                broken=broken,
                looks=looks,
            )
            if answer.ended or size >= len(order):
                return self._judge(stage, seeds, broken) if kept is None else kept
            self.reporter.say(f"{stage.name}: not decided after {size} seeds, {answer.why}")
        raise AssertionError("the last round decides")

    def _may_be_taken(self, stage: StagePlan) -> tuple[int, ...]:
        """Return the seeds that may train a stage; a later stage by itself takes those that trained the ones before."""
        first = next(iter(known_stages(self.directory.record.stages_asked)), None)
        alone = self.request.single_stage and first is not None and first.name != stage.name
        return self.directory.record.seeds if alone else self.request.seeds

    def _bring_along(self, stage: StagePlan, seeds: Sequence[int]) -> None:
        """Take seeds into the group, and through the stages before this one."""
        self.directory.take_in(seeds)
        for earlier in self.plan.stages[: self.plan.stages.index(stage)]:
            joint = self.directory.record.last(earlier.name)
            if joint is None or not joint.runs.keys() >= set(seeds):
                self._of_seeds(earlier, seeds)

    def _stages(self, stage: StagePlan, seeds: Sequence[int]) -> dict[int, StagePlan]:
        return stage_of_each_seed({seed: self.plans[seed] for seed in seeds}, stage.name)

    def _kept(self, stage: StagePlan, seeds: Sequence[int]) -> StageOutcome | None:
        """Return how the stage ended, if that can be kept."""
        if kept_joint(self._stages(stage, seeds), self.directory, self.request) is None:
            return None
        kept = kept_outcome(self.directory, stage.name)
        self.reporter.say(
            f"{stage.name}: {kept.run.name} of the same seeds and recipe is kept, not trained again"
        )
        return kept

    def _train(self, stage: StagePlan, seeds: Sequence[int]) -> dict[int, str]:
        """Keep, resume or train the stage of some seeds; return which of them broke, and why."""
        name, group, request = stage.name, self.directory, self.request
        failed = failed_before(name, group)
        chosen = {
            seed: what
            for seed, own in self._stages(stage, seeds).items()
            if seed in (request.only or set(seeds) - set(failed))
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
        return train_seeds(self, group, stage, chosen, jobs)

    def _judge(
        self, stage: StagePlan, seeds: Sequence[int], broken: dict[int, str]
    ) -> StageOutcome:
        return outcome_of(
            joint_task(
                stage.name,
                self._stages(stage, seeds),
                self.directory,
                failed_before(stage.name, self.directory),
                broken,
                stage.auto_seeds.looks if self.request.auto_seeds else None,
                self.publisher,
                return_state=True,
            )
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
    looks: Looks | None,
    publisher: Publisher,
) -> State[StageOutcome]:
    """Judge the seeds of a stage together and publish the joint report."""
    record = judge_jointly(group, stages, failed_before=failed, broken=broken, looks=looks)
    save_pipeline_report(group)
    outcome = StageOutcome.of(Judged(group, stage, record.joint))
    publisher.report(outcome)
    publisher.event(JOINT_VERDICT, outcome)
    return verdict_state(outcome)
