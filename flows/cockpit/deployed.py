"""The flows that `gonogo serve` offers; their arguments are the fields of the forms.

Each field's description stands under `Args:`, from where Prefect takes it. A flow here never
starts another flow: that fails when Prefect's server happens to be away.
"""

# Prefect resolves annotations that are text in the module of the decorator, where they mean nothing.

from pathlib import Path
from typing import Any

from prefect import flow
from prefect.client.schemas import State

from flows.cockpit import form_requests, seed_groups
from flows.cockpit.form_fields import (
    BY_STAGE_FILE,
    NO_STAGE,
    OWN_STAGE,
    Hours,
    Jobs,
    Live,
    Override,
    Preset,
    Seed,
    Stage,
    StageOrNone,
    StageOrOwn,
    Start,
    Steps,
)
from flows.cockpit.one_sentence import in_one_sentence
from flows.cockpit.this_run import created_at, flow_run_id, is_retried
from flows.pipeline.flow import run_pipeline
from flows.pipeline.request import OnConditional, OnTimeout
from flows.seeds.group_pipeline import run_seeds
from flows.settings.plan import DEFAULT_PRESET
from flows.settings.setting_files import DEFAULT_STAGES


@flow(name="staged-validation", persist_result=False, retries=0)
@in_one_sentence
def staged_validation(
    preset: Preset = DEFAULT_PRESET,
    stages: list[Stage] = list(DEFAULT_STAGES),  # noqa: B006  # the form shows it as the default
    seed: Seed = 0,
    more_seeds: list[Seed] = [],  # noqa: B006
    overrides: list[Override] = [],  # noqa: B006
    live_gate: Live = BY_STAGE_FILE,
    on_conditional: OnConditional = "wait",
    wait_h: Hours = 72,
    on_timeout: OnTimeout = "stop",
    changed: str = "",
    expected: str = "",
    go_on_in: str = "",
    override_no_go: StageOrNone = NO_STAGE,
    overridden_by: str = "",
    override_reason: str = "",
) -> State[Any]:
    """Train a recipe stage by stage; the next stage starts only after a GO.

    Each stage ends with a report: verdict, checks, plots, likely cause and what to do next.

    Args:
        preset: Recipe to train: the environment and every hyperparameter.
        stages: Stages in the order in which they run. The shortest one comes first.
        seed: Seed of the training, 0 or larger.
        more_seeds: Further seeds. Each stage is then trained with all of them, as many at a time as
            fit, and judged over all of them before the next one starts.
        overrides: Changes to the recipe, each as KEY=VALUE, for example train.actor_lr=1.0e-4.
        live_gate: What to do with a run that certainly fails its gate while it still trains.
        on_conditional: What follows a CONDITIONAL: wait for a person's decision, continue, or stop.
        wait_h: Hours to wait for a decision.
        on_timeout: What follows when nobody decided in that time.
        changed: What you changed since the last run. It goes into the report.
        expected: What you expect of the change. The report puts it beside the result.
        go_on_in: Only to go on with an earlier pipeline: the name of its folder. Its preset, stages,
            seed and overrides then count, not those above; every GO of the same recipe is kept.
        override_no_go: Only with go_on_in: go on after the NO_GO of this stage all the same. It is
            recorded and shown for good.
        overridden_by: Your name, for an override.
        override_reason: Why the NO_GO is overridden.
    """
    if more_seeds or seed_groups.is_group(go_on_in):
        group = seed_groups.whole_group(
            preset=preset,
            stage_names=stages,
            seed=seed,
            more_seeds=more_seeds,
            overrides=overrides,
            changed=changed,
            expected=expected,
            live_gate=live_gate,
            go_on_in=go_on_in,
            created=created_at(),
            flow_run=flow_run_id(),
            on_conditional=on_conditional,
            wait_h=wait_h,
            on_timeout=on_timeout,
            override_no_go=None if override_no_go == NO_STAGE else override_no_go,
            overridden_by=overridden_by,
            override_reason=override_reason,
            resume=is_retried(),
        )
        return run_seeds(group)
    request = form_requests.whole_pipeline(
        preset=preset,
        stage_names=stages,
        seed=seed,
        overrides=overrides,
        changed=changed,
        expected=expected,
        live_gate=live_gate,
        on_conditional=on_conditional,
        wait_h=wait_h,
        on_timeout=on_timeout,
        go_on_in=go_on_in,
        override_no_go=None if override_no_go == NO_STAGE else override_no_go,
        overridden_by=overridden_by,
        override_reason=override_reason,
        new_folder=form_requests.new_pipeline_folder(preset, seed, created_at(), flow_run_id()),
        retried=is_retried(),
    )
    return run_pipeline(request)


@flow(name="single-stage", persist_result=False, retries=0)
@in_one_sentence
def single_stage(
    stage: Stage = DEFAULT_STAGES[0],
    pipeline: str = "",
    overrides: list[Override] = [],  # noqa: B006
    changed: str = "",
    expected: str = "",
    start: Start = "from the beginning",
    checkpoint_step: Steps = 0,
    live_gate: Live = BY_STAGE_FILE,
) -> State[Any]:
    """Train and judge one stage again after a fix, beside its earlier runs.

    A start from the beginning makes a new run folder; earlier runs stay as they are, and the report
    compares with the run before.

    Args:
        stage: Stage to train and judge again.
        pipeline: Name of the pipeline's folder, as its reports show it. Empty: the newest pipeline.
        overrides: What to change, each as KEY=VALUE, for example train.actor_lr=1.0e-4. The
            pipeline's earlier changes stay.
        changed: What you changed. It goes into the report.
        expected: What you expect of the change. The report puts it beside the result.
        start: Train anew, or go on with the newest run of the stage where it was cut off, or where
            the checkpoint below stands. Going on allows no changes to the recipe.
        checkpoint_step: Only for a start from the checkpoint below: its step. What the run did later
            is discarded.
        live_gate: What to do with a run that certainly fails its gate while it still trains.
    """
    from flows.cockpit.starting_points import prepare

    folder = form_requests.existing_pipeline(pipeline)
    resume = prepare(folder, stage, start, checkpoint_step, again=is_retried())
    request = form_requests.one_stage(
        pipeline=folder,
        stage=stage,
        overrides=overrides,
        changed=changed,
        expected=expected,
        live_gate=live_gate,
        resume=resume,
        retried=is_retried(),
    )
    return run_pipeline(request)


@flow(name="gate-only", persist_result=False, retries=0)
@in_one_sentence
def gate_only(
    directory: str,
    stage: StageOrOwn = OWN_STAGE,
    planned_steps: Steps = 0,
    rules: str = "",
    dialect: str = "",
    config: str = "",
    second_reader: bool = True,
) -> State[Any]:
    """Judge a folder of TensorBoard event files, also one that another trainer wrote.

    Args:
        directory: Folder with the event files: its name below the runs folder, or a whole path.
        stage: By whose rules to judge. A folder of another trainer names no stage, so choose one.
        planned_steps: Environment steps that the run was meant to reach. 0: what the run or its
            stage says.
        rules: Other rules than the stage's: a name such as 50k, or the path of a .yaml file.
        dialect: Path of a .yaml file with the tag names of another trainer. Empty: found out.
        config: Path of a .yaml or .json file that says what another trainer was configured to do.
        second_reader: Read everything a second time with an independent reader.
    """
    from flows.cockpit.judging_flows import judge_folder

    return judge_folder(
        directory,
        stage=None if stage == OWN_STAGE else stage,
        planned_steps=planned_steps or None,
        rules=rules,
        dialect=dialect,
        config=config,
        second_reader=second_reader,
    )


@flow(name="backtest", persist_result=False, retries=0)
@in_one_sentence
def backtest(
    directories: list[str] = [],  # noqa: B006
    rules: str = "",
    against: str = "",
    stage: StageOrOwn = OWN_STAGE,
    labels: str = "",
    jobs: Jobs = 1,
) -> State[Any]:
    """Judge stored runs again, under changed rules, and list every verdict that flips.

    Args:
        directories: Folders that hold runs. None: the runs folder.
        rules: Changed rules: a name such as 5k, or the path of a .yaml file. Empty: those of each
            run's stage.
        against: Rules to compare with. Empty: the verdicts that are stored.
        stage: Judge runs of this stage only.
        labels: Path of a .yaml file that says which verdicts and causes are right.
        jobs: Runs that are judged at the same time.
    """
    from flows.cockpit.judging_flows import judge_again

    return judge_again(
        [Path(text) for text in directories if text.strip()],
        rules=rules,
        against=against,
        stage=None if stage == OWN_STAGE else stage,
        labels=labels,
        jobs=jobs,
    )


DEPLOYED = (staged_validation, single_stage, gate_only, backtest)
"""Every flow that is served, in the order in which they are shown."""
