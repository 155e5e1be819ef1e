"""Random streams are independent of each other and continue where they were captured."""

import numpy as np
import torch

from trainer.run import checkpoint
from trainer.run.seeding import RandomStreams


def _draws(streams: RandomStreams) -> list[float]:
    return [
        *streams.exploration.normal(size=3),
        *streams.replay.random(3),
        *torch.rand(3).tolist(),
    ]


def test_restored_streams_continue(tmp_path):
    streams = RandomStreams(3)
    streams.seed_torch()
    _draws(streams)
    saved = checkpoint.save(tmp_path, 0, {"random": streams.capture()})
    expected = _draws(streams)
    restored = RandomStreams(99)
    restored.restore(checkpoint.load(saved, torch.device("cpu"))["random"])
    assert _draws(restored) == expected


def test_streams_do_not_disturb_each_other():
    one, other = RandomStreams(0), RandomStreams(0)
    one.exploration.normal(size=1000)
    assert one.replay.random() == other.replay.random()


def test_seeds_differ():
    seeds = {RandomStreams(seed).env_seed for seed in range(50)}
    seeds |= {RandomStreams(seed).eval_seed for seed in range(50)}
    assert len(seeds) == 100
    assert RandomStreams(0).torch_seed != RandomStreams(1).torch_seed
    assert isinstance(next(iter(seeds)), int)
    assert not isinstance(next(iter(seeds)), np.integer)
