"""Adds a round of episodes to those that a finished run's policies ran afresh."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from trainer import afresh
from trainer.drives import FOLDER
from trainer.mistakes import ConfigMistakesError, Mistake
from trainer.policy.fresh import MOST_AT_ONCE
from trainer.policy.saved import SavedPolicy, load_saved
from trainer.run.seeding import RandomStreams


def evaluate_more(run: Path, episodes: int) -> dict[str, Any]:
    """Let the recorded policies run further episodes, with the seeds that follow; return what it took.

    Raises:
        ConfigMistakesError: The run recorded no such episodes, or a checkpoint is gone.
        EnvironmentSetupError: The environment cannot be made.
        OSError: The record cannot be written.
    """
    path = run / FOLDER / afresh.FILE
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        names: dict[afresh.Name, int] = {
            each["policy"]: each["step"] for each in record["policies"]
        }
        first = record["first_seed"] + len(record["policies"][0]["returns"])
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        raise ConfigMistakesError(
            Mistake(key="run", text=f"{path} cannot be used: {error}")
        ) from None
    saved = {name: _policy(run, name, step) for name, step in names.items()}
    task = next(iter(saved.values())).task
    started = time.perf_counter()
    env = task.make_env(min(episodes, MOST_AT_ONCE), first)
    try:
        compared = afresh.run_episodes(
            {name: (names[name], policy.act) for name, policy in saved.items()},
            env,
            range(first, first + episodes),
            gamma=task.request.train.gamma,
        )
    finally:
        env.close()
    seconds = time.perf_counter() - started
    afresh.add_round(run, record, compared, seconds)
    return {"episodes": float(episodes), "seconds": seconds}


def _policy(run: Path, name: afresh.Name, step: int) -> SavedPolicy:
    """Load the policy that the record means, or make the untrained one again."""
    saved = load_saved(run, "last" if name == "untrained" else name)
    if name == "untrained":
        RandomStreams(saved.task.request.seed).seed_torch()
        return SavedPolicy(
            task=saved.task,
            agent=saved.task.make_agent(device="cpu"),
            step=step,
            chosen_by_return=None,
        )
    if saved.step != step:
        raise ConfigMistakesError(
            Mistake(
                key="checkpoint",
                text=f"the {name} policy of step {step:,} is gone, there is one of step {saved.step:,}",
            )
        )
    return saved
