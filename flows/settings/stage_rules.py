"""Finds shipped files by name, and by what a shipped stage is judged; nothing else of a file is read or checked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from flows.settings.yaml_file import YamlError, read_mapping
from gates.runs.config_files import config_dir


@dataclass(frozen=True, kw_only=True)
class StageRules:
    """What a judgement needs of a stage file."""

    name: str
    gate: str
    """As `gates.checks.gate_file.load_gate` takes it."""
    steps: int


def shipped_rules(name: str) -> StageRules | None:
    """Read by what a stage of config/stages is judged; None where there is none of that name or it has mistakes."""
    if is_path(name) or name not in shipped("stage"):
        return None
    path = shipped_file("stage", name)
    try:
        told = read_mapping(path)
    except YamlError:
        return None
    match told:
        case {"name": str(own), "gate": str(gate), "steps": int(steps)}:
            return StageRules(name=own, gate=gate_reference(path, gate), steps=steps)
    return None


def shipped_after(name: str, order: Sequence[str]) -> StageRules | None:
    """Return the shipped stage that follows another one; None after the last one, and of another stage."""
    later = order[order.index(name) + 1 :] if name in order else ()
    return shipped_rules(later[0]) if later else None


def gate_reference(path: Path, gate: str) -> str:
    """Return the gate that a stage file names, as `gates.checks.gate_file.load_gate` takes it."""
    if gate.endswith((".yaml", ".yml")):
        return str((path.parent / gate).resolve())
    return gate


def is_path(name: str) -> bool:
    """Tell a path from a name."""
    return name.endswith((".yaml", ".yml")) or "/" in name


def shipped(kind: str) -> tuple[str, ...]:
    """Names of the presets or stages that come with the product."""
    return tuple(sorted(path.stem for path in (config_dir() / f"{kind}s").glob("*.yaml")))


def shipped_file(kind: str, name: str) -> Path:
    """Path of the preset or stage of that name that comes with the product."""
    return config_dir() / f"{kind}s" / f"{name}.yaml"
