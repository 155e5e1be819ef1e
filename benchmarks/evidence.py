"""What the evidence of a training with Stable-Baselines3 costs: processor time with and without it, and memory."""

from __future__ import annotations

import tempfile
import tracemalloc
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from stable_baselines3 import PPO, SAC, TD3
from stable_baselines3.common.noise import NormalActionNoise

from benchmarks.measure import CPU, Timing, side_by_side
from benchmarks.rows import Row, against_share
from gonogo.sb3 import Evidence

MOST = 0.02
MOST_MEGABYTES = 10.0
STEPS = {"TD3": 250, "SAC": 250, "PPO": 2_500}
"""Of one round, some seconds of each: what is done once a training must weigh no more than in a whole stage."""


def measure(short: bool) -> list[Row]:
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    rows = []
    for name, steps in STEPS.items():
        with tempfile.TemporaryDirectory() as folder:
            timings = side_by_side(
                {"with": _training(name, Path(folder)), "without": _training(name, None)},
                rounds=3 if short else 6,
                clock=CPU,
            )
        pairs = zip(timings["with"].rounds, timings["without"].rounds, strict=True)
        added = Timing(rounds=tuple(a - b for a, b in pairs))
        work = f"evidence of Stable-Baselines3's {name}, {steps:,} steps of Pendulum"
        rows.append(against_share(work, "the training", added, timings["without"], most=MOST))
    return [*rows, _memory()]


def _memory() -> Row:
    """Measure what our files hold while a training runs; its size does not depend on the steps."""
    with tempfile.TemporaryDirectory() as folder:
        tracemalloc.start()
        try:
            kept = _training("TD3", Path(folder))
            kept()
            ours = [tracemalloc.Filter(True, f"*/{room}/*") for room in ("gonogo", "trainer")]
            held = tracemalloc.take_snapshot().filter_traces(ours)
        finally:
            tracemalloc.stop()
    megabytes = sum(trace.size for trace in held.traces) / 1e6
    share = megabytes / MOST_MEGABYTES
    return Row(
        work="memory of the evidence of Stable-Baselines3's TD3",
        peer="the limit",
        ours=f"{megabytes:.1f} MB",
        theirs=f"{MOST_MEGABYTES:g} MB",
        factor=share,
        low=share,
        high=share,
        most=1.0,
    )


def _training(name: str, folder: Path | None) -> Callable[[], object]:
    """Return what trains on for some steps, after the first update; settings are the library's own."""
    noise = NormalActionNoise(np.zeros(1), np.full(1, 0.1))
    own = {"TD3": {"action_noise": noise}, "SAC": {}, "PPO": {"n_steps": 512}}[name]
    model = {"TD3": TD3, "SAC": SAC, "PPO": PPO}[name](
        "MlpPolicy", "Pendulum-v1", device="cpu", seed=0, **own
    )
    evidence = None if folder is None else Evidence(folder / name)
    steps = STEPS[name]
    model.learn(steps, callback=evidence)
    return lambda: model.learn(steps, callback=evidence, reset_num_timesteps=False)
