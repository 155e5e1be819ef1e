"""What a report needs besides the judgement: plain values that the caller hands over.

Reports have no clock, read no configuration file and look for no earlier run: whoever calls them
passes those in.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from msgspec import Struct, field

if TYPE_CHECKING:
    from gates.audit.stages_before import StageAfresh
    from gates.findings import GateResult
    from gates.progress import EvaluationPoint, StageState
    from gates.runs.drives import EpisodePictures, FinalEvaluation
    from gates.seeds.result import JointResult
    from gates.series import EventLog


class Command(Struct, frozen=True, kw_only=True):
    """A command that the reader can copy."""

    text: str
    """One line for a shell: `gonogo stage 50k --out runs/drive-seed0`."""
    purpose: str
    """What it does, one short sentence without a full stop: `train and judge the next stage`."""


class PreviousRun(Struct, frozen=True, kw_only=True):
    """An earlier run of the same stage."""

    name: str
    """Run name: `run-001`."""
    result: GateResult


class ConfigChange(Struct, frozen=True, kw_only=True):
    """One key of the configuration that differs from the last run of the stage."""

    key: str
    """Dotted key as `--set` takes it: `train.actor_lr`."""
    before: object
    """None when the last run did not have the key."""
    after: object
    """None when this run does not have the key."""


class ChangeNote(Struct, frozen=True, kw_only=True):
    """What the user changed before this run and what that was meant to do."""

    change: str
    expectation: str = ""
    """Prediction in the user's words; empty when none was made."""


class Speed(Struct, frozen=True, kw_only=True):
    """Measured speed of the run that was judged."""

    steps_per_s: float | None
    """Environment steps per second of the whole training, evaluations included."""
    training_s: float | None
    """Duration of the training over all attempts."""


class NextStage(Struct, frozen=True, kw_only=True):
    """The stage that a GO would start."""

    name: str
    steps: int
    """Environment steps that it plans."""


class DecisionNote(Struct, frozen=True, kw_only=True):
    """What a person decided about a verdict."""

    text: str
    """`CONDITIONAL, approved by the reviewer: known spike at step 40,000`."""
    outcome: str
    """The same without the reason."""
    decided_at: str
    """UTC time in ISO 8601."""
    goes_on: bool
    """The next stage may start."""


class InterimGate(Struct, frozen=True, kw_only=True):
    """What the stage's gate said while the run was still training."""

    step: int
    standing: str
    """`GO`, `CONDITIONAL`, `NO_GO` or `not yet`."""
    deciding: str
    page: str = ""
    """File name of its page beside the report; empty without one."""


class RaisedAlert(Struct, frozen=True, kw_only=True):
    """A live check that passed a level while the run was training."""

    at: str
    """UTC, ISO 8601."""
    step: int
    level: str
    """`warning` or `critical`."""
    title: str
    value: float | None
    limit: float | None


class DrivenBeside(Struct, frozen=True):
    """How another run of the stage drove the same routes."""

    driver: str
    """Who drove, for people: `last GO, run-001`."""
    final: FinalEvaluation


class StageContext(Struct, frozen=True, kw_only=True):
    """Everything that the report of one stage shows besides the judgement."""

    title: str
    """Name of the run for people: `drive, seed 0, 5k, run-001`."""
    generated_at: str
    """UTC time in ISO 8601 at which the report was made."""
    preset: str = ""
    seed: int | None = None
    next_commands: tuple[Command, ...] = ()
    """What to do now, most useful first: the next stage after a GO, the re-run after a NO_GO."""
    rerun_command: str = ""
    """Command that runs this stage again; the report appends `--set KEY=VALUE` for a fix."""
    previous: tuple[PreviousRun, ...] = ()
    """Earlier runs of the same stage, oldest first; this run is not among them."""
    config: Mapping[str, object] = field(default_factory=dict)
    """Resolved configuration, nested (`{"train": {...}, "env": {...}}`) or with dotted keys.

    Empty when unknown.
    """
    config_changes: tuple[ConfigChange, ...] = ()
    """Differences from the last run of the stage."""
    git_revision: str | None = None
    previous_git_revision: str | None = None
    """Revision of the last run of the stage."""
    change_note: ChangeNote | None = None
    speed: Speed | None = None
    next_stage: NextStage | None = None
    """None when this is the last stage or the stage is unknown."""
    decisions: tuple[DecisionNote, ...] = ()
    """What people decided about this verdict, oldest first; the last one counts."""
    supervision: tuple[tuple[str, str], ...] = ()
    """Label and text of what happened while the run was trained: attempts, stalls, resources."""
    interim: tuple[InterimGate, ...] = ()
    """Interim gates, first step first."""
    alerts: tuple[RaisedAlert, ...] = ()
    """In the order in which they were raised."""
    final_evaluation: FinalEvaluation | None = None
    """Routes that were driven at the end of the run; None where none were."""
    driven_beside: tuple[DrivenBeside, ...] = ()
    """Other runs of the stage that drove the same routes."""
    final_pictures: EpisodePictures | None = None
    """What the camera saw there in the best and the worst episode; None where it was not kept."""
    lost: tuple[str, ...] = ()
    """Parts of the report that could not be made, one sentence each."""
    json_twin: str = "gate.json"
    """File name of the machine-readable result beside the report."""


class SeedShown(Struct, frozen=True, kw_only=True):
    """What is shown of one seed besides its verdict."""

    report_path: str = ""
    """Path of its own report, relative to the joint report; empty when there is none."""
    evaluations: tuple[EvaluationPoint, ...] = ()
    log: EventLog | None = None
    """Its series; None when they cannot be read or are not to be drawn."""


class JointContext(Struct, frozen=True, kw_only=True):
    """Everything that the report on the seeds of one stage shows."""

    title: str
    """`drive, seeds 0-4, 50k, joint-001`."""
    generated_at: str
    """UTC time in ISO 8601 at which the report was made."""
    result: JointResult
    shown: Mapping[int, SeedShown] = field(default_factory=dict)
    """By seed."""
    next_commands: tuple[Command, ...] = ()
    decision: DecisionNote | None = None
    """What a person decided about the joint verdict."""
    json_twin: str = "joint.json"


class PipelineStage(Struct, frozen=True, kw_only=True):
    """One stage as the pipeline's report shows it."""

    name: str
    planned_steps: int
    state: StageState
    result: GateResult | JointResult | None = None
    """Of one run, or of several seeds; None when the stage was not judged."""
    report_path: str | None = None
    """Path of the stage's report, relative to the pipeline's report."""
    decision: DecisionNote | None = None
    """What a person decided about the verdict; it never makes it a GO."""
    waits_until: str = ""
    """Until when a pipeline waits for that decision, UTC; empty when none waits."""
    duration_s: float | None = None
    """Of the training, of all seeds together."""
    message: str = ""
    """One sentence for a stage that crashed or was cancelled."""
    evaluations: tuple[EvaluationPoint, ...] = ()
    """`reports.stage.sections.evaluations.evaluation_points(log)` of the judged run."""
    afresh: StageAfresh | None = None
    """How its policies did on the episodes that compare stages; None for several seeds, or where nothing was run."""


class PipelineContext(Struct, frozen=True, kw_only=True):
    """Everything that the report of a pipeline shows, of one run or of several seeds."""

    title: str
    generated_at: str
    """UTC time in ISO 8601 at which the report was made."""
    stages: tuple[PipelineStage, ...]
    """In the order in which they run."""
    preset: str = ""
    seed: int | None = None
    """None for several seeds."""
    newest: JointContext | None = None
    """Of several seeds the newest joint judgement; paths in it are relative to this report."""
    next_commands: tuple[Command, ...] = ()
    git_revision: str | None = None
    versions: Mapping[str, str] = field(default_factory=dict)
