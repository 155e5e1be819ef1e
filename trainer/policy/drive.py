"""Drives a policy for people to watch: how each episode ended, and what the camera saw."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.evaluate import evaluate
from trainer.policy.saved import SavedPolicy
from trainer.run.files import write_atomically


def drive(
    saved: SavedPolicy, *, episodes: int, first_seed: int, folder: Path | None
) -> dict[str, Any]:
    """Drive episodes without noise and return how each one went.

    Args:
        saved: The policy.
        episodes: How many.
        first_seed: Seed of the first one; the next ones count up.
        folder: Where `episode-001.npz` and so on are written, each with `camera`, `uint8[steps, height, width]`; None
            for no pictures.

    Raises:
        EnvironmentSetupError: The environment cannot be made.
        OSError: The pictures cannot be written.
    """
    task = saved.task
    env = task.make_env(1, first_seed)
    pictures: list[NDArray[np.uint8]] = []

    def act(obs: Mapping[str, NDArray[Any]]) -> NDArray[Any]:
        if folder is not None and "camera" in obs:
            pictures.append(obs["camera"][0, -1].copy())
        return saved.act(obs)

    found = []
    try:
        for number in range(episodes):
            pictures.clear()
            (done,) = evaluate(
                env,
                act,
                episodes=1,
                seed=[first_seed + number],
                gamma=task.request.train.gamma,
                driving=task.spec.driving,
            )
            if folder is not None and pictures:
                content = np.stack(pictures)
                path = folder / f"episode-{number + 1:03d}.npz"
                write_atomically(path, lambda file, c=content: np.savez_compressed(file, camera=c))  # type: ignore[misc]
            found.append(
                {
                    "seed": first_seed + number,
                    "return": done.total,
                    "steps": done.length,
                    "ending": done.driven.ending if done.driven else "",
                    "route_completion": done.driven.route_completion if done.driven else None,
                    "mean_speed_mps": done.driven.mean_speed_mps if done.driven else None,
                }
            )
    finally:
        env.close()
    return {
        "step": saved.step,
        "step_s": None if task.spec.driving is None else task.spec.driving.step_s,
        "episodes": found,
    }
