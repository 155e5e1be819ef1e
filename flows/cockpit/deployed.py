"""The flows that `gonogo serve` offers; their arguments are the fields of the forms.

Prefect takes each field's description from `Args:`. A flow here never starts another flow: that
fails when Prefect's server happens to be away. What only a run needs is imported by the run: the processes that
serve these flows are four, and start together.
"""

# Prefect resolves annotations that are text in the module of the decorator, where they mean nothing.

from pathlib import Path
from typing import Any

from prefect import flow
from prefect.client.schemas import State

from flows.cockpit.form_fields import (
    OWN_STAGE,
    FormField,
    Given,
    Jobs,
    Stage,
    StageOrOwn,
    Steps,
    with_run_fields,
)
from flows.cockpit.one_sentence import in_one_sentence
from flows.settings.run_options import DEFAULT_STAGES, Existing


@flow(name="staged-validation", persist_result=False, retries=0)
@in_one_sentence
@with_run_fields("run")
def staged_validation(  # noqa: D417  # the options of a run are described by themselves
    *, given: Given, seeds_auto: bool = False
) -> State[Any]:
    """Train a recipe stage by stage; the next stage starts only after a GO.

    Each stage ends with a report: verdict, checks, plots, likely cause and what to do next.

    Args:
        seeds_auto: Add seeds until their joint verdict is decided, as many as the stage's auto_seeds
            allows; leave seeds empty.
    """
    from flows.cockpit.form_requests import whole_pipeline
    from flows.pipeline.flow import validate

    return validate(whole_pipeline(given, seeds_auto=seeds_auto))


@flow(name="single-stage", persist_result=False, retries=0)
@in_one_sentence
@with_run_fields(
    "stage",
    without=("preset",),  # the pipeline's own
    out=FormField(
        type=str,
        default="",
        help="Name of the pipeline's directory, as its reports show it. Empty: the newest one.",
    ),
    existing=FormField(type=Existing, default="retrain"),
)
def single_stage(  # noqa: D417  # the options of a run are described by themselves
    *, stage: Stage = DEFAULT_STAGES[0], given: Given, checkpoint_step: Steps = 0
) -> State[Any]:
    """Train and judge one stage again after a fix, next to its earlier runs.

    Retraining makes a new run folder; earlier runs stay as they are, and the report compares with
    the run before.

    Args:
        stage: Stage to train and judge again.
        checkpoint_step: Only with existing: resume. Roll back to the checkpoint of this step first;
            what the run did later is discarded. 0: resume from the newest checkpoint.
    """
    from flows.cockpit.form_requests import one_stage
    from flows.pipeline.flow import validate

    return validate(one_stage(stage, given, checkpoint_step=checkpoint_step))


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
        stage: Judge by the rules of this stage. A folder of another trainer names none, so choose one.
        planned_steps: Environment steps that the run was meant to reach. 0: as the run or its stage
            says.
        rules: Rules to use instead of the stage's: a name such as 50k, or the path of a .yaml file.
        dialect: Path of a .yaml file with the tag names of another trainer. Empty: detected.
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
        directories: Folders that hold runs. Without any: the runs folder.
        rules: Changed rules: a name such as 5k, or the path of a .yaml file. Empty: the rules of each
            run's stage.
        against: Rules to compare with. Empty: the verdicts that are stored.
        stage: Judge runs of this stage only.
        labels: Path of a .yaml file that says which verdicts and causes are right.
        jobs: How many runs are judged at the same time.
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
