"""The replay buffer: bytes for a million steps, and drawing a batch."""

from __future__ import annotations

import numpy as np
import torch
from stable_baselines3.common.buffers import DictReplayBuffer

from benchmarks.measure import side_by_side
from benchmarks.peers.sb3 import Spaces
from benchmarks.rows import Row, against_peer
from benchmarks.tasks import BATCH, CNN
from trainer.replay.buffer import ReplayBuffer

MILLION = 1_000_000
STORED = 5_000
SB3 = "Stable-Baselines3"


def measure(short: bool) -> list[Row]:
    torch.set_num_threads(1)
    ours, theirs = _ours(), _theirs()
    rng = np.random.default_rng(0)
    timings = side_by_side(
        {
            "gonogo": lambda: ours.sample(BATCH, rng, torch.device("cpu")),
            SB3: lambda: theirs.sample(BATCH),
        },
        rounds=3 if short else 31,
        calls=5,
    )
    return [_memory(ours, theirs), against_peer(f"draw {BATCH} transitions", timings, SB3)]


def _memory(ours: ReplayBuffer, theirs: DictReplayBuffer) -> Row:
    """Scale what a buffer of `STORED` steps takes to a million; both grow with the steps alone."""
    mine = sum(array.nbytes for array in ours._columns().values()) / STORED * MILLION
    arrays = [*theirs.observations.values(), *theirs.next_observations.values()]
    arrays += [theirs.actions, theirs.rewards, theirs.dones, theirs.timeouts]
    other = sum(array.nbytes for array in arrays) / STORED * MILLION
    factor = other / mine
    return Row(
        work="replay of 1M steps, 4x84x84 and 53 numbers",
        peer=SB3,
        ours=f"{mine / 1e9:.3g} GB",
        theirs=f"{other / 1e9:.3g} GB",
        factor=factor,
        low=factor,
        high=factor,
        least=56 / 7.2,
    )


def _ours() -> ReplayBuffer:
    buffer = ReplayBuffer(STORED, 1, CNN.shape, CNN.actions)
    assert CNN.camera is not None
    frame = np.random.default_rng(0).integers(0, 256, (1, *CNN.camera[1:]), dtype=np.uint8)
    vector = np.zeros((1, CNN.vector), np.float32)
    no = np.zeros(1, bool)
    for _ in range(STORED):
        action = np.zeros((1, CNN.actions), np.float32)
        buffer.add(frame, vector, action, np.zeros(1), no, no, frame, vector)
    return buffer


def _theirs() -> DictReplayBuffer:
    spaces = Spaces(CNN.camera, CNN.vector, CNN.actions)
    buffer = DictReplayBuffer(STORED, spaces.observation_space, spaces.action_space)
    obs = {name: array[:1] for name, array in CNN.arrays(1).items()}
    for _ in range(STORED):
        buffer.add(obs, obs, np.zeros((1, CNN.actions)), np.zeros(1), np.zeros(1), [{}])
    return buffer
