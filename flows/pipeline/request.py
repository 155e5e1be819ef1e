"""What a run is asked to do: one record for the command line, the forms and the flow."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, ValidationError, field_validator, model_validator

from flows.errors import ConfigError, UsageError
from flows.records.decisions import Signed, signed
from flows.records.group_dir import GroupDirectory, read_group, seed_folder
from flows.records.group_record import GroupRecord
from flows.records.run_dir import PipelineDirectory, read_record
from flows.settings.mistakes import message_of
from flows.settings.plan import PipelinePlan, resolve_plan
from flows.settings.run_options import RunOptions, run_options
from flows.settings.seeds import AUTO, AutoSeeds, checked_seeds, parse_seeds, seeds_text
from flows.settings.setting_files import known_stages, reference, stages_of
from flows.settings.stage_rules import is_path
from flows.settings.trainers.placeholders import names_in
from flows.settings.warm_start import WarmStartOption, parse_warm_start
from gates.checks.gate_file import load_gate

_AFTER_GRACE_S = 10.0
"""Beyond its grace time, for a trainer whose supervisor was killed to save itself."""


class RunRequest(RunOptions, BaseModel):
    """The options of a run, checked.

    `completed` fills in what was not given. Several seeds make a group with a pipeline directory for
    each seed; a single seed is a group of one that needs no folder of its own.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    single_stage: bool = False
    """One stage by itself: which stages the pipeline consists of stays as it is."""
    only: tuple[int, ...] = ()
    """Seeds of a group to train now, all when empty; the others keep what they have."""
    auto_seeds: bool = False
    """`seeds` are those that may be trained, in this order; they are added until it is decided."""

    @classmethod
    def asked(cls, options: Mapping[str, Any]) -> RunRequest:
        """Return the request for the options that were given.

        Raises:
            ConfigError: With all mistakes at once, each with its option.
            UsageError: The seeds cannot be used.
        """
        try:
            return cls.model_validate(options)
        except ValidationError as error:
            raise ConfigError(_mistake(item) for item in error.errors()) from None

    @model_validator(mode="before")
    @classmethod
    def _auto(cls, options: object) -> object:
        if not isinstance(options, Mapping) or options.get("seeds") not in (AUTO, [AUTO], (AUTO,)):
            return options
        # How many there may be, the stages say; see `completed`.
        return {**options, "seeds": tuple(range(AutoSeeds().most)), "auto_seeds": True}

    @field_validator("stages", mode="before")
    @classmethod
    def _split(cls, stages: object) -> object:
        if not isinstance(stages, str):
            return stages
        return tuple(name.strip() for name in stages.split(",") if name.strip())

    @field_validator("stages")
    @classmethod
    def _not_empty(cls, stages: tuple[str, ...]) -> tuple[str, ...]:
        if not stages:
            raise ValueError("name at least one stage")
        return stages

    @field_validator("seeds", mode="before")
    @classmethod
    def _seeds(cls, seeds: object) -> object:
        return parse_seeds(seeds) if isinstance(seeds, str) else seeds

    @field_validator("seeds")
    @classmethod
    def _rising(cls, seeds: tuple[int, ...]) -> tuple[int, ...]:
        return checked_seeds(seeds)

    @field_validator("out")
    @classmethod
    def _absolute(cls, out: Path) -> Path:
        return out.absolute()

    @model_validator(mode="after")
    def _within_bounds(self) -> RunRequest:
        for name, option in run_options().items():
            value = getattr(self, name)
            broken = option.about.mistake(value) if isinstance(value, (int, float)) else ""
            if broken:
                raise ValueError(f"{option.flag} {value:g}: {broken}")
        return self

    @property
    def is_group(self) -> bool:
        """True for several seeds, which are judged together."""
        return len(self.seeds) > 1

    @property
    def seeds_text(self) -> str:
        """The seeds as `--seeds` takes them."""
        return AUTO if self.auto_seeds else seeds_text(self.seeds)

    @property
    def override_signed(self) -> Signed | None:
        """Who orders to continue after a NO_GO, and why; None when nobody does.

        Raises:
            UsageError: The reason is missing or too long, or there is nothing that it belongs to.
        """
        if self.override_no_go:
            return signed(self.name, self.reason, before="--override-no-go needs ")
        if self.reason or self.name:
            raise UsageError("--reason and --name belong to --override-no-go.")
        return None

    @property
    def warm_start_option(self) -> WarmStartOption | None:
        """The checkpoint that the stage starts from; None: as its file says.

        Raises:
            UsageError: `--carry` was given without a run.
        """
        return parse_warm_start(self.warm_start, self.carry)

    def completed(self, *, runs: Path = Path("runs"), stamp: str = "") -> RunRequest:
        """Fill in what was not given: from the directory in `out`, else from the defaults.

        Args:
            runs: Folder for a new pipeline directory.
            stamp: Ends the name of a new directory; the time of day when empty. The same stamp gives
                the same directory, which a retry needs.

        Raises:
            UsageError: The options contradict each other or what the directory holds.
        """
        said = self.model_fields_set
        found: dict[str, Any] = {}
        out = self.out if "out" in said else self._new_folder(runs, stamp)
        group = read_group(out)
        earlier = group if group is not None else read_record(out)
        if earlier is not None:
            if "preset" not in said:
                found["preset"] = earlier.preset_source
            if "stages" not in said and earlier.stages_asked:
                found["stages"] = earlier.stages_asked
            elif "stages" in said:
                found["stages"] = stages_of(self.stages, earlier.stages_asked)
            if "seeds" not in said:
                found["seeds"] = (
                    earlier.seeds if isinstance(earlier, GroupRecord) else (earlier.seed,)
                )
            found["overrides"] = merge_overrides(earlier.overrides, self.overrides)
        elif self.override_signed is not None:
            raise UsageError(
                "--override-no-go needs --out with a pipeline: only an existing verdict can be "
                "overridden."
            )
        auto = self.auto_seeds or (group is not None and group.auto_seeds and "seeds" not in said)
        if auto:
            stages = found.get("stages", self.stages)
            most = max((stage.auto_seeds.most for stage in known_stages(stages)), default=0)
            known = group.seeds if group is not None else ()
            found |= {"seeds": _candidates(known, most or len(self.seeds)), "auto_seeds": True}
        elif group is not None and "seeds" in said and not set(self.seeds) >= set(group.seeds):
            found |= {"seeds": group.seeds, "only": self._some_of(group)}
        request = self.model_copy(update={"out": out.absolute(), **found})
        request._check_together()
        return request

    def _new_folder(self, runs: Path, stamp: str) -> Path:
        recipe = Path(self.preset).stem if is_path(self.preset) else self.preset
        when = stamp or time.strftime("%Y%m%d-%H%M%S")
        seeds = f"seed{'s' if self.is_group else ''}{self.seeds_text.replace(',', '_')}"
        folder = runs / f"{recipe}-{seeds}-{when}"[:120]
        return folder if stamp else _unused(folder)

    def _some_of(self, group: GroupRecord) -> tuple[int, ...]:
        """Return the seeds that were named, if a part of the group may train by itself."""
        asked, known = seeds_text(self.seeds), seeds_text(group.seeds)
        if not self.single_stage or not set(self.seeds) <= set(group.seeds):
            raise UsageError(
                f"--seeds {asked}: the group holds seeds {known}, which pass each stage together. Leave "
                "--seeds out, name more seeds in addition to these, or train one stage of some of "
                f"them: gonogo stage NAME --seeds {group.seeds[0]} --out GROUP."
            )
        if self.overrides:
            raise UsageError(
                f"--set with --seeds {asked} would give these seeds another recipe than the rest of "
                "the group, and they could not be judged together; leave one of the two out."
            )
        return self.seeds

    def _check_together(self) -> None:
        _ = self.override_signed, self.warm_start_option
        if not self.is_group:
            if self.jobs is not None or self.engine != "local" or self.dask_address:
                raise UsageError(
                    "--jobs, --engine and --dask-address need several --seeds, such as 0-4."
                )
            return
        if self.warm_start:
            raise UsageError(
                "--warm-start names one run, but seeds must not share what they learned; write "
                "warm_start: weights into the stage file, and each seed starts from its own run."
            )
        if self.dask_address:
            self._check_dask_address()

    def _check_dask_address(self) -> None:
        if self.engine != "dask":
            raise UsageError("--dask-address needs --engine dask.")
        if self.jobs is not None:
            raise UsageError("--jobs: the workers of the cluster at --dask-address decide that.")
        try:
            parts = urlsplit(self.dask_address)
            host, port = parts.hostname, parts.port
        except ValueError:
            host, port = None, None
        if not host or port is None:
            raise UsageError(
                f"--dask-address {self.dask_address}: must be the address of a scheduler, such as "
                "tcp://10.0.0.1:8786."
            )
        if host not in ("localhost", "127.0.0.1", "::1") and "PREFECT_API_URL" not in os.environ:
            raise UsageError(
                f"--dask-address {self.dask_address}: workers on other machines cannot reach the "
                "server that one command starts for itself. Start a Prefect server that they reach "
                "and set PREFECT_API_URL."
            )

    def of_seed(self, seed: int) -> RunRequest:
        """Return what one seed is asked to do in its own pipeline directory."""
        if not self.is_group:
            return self
        out = seed_folder(self.out, seed)
        update = {"seeds": (seed,), "only": (), "auto_seeds": False, "out": out}
        return self.model_copy(update=update)

    def plan(self) -> PipelinePlan:
        """Resolve and check the request for its first seed.

        Raises:
            ConfigError: With all mistakes at once.
        """
        return resolve_plan(
            preset=self.preset,
            stages=self.stages,
            seed=self.seeds[0],
            overrides=self.overrides,
            live=self.live,
            on_plateau=self.on_plateau,
        )

    def plans(self) -> dict[int, PipelinePlan]:
        """Resolve and check the request; return the plan of each seed.

        Raises:
            ConfigError: With all mistakes at once.
        """
        first, *others = self.seeds
        plan = self.plan()
        if self.is_group:
            mistakes = [*_too_few_seeds(plan, len(self.seeds)), *_seed_not_used(plan)]
            if mistakes:
                raise ConfigError(mistakes)
        return {first: plan, **{seed: self._plan_like(plan, seed) for seed in others}}

    def _plan_like(self, plan: PipelinePlan, seed: int) -> PipelinePlan:
        """Return the plan of another seed, which changes nothing that our trainer would check."""
        if any(stage.trainer is not None for stage in plan.stages):
            return self.of_seed(seed).plan()
        stages = (replace(stage, request={**stage.request, "seed": seed}) for stage in plan.stages)
        return replace(plan, seed=seed, stages=tuple(stages))

    def open(self, plan: PipelinePlan, *, resuming: bool = False) -> PipelineDirectory:
        """Open a single seed's pipeline directory for us alone; `resuming` waits for a trainer left without supervisor.

        Raises:
            UsageError: It is in use, or holds something else.
            OutputError: It cannot be written.
        """
        grace_s = max(stage.supervision.grace_s for stage in plan.stages)
        return PipelineDirectory.open(
            self.out,
            plan,
            wait_for_trainer_s=grace_s + _AFTER_GRACE_S if resuming else 0.0,
            **self._sources,
        )

    def open_group(self, plan: PipelinePlan) -> GroupDirectory:
        """Open the group directory for us alone.

        Raises:
            UsageError: It is in use, or holds something else.
            OutputError: It cannot be written.
        """
        seeds = self.seeds
        if self.auto_seeds:
            known = read_group(self.out)
            seeds = known.seeds if known is not None else seeds[: plan.stages[0].auto_seeds.round]
        return GroupDirectory.open(
            self.out, plan, seeds=seeds, auto_seeds=self.auto_seeds, **self._sources
        )

    @property
    def _sources(self) -> dict[str, Any]:
        asked = () if self.single_stage else tuple(map(reference, self.stages))
        return {"preset_source": reference(self.preset), "stages_asked": asked}


def merge_overrides(old: Sequence[str], new: Sequence[str]) -> tuple[str, ...]:
    """Return the old overrides with the new ones; for the same key the new one counts."""
    keys = {text.partition("=")[0].strip() for text in new}
    return (*(text for text in old if text.partition("=")[0].strip() not in keys), *new)


def _mistake(item: Mapping[str, Any]) -> str:
    """Say what is wrong with one option."""
    if not item["loc"]:
        return message_of(item)
    options = run_options()
    name = str(item["loc"][0])
    option = options[name].flag if name in options else name
    return f"{option}: {message_of(item)}"


def _candidates(known: Sequence[int], most: int) -> tuple[int, ...]:
    """Return the seeds that may be trained: those of a group, and then those that follow."""
    first = max(known, default=-1) + 1
    return (*known, *range(first, first + most - len(known)))


def _unused(path: Path) -> Path:
    """Return the path, or one with a number behind it when another run took it this second."""
    number = 1
    candidate = path
    while candidate.exists():
        number += 1
        candidate = path.with_name(f"{path.name}-{number}")
    return candidate


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
    """Say that a trainer by command ignores the seed: every training would be the same."""
    trainer = plan.stages[0].trainer
    if trainer is None:
        return []
    texts = (*trainer.section.command, *trainer.section.env.values())
    if any("seed" in names_in(text) for text in texts):
        return []
    return [
        f"preset {plan.preset}: trainer.command never uses {{seed}}, so all seeds would be the same"
    ]
