"""What a run was configured to do: our trainer's run.json and status.json, or a file given by the user."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from msgspec import Struct, field, structs

from gates.errors import GateConfigError, InputError
from gates.runs.config_files import parse_yaml
from gates.runs.ended_early import EndedEarly, read_ended_early
from gates.runs.environment_fault import EnvironmentFault, environment_fault_of
from gates.runs.evidence_end import EvidenceEnd, read_evidence_end

CONFIG_KEYS = frozenset(
    {
        "train_freq", "gradient_steps", "learning_starts", "policy_delay", "batch_size", "buffer_size", "num_envs",
        "gamma", "tau", "actor_lr", "critic_lr", "actor_cnn_lr", "critic_cnn_lr", "critic_weight_decay",
        "reward_scale", "reward_clip", "reward_normalization", "preact_penalty", "normalize_actor_loss",
        "critic_warmup_updates", "actor_cnn_max_grad_norm", "actor_mlp_max_grad_norm", "critic_cnn_max_grad_norm",
        "critic_mlp_max_grad_norm", "exploration_noise", "log_every_updates", "layer_norm", "updates",
    }
)  # fmt: skip
"""Hyperparameters that the audit or a check can hold against the events; others in a file are kept and not used."""


class RunInfo(Struct, frozen=True, kw_only=True):
    """Configuration of the run that is judged; keys that are unknown are absent, never guessed."""

    source: str
    """File that it was read from."""
    preset: str = ""
    stage: str = ""
    seed: int | None = None
    planned_steps: int | None = None
    algorithm: str = ""
    env: Mapping[str, object] = field(default_factory=dict)
    train: Mapping[str, object] = field(default_factory=dict)
    config_sha256: str = ""
    git_revision: str | None = None
    versions: Mapping[str, str] = field(default_factory=dict)
    started_at: str = ""
    attempts: tuple[Mapping[str, object], ...] = ()
    phase: str = ""
    """Of status.json: `finished`, `stopped`, `failed`, or one of a run that is still going; empty when unknown."""
    status_step: int | None = None
    status_updates: int | None = None
    environment_fault: EnvironmentFault | None = None
    """Set when the environment returned NaN or infinity."""
    ended_early: EndedEarly | None = None
    """Set when early stopping ended the training."""
    evidence_end: EvidenceEnd | None = None
    """Set when what collected evidence inside another trainer broke while the training went on."""
    warm_start: bool = False
    """The run began with what another one learned, not with fresh networks."""
    complete: bool = False
    """True for run.json of our trainer, which holds every default; False where a few keys may be named only."""
    evidence: bool = False
    """The trainer promises to log the evidence tags, so that their absence says something."""
    every_episode: bool = False
    """The trainer logs every single episode: where none is logged, none ended."""
    no_encoder: bool = False
    """The policy has no encoder, so that none of its tags is missing."""
    dialect: str = ""
    """Dialect that the run declares: a name, or the absolute path of a mapping file; empty: found by its tags."""

    def number(self, key: str) -> float | None:
        """Return a finite number of `train`, or None when the key is absent, unset or no number."""
        value = self.train.get(key)
        if (
            isinstance(value, bool)
            or not isinstance(value, (int, float))
            or not math.isfinite(value)
        ):
            return None
        return float(value)

    def flag(self, key: str) -> bool | None:
        """Return a truth value of `train`, or None when it is absent."""
        value = self.train.get(key)
        return value if isinstance(value, bool) else None


def load_run_info(directory: Path) -> RunInfo | None:
    """Read run.json and, when there, status.json, ended-early.json and evidence-end.json of a run directory.

    None when it is another trainer's directory, also where a tool of theirs writes a run.json of its own,
    which has no `format`. A folder of event files inside a run directory (`run-001/events`) belongs to that run.

    Raises:
        InputError: One of the files is there but is not what the contract says.
    """
    for folder in (directory, directory.parent if directory.name == "events" else directory):
        path = folder / "run.json"
        data = _read_json(path) if path.is_file() else None
        if data is not None and "format" in data:
            info = _with_status(_from_run_json(data, path), folder / "status.json")
            return structs.replace(
                info,
                ended_early=read_ended_early(folder),
                evidence_end=read_evidence_end(folder),
            )
    return None


def load_config(path: Path) -> RunInfo:
    """Read what a run of another trainer was meant to do, from YAML or JSON.

    Hyperparameters stand at the top or under `train`; `planned_steps`, `preset`, `seed` and `env` at the top.

    Raises:
        GateConfigError: The file cannot be read or its keys have no use here.
    """
    try:
        data = parse_yaml(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise GateConfigError(
            (f"{path}: cannot be read as YAML or JSON: {_one_line(error)}",)
        ) from error
    if not isinstance(data, dict) or not all(isinstance(key, str) for key in data):
        raise GateConfigError((f"{path}: must be a mapping of keys to values",))
    if (
        data.get("format") == 1
        and isinstance(data.get("train"), dict)
        and isinstance(data.get("env"), dict)
    ):
        info = _from_run_json(data, path)
        return structs.replace(info, complete=info.complete and "config_sha256" in data)
    train = dict(data.get("train") or {}) if isinstance(data.get("train") or {}, dict) else {}
    train.update({key: value for key, value in data.items() if key in CONFIG_KEYS})
    mistakes = [
        f"{path}: {key}: must be a finite number, got {value!r}"
        for key, value in train.items()
        if key in CONFIG_KEYS and not _usable(value)
    ]
    planned = data.get("planned_steps")
    if planned is not None and not _is_count(planned):
        mistakes.append(f"{path}: planned_steps: must be a whole number above 0, got {planned!r}")
    if not train and planned is None:
        known = ", ".join(sorted(CONFIG_KEYS))
        mistakes.append(
            f"{path}: none of its keys can be held against the events; known are planned_steps, {known}"
        )
    if mistakes:
        raise GateConfigError(tuple(mistakes))
    seed = data.get("seed")
    return RunInfo(
        source=str(path),
        preset=str(data.get("preset") or ""),
        seed=seed if isinstance(seed, int) else None,
        planned_steps=planned,
        algorithm=str(data.get("algorithm") or ""),
        env=data["env"] if isinstance(data.get("env"), dict) else {},
        train=train,
    )


def _from_run_json(data: Mapping[str, Any], path: Path) -> RunInfo:
    mistakes = [
        f"{key} must be {meaning}"
        for key, meaning, fits in (
            ("planned_steps", "a whole number above 0", _is_count(data.get("planned_steps"))),
            ("train", "a mapping", isinstance(data.get("train"), dict)),
            ("env", "a mapping", isinstance(data.get("env"), dict)),
        )
        if not fits
    ]
    if data.get("format") != 1:
        mistakes.insert(0, f"format must be 1, got {data.get('format')!r}")
    if mistakes:
        raise InputError(f"{path} is not a run.json: {'; '.join(mistakes)}")
    attempts = data.get("attempts")
    seed = data.get("seed")
    revision = data.get("git_revision")
    versions = data.get("versions")
    trainer = data.get("trainer")
    return RunInfo(
        source=str(path),
        preset=str(data.get("preset") or ""),
        stage=str(data.get("stage") or ""),
        seed=seed if isinstance(seed, int) else None,
        planned_steps=data["planned_steps"],
        algorithm=str(data.get("algorithm") or ""),
        env=data["env"],
        train=data["train"],
        config_sha256=str(data.get("config_sha256") or ""),
        git_revision=revision if isinstance(revision, str) else None,
        versions={str(k): str(v) for k, v in versions.items()}
        if isinstance(versions, dict)
        else {},
        started_at=str(data.get("started_at") or ""),
        attempts=tuple(a for a in attempts if isinstance(a, dict))
        if isinstance(attempts, list)
        else (),
        warm_start=isinstance(data.get("warm_start"), dict),
        complete=trainer is None,
        evidence=data.get("evidence") is True,
        every_episode=trainer is None or _says(trainer, "every_episode", True),
        no_encoder=_says(trainer, "encoder", False),
        dialect=_dialect(trainer, path),
    )


def _says(trainer: object, key: str, value: bool) -> bool:
    return isinstance(trainer, dict) and trainer.get(key) is value


def _dialect(trainer: object, path: Path) -> str:
    """Return the dialect of a trainer by command; a mapping file lies beside run.json."""
    name = trainer.get("dialect") if isinstance(trainer, dict) else None
    if not isinstance(name, str):
        return ""
    return str(path.parent.absolute() / name) if name.endswith((".yaml", ".yml")) else name


def _with_status(info: RunInfo, path: Path) -> RunInfo:
    if not path.is_file():
        return info
    data = _read_json(path)
    step, updates = data.get("step"), data.get("updates")
    return structs.replace(
        info,
        phase=str(data.get("phase") or ""),
        status_step=step if isinstance(step, int) else None,
        status_updates=updates if isinstance(updates, int) else None,
        environment_fault=environment_fault_of(data),
    )


def _read_json(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read: {_one_line(error)}") from error
    if not isinstance(data, dict):
        raise InputError(f"{path} must hold a JSON object")
    return data


def _usable(value: object) -> bool:
    return (
        value is None
        or isinstance(value, (bool, str, int))
        or (isinstance(value, float) and math.isfinite(value))
    )


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
