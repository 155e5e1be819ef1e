"""Evaluates an exported policy on routes, or seeds, that chose nothing: neither weights nor checkpoint."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.driving.episode import summary
from trainer.evaluate import evaluate
from trainer.policy.export import write_policy
from trainer.policy.load_policy import load_policy
from trainer.policy.saved import SavedPolicy

FIRST_SEED = 500_000
"""Seed of the first fresh episode; those of config/routes lie below."""
MOST_AT_ONCE = 25
"""Environments that are stepped together."""


def export(saved: SavedPolicy, path: Path, *, episodes: int) -> dict[str, Any]:
    """Write a policy file, drive what it holds, and return what is to be said about it.

    Raises:
        ConfigMistakesError: The policy cannot be exported.
        EnvironmentSetupError: The environment cannot be made.
        OSError: The file cannot be written.
    """
    about = write_policy(saved, path)
    difference = 0.0
    _, act = load_policy(path)

    def from_file(obs: Mapping[str, NDArray[Any]]) -> NDArray[np.float32]:
        nonlocal difference
        action: NDArray[np.float32] = act(**obs)
        difference = max(difference, float(np.max(np.abs(action - saved.act(obs)))))
        return action

    evaluations = {name: _evaluate(saved, env, from_file, episodes) for name, env in _sets(saved)}
    return {
        "about": about,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "bytes": path.stat().st_size,
        "chosen_by_return": saved.chosen_by_return,
        "first_seed": FIRST_SEED,
        "evaluations": evaluations,
        "largest_difference": difference,
        "loader": (files("trainer.policy") / "load_policy.py").read_text(encoding="utf-8"),
    }


def _sets(saved: SavedPolicy) -> list[tuple[str, dict[str, Any]]]:
    """List the kinds of routes, each with the keys of `env` that differ from the training's."""
    routes = saved.task.request.routes
    if routes is None or routes.held_out is None:
        return [("training", {})]
    return [("training", routes.training.env), ("held_out", routes.held_out.env)]


def _evaluate(
    saved: SavedPolicy, changed: Mapping[str, Any], policy: Any, episodes: int
) -> dict[str, float]:
    task = saved.task
    config = task.environment.config.model_validate({**task.env.model_dump(), **changed})
    at_once = 1 if task.spec.exclusive else min(episodes, MOST_AT_ONCE)
    env = task.environment.make(config, at_once, FIRST_SEED, lambda _: None)
    try:
        done = evaluate(
            env,
            policy,
            episodes=episodes,
            seed=[FIRST_SEED + number for number in range(episodes)],
            gamma=task.request.train.gamma,
            driving=task.environment.describe(config).driving,
        )
    finally:
        env.close()
    returns = np.array([episode.total for episode in done])
    driven = [episode.driven for episode in done if episode.driven is not None]
    return {
        "episodes": float(len(done)),
        "mean_return": float(returns.mean()),
        "std_return": float(returns.std(ddof=1)) if len(done) > 1 else 0.0,
        **(summary(driven) if driven else {}),
    }
