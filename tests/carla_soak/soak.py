"""Drives the environment `carla` against the double for very long and watches what grows.

`python tests/carla_soak/soak.py --steps 100000` prints a table; by hand or from the test beside it.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402

from tests.carla_double.double_process import DoubleProcess, running_double  # noqa: E402
from trainer.envs.carla.config import CarlaConfig  # noqa: E402
from trainer.envs.carla.env import CarlaVectorEnv  # noqa: E402
from trainer.envs.driving.observation import HORIZON_M, WAYPOINTS  # noqa: E402

SAMPLES = 10
EPISODE_STEPS = 200
DOUBLE = ("{python}", "-m", "carla_double", "--port", "{port}")


@dataclass(frozen=True, kw_only=True)
class Sample:
    """What two processes hold right after an episode began; the server's are 0 where it changes."""

    step: int
    episodes: int
    steps_per_s: float
    """Since the sample before."""
    cpu_s: float
    """Processor time of both processes per 1,000 steps, since the sample before."""
    rss_mib: float
    threads: int
    descriptors: int
    server_rss_mib: float = 0.0
    server_descriptors: int = 0
    server_actors: int = 0
    server_readers: int = 0


def soak(steps: int, *, vehicles: int = 20, restart_every: int = 0) -> list[Sample]:
    """Drive, and sample after the first tenth and every further tenth.

    Args:
        steps: Environment steps.
        vehicles: Other vehicles.
        restart_every: Episodes after which the server is replaced; 0: one server for all of it.
    """
    with running_double() as double:
        if restart_every:
            server = {"start": "command", "command": DOUBLE, "ports": [0]}
            server["restart_every_episodes"] = restart_every
        else:
            server = {"ports": [double.port]}
        env = CarlaVectorEnv(
            CarlaConfig(
                server=server,
                traffic="none",
                vehicles=vehicles,
                max_episode_steps=min(EPISODE_STEPS, max(1, steps // (2 * SAMPLES))),
            )
        )
        rng = np.random.default_rng(0)
        obs, _ = env.reset(seed=0)
        samples: list[Sample] = []
        episodes, since = 0, (0, time.perf_counter(), _cpu_s(os.getpid(), double.process.pid))
        for step in range(1, steps + 10 * EPISODE_STEPS):
            obs, _, terminated, truncated, _ = env.step(_action(obs["vector"][0], rng))
            if not (terminated[0] or truncated[0]):
                continue
            episodes += 1
            if step < steps * (len(samples) + 1) // SAMPLES:
                continue
            now = (step, time.perf_counter(), _cpu_s(os.getpid(), double.process.pid))
            made, took_s, cpu_s = (b - a for a, b in zip(since, now, strict=True))
            watched = {} if restart_every else _server(double)
            samples.append(
                Sample(
                    step=step,
                    episodes=episodes,
                    steps_per_s=round(made / took_s, 1),
                    cpu_s=round(1000.0 * cpu_s / made, 3),
                    rss_mib=_rss_mib(os.getpid()),
                    threads=_entries("/proc/self/task"),
                    descriptors=_entries("/proc/self/fd"),
                    **watched,
                )
            )
            since = (step, time.perf_counter(), _cpu_s(os.getpid(), double.process.pid))
            print(json.dumps(asdict(samples[-1])), flush=True)
            if len(samples) == SAMPLES:
                break
        env.close()
    return samples


def _action(vector: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Follow the lane badly, so that episodes end in every way."""
    ahead, left = vector[3:].reshape(WAYPOINTS, 2)[3] * HORIZON_M
    wish = [2.0 * np.arctan2(left, ahead), 4.0 * (1.0 - vector[0])]
    return np.clip([rng.normal(wish, 0.5)], -1.0, 1.0).astype(np.float32)


def _server(double: DoubleProcess) -> dict[str, int | float]:
    pid = double.process.pid
    # Before it is asked: a question is a connection, too.
    descriptors = _entries(f"/proc/{pid}/fd")
    state = double.state()
    return {
        "server_rss_mib": _rss_mib(pid),
        "server_descriptors": descriptors,
        "server_actors": len(state["actors"]),
        "server_readers": len(state["readers"]),
    }


def _entries(folder: str) -> int:
    return sum(1 for _ in Path(folder).iterdir())


def _rss_mib(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return round(pages * os.sysconf("SC_PAGE_SIZE") / 2**20, 1)


def _cpu_s(*pids: int) -> float:
    ticks = 0
    for pid in pids:
        words = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        ticks += int(words[11]) + int(words[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Soak as asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=5_000)
    parser.add_argument("--vehicles", type=int, default=20)
    parser.add_argument("--restart-every", type=int, default=0, help="episodes per server")
    options = parser.parse_args()
    soak(options.steps, vehicles=options.vehicles, restart_every=options.restart_every)


if __name__ == "__main__":
    main()
