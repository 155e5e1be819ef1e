"""What an environment returned that ended a training: `environment_fault` of status.json."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class EnvironmentFault:
    """NaN or infinity in an observation or a reward."""

    part: str
    """`observation` or `reward`."""
    key: str
    """Where: `observation.speed[1]`, or `reward`."""
    value: str
    """`nan`, `inf` or `-inf`."""


def environment_fault_of(status: Mapping[str, object]) -> EnvironmentFault | None:
    """Return the fault that status.json names; None without one."""
    found = status.get("environment_fault")
    if not isinstance(found, Mapping):
        return None
    texts = {name: str(found.get(name) or "") for name in ("part", "key", "value")}
    return EnvironmentFault(**texts) if all(texts.values()) else None
