"""Makes the content of request.json for one stage: preset, cadence of the stage, overrides."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from flows.settings.mistakes import Mistake
from flows.settings.overrides import Override, apply_overrides
from flows.settings.routes import evaluation_routes
from flows.settings.setting_files import PresetFile, StageFile
from flows.settings.trainers.command_trainer import (
    TrainerCommand,
    TrainerSection,
    parse_trainer,
    resolve_trainer,
)
from flows.settings.trainers.placeholders import Value
from flows.settings.trainers.trainer_check import CheckResult, Needs


def stage_request(
    preset: PresetFile, stage: StageFile, seed: int, overrides: Sequence[Override]
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return the request and one sentence for each override that does not fit.

    Raises:
        ConfigError: The routes of the environment have mistakes.
    """
    own = not preset.by_command
    wrong_root = [
        f"--set {override.text}: {_wrong_root(preset, override)}"
        for override in overrides
        if (override.key[0] == "trainer") is own
    ]
    cadence = _cadence(stage)
    base = (
        {"env": preset.env or {}, "train": {**(preset.train or {}), **cadence}}
        if own
        else {"trainer": preset.trainer}
    )
    config, misfits = apply_overrides(base, () if wrong_root else overrides)
    request = {
        "format": 1,
        "preset": preset.name,
        "stage": stage.name,
        "planned_steps": stage.steps,
        "seed": seed,
        **config,
    }
    routes = evaluation_routes(config["env"], stage.eval.at_the_end) if own else None
    if routes is not None:
        request["routes"] = routes
    if own:
        request["final_episodes"] = stage.eval.at_the_end
    return request, (*wrong_root, *misfits)


def check_by_command(
    request: dict[str, Any], stage: StageFile, folder: Path
) -> tuple[TrainerCommand | None, CheckResult]:
    """Check a request of a trainer by command, as our own trainer checks one of its own.

    `request["trainer"]` is replaced by what was understood.
    """
    mistakes: list[Mistake] = []
    section = parse_trainer(request["trainer"], mistakes)
    if section is None:
        return None, CheckResult(mistakes=tuple(mistakes))
    given: dict[str, Value] = {
        "steps": stage.steps,
        "seed": request["seed"],
        "stage": stage.name,
        "preset": request["preset"],
        **_cadence(stage),
    }
    trainer = resolve_trainer(section, folder=folder, given=given, mistakes=mistakes)
    request["trainer"] = trainer.as_request()
    resolved = {
        "env": {},
        "train": dict(section.values),
        "config_sha256": _recipe_of(section, trainer.dialect),
    }
    return trainer, CheckResult(
        resolved=resolved, needs=_needs(section), mistakes=tuple(dict.fromkeys(mistakes))
    )


def _cadence(stage: StageFile) -> dict[str, int]:
    return {
        "eval_every_steps": stage.eval.every_steps,
        "eval_episodes": stage.eval.episodes,
        "checkpoint_every_steps": stage.checkpoint.every_steps,
    }


def _needs(section: TrainerSection) -> Needs:
    """Take a command's values at their word if they are named like ours: the rest is unknown."""
    device, threads = section.values.get("device"), section.values.get("threads")
    return Needs(
        device="cuda" if device == "cuda" else "cpu",
        threads=threads if isinstance(threads, int) and threads > 0 else 1,
    )


def _wrong_root(preset: PresetFile, override: Override) -> str:
    if override.key[0] == "trainer":
        return (
            f"preset {preset.name} is for our own trainer; its keys start with env. or train. "
            "(trainer. is for presets with a command)"
        )
    values = _values(preset.trainer)
    name = override.key[-1]
    known = ", ".join(f"trainer.values.{known}" for known in sorted(values))
    meant = f"trainer.values.{name}" if name in values else known or "none are named there"
    return f"preset {preset.name} starts a command of its own; its values are {meant}"


def _values(trainer: object) -> Mapping[str, Any]:
    values = trainer.get("values") if isinstance(trainer, Mapping) else None
    return values if isinstance(values, Mapping) else {}


def _recipe_of(section: TrainerSection, dialect: str) -> str:
    """Hash what all stages of one recipe share."""
    content: Mapping[str, Any] = {
        "command": list(section.command),
        "values": section.values,
        "env": section.env,
        "dialect": dialect,
    }
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()
