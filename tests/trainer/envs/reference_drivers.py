"""Hand-written drivers that prove the driving task solvable and its bad optima bad."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from trainer.envs.drive.env import DriveVectorEnv
from trainer.envs.drive.rule_based import controls, safe_speed
from trainer.envs.drive.simulation import DriveSimulation

Driver = Callable[[dict[str, npt.NDArray], DriveSimulation], npt.NDArray[np.float32]]


def pursuit(obs, simulation, *, brakes=True, speed_mps=8.0):
    """Drive as the driver by rules does, at another speed or without keeping a distance."""
    wanted = np.full(len(obs["vector"]), speed_mps)
    if brakes:
        wanted = np.minimum(wanted, safe_speed(simulation))
    return controls(obs, wanted, simulation.config.reward.target_speed_mps)


def blind_pursuit(obs, simulation):
    """Drive as if the road were empty."""
    return pursuit(obs, simulation, brakes=False)


def park(obs, simulation):
    """Stop in the lane and stay."""
    return pursuit(obs, simulation, speed_mps=0.0)


def crash(obs, simulation):
    """Leave the road as soon as possible."""
    return np.tile(np.float32([-1.0, 1.0]), (len(obs["vector"]), 1))


def random_driver(seed: int) -> Driver:
    """Return a driver with uniform random actions."""
    rng = np.random.default_rng(seed)
    return lambda obs, _: rng.uniform(-1.0, 1.0, (len(obs["vector"]), 2)).astype(np.float32)


def drive(env: DriveVectorEnv, driver: Driver, *, seed: int):
    """Drive one episode in every environment; returns lengths, returns and how each ended."""
    obs, _ = env.reset(seed=seed)
    n = env.num_envs
    length, total = np.zeros(n, int), np.zeros(n)
    running, ends = np.ones(n, bool), np.array(["running"] * n, dtype="<U9")
    while running.any():
        obs, reward, terminated, truncated, infos = env.step(driver(obs, env.simulation))
        length += running
        total += reward * running
        for name in ("collision", "off_road", "stalled"):
            ends[running & infos[name]] = name
        ends[running & truncated & ~terminated] = "limit"
        running &= ~(terminated | truncated)
    return length, total, ends
