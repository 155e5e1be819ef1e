"""Batches that pass through kept memory are those that do not."""

import numpy as np
import pytest
import torch

from trainer.observation import ObservationShape
from trainer.replay.buffer import Batch, ReplayBuffer
from trainer.replay.staging import Staging

CPU = torch.device("cpu")


def _filled(camera: tuple[int, int, int] | None) -> ReplayBuffer:
    random = np.random.default_rng(4)
    shape = ObservationShape(camera=camera, vector=3)
    buffer = ReplayBuffer(60, 2, shape, 2)

    def frames():
        return random.integers(0, 256, (2, *camera[1:]), dtype=np.uint8) if camera else None

    for _ in range(90):
        ends = random.random((2, 2)) < 0.1
        buffer.add(
            frames(),
            random.normal(size=(2, 3)).astype(np.float32),
            random.uniform(-1, 1, (2, 2)).astype(np.float32),
            random.normal(size=2),
            ends[0],
            ends[1],
            frames(),
            random.normal(size=(2, 3)).astype(np.float32),
        )
    return buffer


def _assert_same(a: Batch, b: Batch) -> None:
    for name in ("action", "reward", "terminated"):
        assert torch.equal(getattr(a, name).cpu(), getattr(b, name).cpu()), name
    for name in ("obs", "next_obs"):
        mine, other = getattr(a, name), getattr(b, name)
        assert torch.equal(mine.vector.cpu(), other.vector.cpu()), name
        if mine.camera is None:
            assert other.camera is None
        else:
            assert torch.equal(mine.camera.cpu(), other.camera.cpu()), name


def _drawn(buffer: ReplayBuffer, device: torch.device = CPU) -> list[Batch]:
    random = np.random.default_rng(0)
    return [buffer.sample(size, random, device) for size in (40, 40, 7)]


@pytest.mark.parametrize("camera", [(3, 5, 4), None])
def test_kept_memory_changes_no_batch_also_not_an_earlier_one(camera):
    buffer = _filled(camera)
    plain = _drawn(buffer)
    buffer._staging = Staging(CPU, keep=True)
    kept = _drawn(buffer)
    for mine, other in zip(kept, plain, strict=True):
        _assert_same(mine, other)
    assert not torch.equal(kept[0].action, kept[1].action)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_batches_on_a_gpu_are_those_on_a_processor():
    buffer = _filled((3, 5, 4))
    plain = _drawn(buffer)
    for mine, other in zip(_drawn(buffer, torch.device("cuda")), plain, strict=True):
        assert mine.obs.camera.device.type == "cuda"
        _assert_same(mine, other)
    assert buffer._staging._kept["frames"].is_pinned()


def test_memory_is_kept_for_batches_of_one_size():
    staging = Staging(CPU, keep=True)
    rows = np.arange(20, dtype=np.float32).reshape(10, 2)
    first = staging.send("rows", rows, np.array([3, 1]))
    kept = staging._kept["rows"]
    second = staging.send("rows", rows, np.array([0, 9]))
    assert staging._kept["rows"] is kept
    assert first.tolist() == [[6, 7], [2, 3]]
    assert second.tolist() == [[0, 1], [18, 19]]
    assert staging.send("rows", rows, np.array([[5]])).tolist() == [[[10, 11]]]
