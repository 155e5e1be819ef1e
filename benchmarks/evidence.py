"""What the evidence of a training with Stable-Baselines3 costs: processor time with and without it, and memory."""

from __future__ import annotations

import functools
import tempfile
import tracemalloc
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from stable_baselines3 import PPO, SAC, TD3
from stable_baselines3.common.noise import NormalActionNoise

from benchmarks.measure import CPU, side_by_side
from benchmarks.rows import Row, against_share
from gonogo.sb3 import Evidence

MOST = 0.02
MOST_MEGABYTES = 10.0
STEPS = {"TD3": (20, 140), "SAC": (20, 140), "PPO": (512, 2_560)}
"""Of a short and a long training. Both write the same files and compute one update again, so that the difference holds
what each further step costs and nothing that is done once."""
STAGE = 5_000
"""Steps that what is done once is compared with."""


def measure(short: bool) -> list[Row]:
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    return [*(row for name in STEPS for row in _processor(name, short)), _memory()]


def _processor(name: str, short: bool) -> list[Row]:
    """Let one model train with and without: two models differ by a percent, by where their weights lie in memory."""
    few, many = STEPS[name]
    with tempfile.TemporaryDirectory() as folder:
        train = _training(name, Path(folder))
        timings = side_by_side(
            {
                (length, watched): functools.partial(train, length, watched=watched)
                for length in (few, many)
                for watched in (True, False)
            },
            rounds=2 if short else 36,
            clock=CPU,
        )
    once = timings[few, True].less(timings[few, False])
    added = timings[many, True].less(timings[many, False]).less(once)
    alone = timings[many, False].less(timings[few, False])
    work = f"evidence of Stable-Baselines3's {name}"
    steps = f"{many - few:,} steps of Pendulum"
    first = f"{work}, once a training: files, and what its first {few:,} steps add"
    stage = alone.times(STAGE / (many - few))
    return [
        against_share(f"{work}, {steps}", "the training", added, alone, most=MOST),
        against_share(first, f"{STAGE:,} steps", once, stage),
    ]


def _memory() -> Row:
    """Measure what our files hold while a training runs; its size does not depend on the steps."""
    with tempfile.TemporaryDirectory() as folder:
        tracemalloc.start()
        try:
            kept = _training("TD3", Path(folder))
            kept(250, watched=True)
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


def _training(name: str, folder: Path) -> Callable[..., object]:
    """Return what lets a model train on for some steps, after its first update; settings are the library's own."""
    noise = NormalActionNoise(np.zeros(1), np.full(1, 0.1))
    own = {"TD3": {"action_noise": noise}, "SAC": {}, "PPO": {"n_steps": 512}}[name]
    model = {"TD3": TD3, "SAC": SAC, "PPO": PPO}[name](
        "MlpPolicy", "Pendulum-v1", device="cpu", seed=0, **own
    )
    evidence = Evidence(folder / name)
    model.learn(200, callback=evidence)

    def train(steps: int, *, watched: bool) -> object:
        return model.learn(steps, callback=evidence if watched else None, reset_num_timesteps=False)

    return train
