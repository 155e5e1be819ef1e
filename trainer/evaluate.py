"""Evaluates a policy without noise on episodes with fixed seeds, so that evaluations can be compared."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import gymnasium
import numpy as np
from numpy.typing import NDArray

from trainer.driving.episode import DrivenEpisode, summary
from trainer.driving.recorder import DriveRecorder
from trainer.envs.environment import DrivingTask
from trainer.envs.finite import refuse_not_finite

Policy = Callable[[Mapping[str, NDArray[np.generic]]], NDArray[np.float32]]
Value = Policy
"""What a critic expects from observations on, `float32[batch]`."""


@dataclass(frozen=True, kw_only=True)
class EvaluatedEpisode:
    """One episode of a policy without noise."""

    total: float
    """Return."""
    discounted: float
    """Discounted return from the first step, unscaled."""
    length: int
    time_limit: bool
    driven: DrivenEpisode | None
    """How it was driven; None where the environment is no driving task."""
    start_q: float | None = None
    """What the critic expected of it at its first observation; None where it was not asked."""
    pictures: tuple[NDArray[np.uint8], ...] = ()
    """What the camera saw now and then, `uint8[height, width]` each; empty where nobody asked."""


def evaluate(
    env: gymnasium.vector.VectorEnv,
    policy: Policy,
    *,
    episodes: int,
    seed: int | Sequence[int],
    gamma: float,
    driving: DrivingTask | None = None,
    alive: Callable[[], None] = lambda: None,
    picture_every: int | None = None,
    value: Value | None = None,
) -> tuple[EvaluatedEpisode, ...]:
    """Run episodes.

    With fewer environments than episodes, they are run in rounds.

    Args:
        env: The environments, reset here.
        policy: Maps observations to actions in [-1, 1].
        episodes: How many, at least one.
        seed: The same for every evaluation of a run; or one for each episode, as many as `episodes`.
        gamma: Discount of the discounted returns.
        driving: The environments' driving task.
        alive: Called once per step.
        picture_every: Steps between two pictures of the camera that are kept, besides the last one.
        value: The critic, asked about first observations.

    Raises:
        NotFiniteError: The environment returned NaN or infinity.
    """
    found: list[EvaluatedEpisode] = []
    for number in itertools.count():
        at = number * env.num_envs
        if at >= episodes:
            break
        if isinstance(seed, int):
            seeds: int | list[int] = (seed + number) % 2**31
        else:
            # Environments without an episode of their own repeat one, which is dropped.
            seeds = [seed[(at + i) % len(seed)] for i in range(env.num_envs)]
        found += _one_round(env, policy, seeds, gamma, driving, alive, picture_every, value)
    return tuple(found[:episodes])


def evaluation_tags(
    episodes: Sequence[EvaluatedEpisode], *, reward_factor: float
) -> dict[str, float]:
    """Return the `eval/*` tags; `reward_factor` is that of rewards as the critic sees them."""
    total = np.array([e.total for e in episodes])
    expected = [e.start_q for e in episodes if e.start_q is not None]
    of_critic = {"eval/start_q": float(np.mean(expected))} if expected else {}
    return {
        **of_critic,
        "eval/mean_reward": float(total.mean()),
        "eval/std_reward": float(total.std()),
        "eval/mean_episode_length": float(np.mean([e.length for e in episodes])),
        "eval/time_limit_share": float(np.mean([e.time_limit for e in episodes])),
        "eval/discounted_return": float(np.mean([e.discounted for e in episodes]) * reward_factor),
        "eval/episodes": float(len(episodes)),
    }


def driving_tags(group: str, episodes: Sequence[EvaluatedEpisode]) -> dict[str, float]:
    """Return how was driven as tags of a group; none where the environment is no driving task."""
    driven = [e.driven for e in episodes if e.driven is not None]
    return {f"{group}/{name}": v for name, v in summary(driven).items()} if driven else {}


def _one_round(
    env: gymnasium.vector.VectorEnv,
    policy: Policy,
    seed: int | list[int],
    gamma: float,
    driving: DrivingTask | None,
    alive: Callable[[], None],
    picture_every: int | None,
    value: Value | None,
) -> list[EvaluatedEpisode]:
    """Run one episode in each environment."""
    total, discounted = np.zeros(env.num_envs), np.zeros(env.num_envs)
    length = np.zeros(env.num_envs, dtype=np.int64)
    running = np.ones(env.num_envs, dtype=bool)
    truncations = np.zeros(env.num_envs, dtype=bool)
    recorder = DriveRecorder(env.num_envs, driving) if driving is not None else None
    driven: list[DrivenEpisode | None] = [None] * env.num_envs
    # Gymnasium's own vector environments take a list, although the base class does not say so.
    obs, _ = env.reset(seed=seed)  # type: ignore[arg-type]
    refuse_not_finite(env, obs)
    pictures: list[list[NDArray[np.uint8]]] = [[] for _ in range(env.num_envs)]
    expected = None if value is None else value(obs).tolist()
    watched = picture_every is not None and "camera" in obs
    while running.any():
        if watched and picture_every is not None and int(length.max()) % picture_every == 0:
            for i in np.flatnonzero(running).tolist():
                pictures[i].append(obs["camera"][i, -1].copy())
        obs, reward, terminated, truncated, infos = env.step(policy(obs))
        refuse_not_finite(env, obs, reward)
        total += np.where(running, reward, 0.0)
        discounted += np.where(running, reward * gamma**length, 0.0)
        length += running
        truncations |= running & truncated & ~terminated
        ended = running & (terminated | truncated)
        if recorder is not None:
            recorder.add(infos)
            for i in np.flatnonzero(ended).tolist():
                driven[i] = recorder.end(i, int(length[i]), infos)
        if watched:
            for i in np.flatnonzero(ended).tolist():
                pictures[i].append(infos["final_obs"]["camera"][i, -1].copy())
        running &= ~ended
        alive()
    return [
        EvaluatedEpisode(
            total=float(total[i]),
            discounted=float(discounted[i]),
            length=int(length[i]),
            time_limit=bool(truncations[i]),
            driven=driven[i],
            start_q=None if expected is None else expected[i],
            pictures=tuple(pictures[i]),
        )
        for i in range(env.num_envs)
    ]
