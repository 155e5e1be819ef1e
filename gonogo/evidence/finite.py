"""NaN and infinity that an environment returned, before anything learned from them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

FEW = 64
"""Numbers up to which plain ones are quicker than arrays, whose code has left the processor's caches between steps."""


def first_not_finite(rewards: Any, observations: Any) -> dict[str, str] | None:
    """Return the first number of a step that is not finite, as `environment_fault` of status.json; None without one.

    Args:
        rewards: `float[environments]`.
        observations: An array `[environments, ...]`, or a mapping of such arrays.
    """
    seen = observations
    few = isinstance(seen, np.ndarray) and seen.dtype.kind == "f" and seen.size <= FEW
    # A sum is finite where all of its numbers are, unless they are very large.
    if few and math.isfinite(sum(seen.ravel().tolist(), sum(np.asarray(rewards).tolist()))):
        return None
    for part, name, array in (("reward", "reward", rewards), *_named(observations)):
        values = np.asarray(array)
        if values.dtype.kind == "f" and not _all_finite(values):
            at = np.argwhere(~np.isfinite(values))[0].tolist()
            place = f"[{', '.join(map(str, at[1:]))}]" if len(at) > 1 else ""
            return {"part": part, "key": f"{name}{place}", "value": str(float(values[tuple(at)]))}
    return None


def _all_finite(values: NDArray[Any]) -> bool:
    if values.size <= FEW:
        return all(map(math.isfinite, values.ravel().tolist()))
    return bool(np.isfinite(values).all())


def _named(observations: Any) -> Iterator[tuple[str, str, Any]]:
    if not isinstance(observations, Mapping):
        yield "observation", "observation", observations
        return
    for key, array in observations.items():
        yield "observation", f"observation.{key}", array
