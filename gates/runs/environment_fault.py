"""What an environment returned that nothing can be learned from: `environment_fault` of status.json."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct


class EnvironmentFault(Struct, frozen=True, kw_only=True):
    """NaN or infinity in an observation or a reward."""

    step: int
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
    step, texts = found.get("step"), [str(found.get(k) or "") for k in ("part", "key", "value")]
    if not isinstance(step, int) or not all(texts):
        return None
    part, key, value = texts
    return EnvironmentFault(step=step, part=part, key=key, value=value)
