"""Compares what a stage made with what other stages made: on episodes that no policy was chosen by.

The best of many evaluations is too favourable. So at the end of a stage the last policy, the best one and the untrained
one run the same episodes, which are the same for every stage of a seed: `evaluations/afresh.json`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import gymnasium

from trainer.drives import FOLDER
from trainer.evaluate import EvaluatedEpisode, Policy, evaluate
from trainer.run.files import write_json

FILE = "afresh.json"
SEEDS_APART = 1_000_000
"""Distance of the first seed from that of the evaluations on the way."""
SHARE = 0.02
"""Of the stage's steps that one policy may take."""

Name = Literal["untrained", "last", "best"]


@dataclass(frozen=True, kw_only=True)
class Compared:
    """Episodes of one policy."""

    policy: Name
    step: int
    """Step of the training at which the policy was as it is."""
    episodes: Sequence[EvaluatedEpisode]


def first_seed(eval_seed: int) -> int:
    """Return the seed of the first episode; each one has its own."""
    return (eval_seed + SEEDS_APART) % 2**30


def episodes_within(wanted: int, *, least: int, planned_steps: int, length: float | None) -> int:
    """Return how many episodes each policy runs.

    Args:
        wanted: As the stage asks for.
        least: As many as one evaluation has; never fewer, unless fewer are wanted.
        planned_steps: Of the stage.
        length: Mean length of an episode; None while unknown.
    """
    affordable = 0 if length is None else int(SHARE * planned_steps / max(1.0, length))
    return min(wanted, max(least, affordable))


def run_episodes(
    policies: Mapping[Name, tuple[int, Policy]],
    env: gymnasium.vector.VectorEnv,
    seeds: Sequence[int],
    *,
    gamma: float,
    alive: Callable[[], None] = lambda: None,
) -> list[Compared]:
    """Let each policy, given with its step, run the same episodes."""
    return [
        Compared(
            policy=name,
            step=step,
            episodes=evaluate(
                env, policy, episodes=len(seeds), seed=seeds, gamma=gamma, alive=alive
            ),
        )
        for name, (step, policy) in policies.items()
    ]


def write_compared(
    run: Path, step: int, seed: int, policies: Sequence[Compared], seconds: float
) -> None:
    """Write the record of the first round.

    Args:
        run: Run directory.
        step: Of the end of the run.
        seed: Of the first episode.
        policies: What each policy did.
        seconds: Time that all of it took.

    Raises:
        OSError: The folder cannot be written or the disk is full.
    """
    folder = run / FOLDER
    folder.mkdir(exist_ok=True)
    content = {
        "format": 1,
        "step": step,
        "first_seed": seed,
        "policies": [_record(each) for each in policies],
        "rounds": [len(policies[0].episodes)],
        "seconds": seconds,
    }
    write_json(folder / FILE, content)


def add_round(
    run: Path, record: Mapping[str, Any], policies: Sequence[Compared], seconds: float
) -> None:
    """Add a round of episodes to a record and write it.

    Raises:
        OSError: The folder cannot be written or the disk is full.
    """
    fresh = {each.policy: _record(each) for each in policies}
    longer = [
        {
            **known,
            **{key: [*known[key], *fresh[known["policy"]][key]] for key in ("returns", "lengths")},
        }
        for known in record["policies"]
    ]
    rounds = record.get("rounds") or [len(record["policies"][0]["returns"])]
    content = {
        **record,
        "policies": longer,
        "rounds": [*rounds, len(policies[0].episodes)],
        "seconds": record.get("seconds", 0.0) + seconds,
    }
    write_json(run / FOLDER / FILE, content)


def _record(compared: Compared) -> dict[str, Any]:
    return {
        "policy": compared.policy,
        "step": compared.step,
        "returns": [episode.total for episode in compared.episodes],
        "lengths": [episode.length for episode in compared.episodes],
    }
