"""What a pipeline run is asked to do, as the flow receives it."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from flows.records.decisions import Name, Reason, Terms
from flows.records.run_dir import PipelineDirectory
from flows.settings.plan import DEFAULT_PRESET, PipelinePlan, resolve_plan
from flows.settings.setting_files import DEFAULT_STAGES, reference
from flows.settings.supervision import LiveMode
from flows.settings.warm_start import WarmStartOption

OnConditional = Literal["stop", "wait", "continue"]
OnTimeout = Literal["stop", "continue"]
LONGEST_WAIT_H = 8_760
"""A year."""


class NoGoOverride(BaseModel):
    """An explicit order to go on after a NO_GO that stands already; recorded and shown for good."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    stage: str = Field(min_length=1, description="Stage whose NO_GO is overridden, for example 5k.")
    name: Name = Field(description="Who overrides it.")
    reason: Reason = Field(description="Why it is right to go on all the same.")


class PipelineRequest(BaseModel):
    """The parameters of `staged_validation`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    preset: str = Field(
        default=DEFAULT_PRESET,
        description="Preset of config/presets, or a path to a .yaml file.",
    )
    stages: tuple[str, ...] = Field(
        default=DEFAULT_STAGES,
        description="Stages in their order: names of config/stages, or paths to .yaml files.",
    )
    seed: int = Field(default=0, ge=0, lt=2**31, description="Seed of the training.")
    overrides: tuple[str, ...] = Field(
        default=(),
        description="Changes to the preset, each like train.actor_lr=1.0e-4.",
    )
    out: Path = Field(description="Pipeline directory; an existing one is gone on with.")
    note: str = Field(default="", description="What was changed.")
    expectation: str = Field(default="", description="What the change should do.")
    on_conditional: OnConditional = Field(
        default="stop",
        description="What follows a CONDITIONAL: stop, wait for a person's decision, or continue.",
    )
    wait_h: float = Field(
        default=72.0,
        gt=0,
        le=LONGEST_WAIT_H,
        allow_inf_nan=False,
        description="Hours to wait for a decision.",
    )
    on_timeout: OnTimeout = Field(
        default="stop", description="What follows when nobody decided in that time."
    )
    override_no_go: NoGoOverride | None = Field(
        default=None,
        description="Go on after a NO_GO that stands already; name and reason are recorded.",
    )
    retrain: bool = Field(
        default=False, description="Train also stages that already have a GO of the same recipe."
    )
    resume: bool = Field(
        default=False, description="Go on with an interrupted training from its checkpoint."
    )
    retried: bool = Field(
        default=False,
        description="The same request was begun before: go on with what was interrupted then.",
    )
    warm_start: WarmStartOption | None = Field(
        default=None,
        description="Checkpoint that a single stage begins with; as its file says when absent.",
    )
    live: LiveMode | None = Field(
        default=None,
        description="What the live gate does with a lost run; the stage files' modes when absent.",
    )

    @property
    def terms(self) -> Terms:
        """What follows a CONDITIONAL."""
        return Terms(
            on_conditional=self.on_conditional, wait_h=self.wait_h, on_timeout=self.on_timeout
        )

    def plan(self) -> PipelinePlan:
        """Resolve and check the request.

        Raises:
            ConfigError: With all mistakes at once.
        """
        return resolve_plan(
            preset=self.preset,
            stages=self.stages,
            seed=self.seed,
            overrides=self.overrides,
            live=self.live,
        )

    def open(self, plan: PipelinePlan) -> PipelineDirectory:
        """Open the pipeline directory for us alone.

        Raises:
            UsageError: It is in use, or holds something else.
            OutputError: It cannot be written.
        """
        grace_s = max(stage.supervision.grace_s for stage in plan.stages)
        return PipelineDirectory.open(
            self.out,
            plan,
            preset_source=reference(self.preset),
            # One stage alone does not change which stages the pipeline consists of.
            stages_asked=None if self.retrain else tuple(map(reference, self.stages)),
            wait_for_trainer_s=grace_s + 10.0 if self.resume or self.retried else 0.0,
        )
