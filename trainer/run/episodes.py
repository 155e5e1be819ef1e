"""Counts what the running episodes have collected and yields the tags of those that ended."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.driving.episode import summary
from trainer.driving.recorder import DriveRecorder
from trainer.envs.environment import DrivingTask

RECENT = 20
"""Ended episodes that the heartbeat's means are over."""


@dataclass(frozen=True, kw_only=True)
class EpisodeMeans:
    """Of the training episodes that ended last."""

    length: float
    """Steps."""
    total: float
    """Return."""


class EpisodeTally:
    """Lengths, returns and reward terms of the episode that each environment is in."""

    def __init__(self, num_envs: int, driving: DrivingTask | None = None) -> None:
        self._length = np.zeros(num_envs, dtype=np.int64)
        self._return = np.zeros(num_envs)
        self._components: dict[str, NDArray[np.float64]] = {}
        self._driving = DriveRecorder(num_envs, driving) if driving is not None else None
        self._ended: deque[tuple[int, float]] = deque(maxlen=RECENT)

    @property
    def recent(self) -> EpisodeMeans | None:
        """Means over the last ended episodes of this process; None before the first one."""
        if not self._ended:
            return None
        length, total = np.mean(self._ended, axis=0).tolist()
        return EpisodeMeans(length=length, total=total)

    def add(
        self,
        reward: NDArray[np.floating],
        terminated: NDArray[np.bool_],
        done: NDArray[np.bool_],
        infos: Mapping[str, Any],
    ) -> Iterator[dict[str, float]]:
        """Count one step of every environment and yield the `episode` tags of each episode that ended."""
        if self._driving is not None:
            self._driving.add(infos)
        self._length += 1
        self._return += reward
        for name, values in infos.get("reward_components", {}).items():
            self._components.setdefault(name, np.zeros(len(self._length)))
            self._components[name] += values
        for env in np.flatnonzero(done):
            yield self._end(int(env), bool(terminated[env]), infos)

    def restart(self) -> None:
        """Forget the running episodes."""
        self._length[:] = 0
        self._return[:] = 0.0
        self._components.clear()
        if self._driving is not None:
            self._driving.restart()

    def state_dict(self) -> dict[str, Any]:
        """Return the counts of the running episodes."""
        driving = self._driving.state_dict() if self._driving is not None else {}
        return {
            "length": self._length.tolist(),
            "return": self._return.tolist(),
            "components": {name: sums.tolist() for name, sums in self._components.items()},
            "driving": driving,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue with saved counts."""
        self._length = np.array(state["length"], dtype=np.int64)
        self._return = np.array(state["return"])
        self._components = {name: np.array(s) for name, s in state["components"].items()}
        if self._driving is not None:
            self._driving.load_state_dict(state.get("driving", {}))

    def _end(self, env: int, terminated: bool, infos: Mapping[str, Any]) -> dict[str, float]:
        length, total = int(self._length[env]), float(self._return[env])
        tags = {
            "train/episode_length": float(length),
            "train/episode_reward": total,
            "train/episode_terminated": float(terminated),
        }
        if self._components:
            for name, sums in self._components.items():
                tags[f"reward_components/{name}"] = float(sums[env]) / length
                sums[env] = 0.0
            tags["reward_components/total"] = total / length
        driven = None if self._driving is None else self._driving.end(env, length, infos)
        if driven is not None:
            tags |= {f"driving/{name}": value for name, value in summary([driven]).items()}
        self._length[env], self._return[env] = 0, 0.0
        self._ended.append((length, total))
        return tags
