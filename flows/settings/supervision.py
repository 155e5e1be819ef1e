"""What supervision may do to a run: live rules, stall limits, restarts, resources; part of a stage file."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from flows.settings.run_options import LiveMode

Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, defer_build=True)


class LiveSettings(_Part):
    """The gate's checks marked `live`, judged while the run goes on."""

    mode: LiveMode = "stop"
    """`off`: never judged; `warn`: a lost run is reported and goes on; `stop`: it is stopped."""
    every_s: Seconds = 0.5
    """Least time between two judgements; they come more rarely where one takes long."""
    most_share: float = Field(default=0.01, gt=0, le=1)
    """Share of one processor that judging may take, which stretches `every_s` on long runs."""
    judgements: Count = 3
    """A check must fail in this many judgements in a row, each with new updates."""
    updates: Count = 10
    """Logged updates over which a check must go on failing."""
    warning_share: float = Field(default=0.5, gt=0)
    """Share of the bound on Q beyond which a warning is raised; it stops nothing."""
    critical_share: float = Field(default=1.0, gt=0)
    """Share of the bound on Q beyond which the alert is critical; the gate's own limits stop a run."""


class StallSettings(_Part):
    """Time without progress (step, updates and phase stay as they are) after which a run hangs.

    Healthy gaps between log points of a CARLA run reached 353 s, when a map was loaded.
    """

    starting_s: Seconds = 900.0
    """Until the first step: imports, filling memory."""
    connecting_s: Seconds = 900.0
    """Starting a simulator, or waiting for one to answer."""
    loading_map_s: Seconds = 900.0
    """While a simulator loads a map."""
    training_s: Seconds = 900.0
    """Between two steps, exploring or training."""
    evaluating_s: Seconds = 7_200.0
    """For a whole evaluation; its episodes are no steps."""
    silent_evaluation_s: Seconds = 900.0
    """Between two heartbeats of an evaluation."""
    log_only_s: Seconds = 7_200.0
    """Of a trainer by command: without anything new in its event files while trainer.log still grows."""
    checkpointing_s: Seconds = 3_600.0
    """For one checkpoint."""
    ending_s: Seconds = 120.0
    """Between the last heartbeat, or the last step of the plan, and the end of the process; behind the plan, five times
    the longest wait before where that is more."""
    grace_s: Seconds = 15.0
    """Time that a run that hangs has to save itself before it is killed."""


class RestartSettings(_Part):
    """When a run that was lost, killed or hung is resumed."""

    attempts: Count = 20
    """Processes that one training may take, the first included; 1: never restart."""
    backoff_s: Annotated[float, Field(ge=0)] = 5.0
    """Wait before the first restart; doubled by each further one until a newer checkpoint stands."""
    backoff_most_s: Annotated[float, Field(ge=0)] = 300.0
    """Longest wait."""


class ResourceSettings(_Part):
    """Watching memory, disk and GPU."""

    every_s: Seconds = 15.0
    """Time between two lines of resources.jsonl."""
    least_free_disk_mib: Annotated[int, Field(ge=0)] = 500
    """Disk space that must be left besides what replay and checkpoints of the stage take."""
    log_most_mib: Count = 256
    """Beyond this size the middle of trainer.log is cut out."""


class Supervision(_Part):
    """How a stage's trainer is watched; `supervision` in a stage file, every key has a default."""

    live: LiveSettings = LiveSettings()
    stalls: StallSettings = StallSettings()
    restarts: RestartSettings = RestartSettings()
    resources: ResourceSettings = ResourceSettings()
    grace_s: Seconds = 60.0
    """Time that the trainer has to write a checkpoint when it is asked to stop."""

    def with_live(self, mode: LiveMode | None) -> Supervision:
        """Return the same with another live mode; None changes nothing."""
        if mode is None:
            return self
        return self.model_copy(update={"live": self.live.model_copy(update={"mode": mode})})
