"""What a group of seeds is asked to do: one pipeline, the same for every seed."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from flows.errors import ConfigError
from flows.pipeline.request import PipelineRequest
from flows.records.group_dir import GroupDirectory, seed_folder
from flows.settings.placeholders import names_in
from flows.settings.plan import PipelinePlan
from flows.settings.seeds import MOST_SEEDS, checked_seeds
from flows.settings.setting_files import reference
from gates.checks.gate_file import load_gate

Engine = Literal["local", "dask"]


class SeedsRequest(BaseModel):
    """The parameters of `validate_seeds`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    pipeline: PipelineRequest = Field(
        description="What every seed does; `out` is the group's folder, `seed` is not used."
    )
    seeds: tuple[int, ...] = Field(
        min_length=2, max_length=MOST_SEEDS, description="Seeds that belong together."
    )
    only: tuple[int, ...] = Field(
        default=(), description="Seeds to train now; the others stay as they are. All when empty."
    )
    jobs: int | None = Field(
        default=None, ge=1, description="Trainings at the same time; as many as fit when absent."
    )
    engine: Engine = Field(
        default="local",
        description="Where seeds train: processes of this machine, or Dask workers.",
    )
    dask_address: str | None = Field(
        default=None, description="Dask scheduler; a cluster on this machine when absent."
    )

    def of_seed(self, seed: int) -> PipelineRequest:
        """Return what one seed is asked to do in its own pipeline directory."""
        out = seed_folder(self.pipeline.out, seed)
        return self.pipeline.model_copy(update={"seed": seed, "out": out})

    def plans(self) -> dict[int, PipelinePlan]:
        """Resolve and check the request; return the plan of each seed.

        Raises:
            ConfigError: With all mistakes at once.
            UsageError: The seeds cannot be used.
        """
        first, *others = checked_seeds(self.seeds)
        plan = self.of_seed(first).plan()
        mistakes = [*_too_few_seeds(plan, len(self.seeds)), *_seed_not_used(plan)]
        if mistakes:
            raise ConfigError(mistakes)
        return {first: plan, **{seed: self._plan_like(plan, seed) for seed in others}}

    def _plan_like(self, plan: PipelinePlan, seed: int) -> PipelinePlan:
        """Return the plan of another seed, which changes nothing that our trainer would check again."""
        if any(stage.trainer is not None for stage in plan.stages):
            return self.of_seed(seed).plan()
        stages = (replace(stage, request={**stage.request, "seed": seed}) for stage in plan.stages)
        return replace(plan, seed=seed, stages=tuple(stages))

    def open(self, plan: PipelinePlan) -> GroupDirectory:
        """Open the group directory for us alone.

        Raises:
            UsageError: It is in use, or holds something else.
            OutputError: It cannot be written.
        """
        asked = () if self.pipeline.retrain else tuple(map(reference, self.pipeline.stages))
        return GroupDirectory.open(
            self.pipeline.out,
            preset=plan.preset,
            preset_source=reference(self.pipeline.preset),
            seeds=checked_seeds(self.seeds),
            overrides=plan.overrides,
            stages_asked=asked,
        )


def _too_few_seeds(plan: PipelinePlan, seeds: int) -> list[str]:
    """Return one sentence for each gate that so few seeds can never pass."""
    needed = {stage.name: load_gate(stage.gate).seeds_needed for stage in plan.stages}
    return [
        f"{name}: its gate needs {count} seeds that pass, there are {seeds}; name more --seeds, or "
        "write seeds_needed as a share"
        for name, count in needed.items()
        if isinstance(count, int) and count > seeds
    ]


def _seed_not_used(plan: PipelinePlan) -> list[str]:
    """Say that a trainer by command does not take the seed: all would be one and the same training."""
    trainer = plan.stages[0].trainer
    if trainer is None:
        return []
    texts = (*trainer.section.command, *trainer.section.env.values())
    if any("seed" in names_in(text) for text in texts):
        return []
    return [
        f"preset {plan.preset}: trainer.command never uses {{seed}}, so all seeds would be alike"
    ]
