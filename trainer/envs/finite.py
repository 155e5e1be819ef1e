"""Holds what an environment returns against what can be learned from: finite numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.envs.errors import NotFiniteError


def refuse_not_finite(
    env: object, obs: Mapping[str, NDArray[Any]], reward: NDArray[np.float64] | None = None
) -> None:
    """Refuse NaN and infinity, before they reach the replay buffer or a network.

    Args:
        env: The environments; one that has `key_of` names the numbers of its vector itself.
        obs: Observations; a camera's are whole numbers, and always finite.
        reward: `float[num_envs]`; None after a reset.

    Raises:
        NotFiniteError: Names the first of them.
    """
    if reward is not None and not np.isfinite(reward).all():
        value = float(np.asarray(reward)[~np.isfinite(reward)][0])
        raise NotFiniteError(part="reward", key="reward", value=value)
    vector = obs["vector"]
    if not np.isfinite(vector).all():
        row, column = np.argwhere(~np.isfinite(vector))[0].tolist()
        key_of = getattr(env, "key_of", _key_of)
        raise NotFiniteError(
            part="observation", key=key_of(column), value=float(vector[row, column])
        )


def _key_of(column: int) -> str:
    return f"observation.vector[{column}]"
