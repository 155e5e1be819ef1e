"""Checkpoints are whole or absent, are pruned, and are never executed."""

import errno
import pickle

import pytest
import torch

from trainer import checkpoint, files

CPU = torch.device("cpu")


def test_keeps_the_newest(tmp_path):
    for step in (100, 200, 300):
        checkpoint.save(tmp_path, step, {"x": torch.tensor(step)}, keep=2)
    assert [p.name for p in checkpoint.available(tmp_path)] == [
        "step-000000200.ckpt",
        "step-000000300.ckpt",
    ]
    assert checkpoint.load(checkpoint.available(tmp_path)[-1], CPU)["x"] == 300


def test_a_full_disk_leaves_the_older_checkpoint_and_names_the_file(tmp_path, monkeypatch):
    old = checkpoint.save(tmp_path, 1, {"x": 1}, keep=1)

    def full(content, file):
        file.write(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(checkpoint.torch, "save", full)
    with pytest.raises(OSError, match="No space left on device") as caught:
        checkpoint.save(tmp_path, 2, {"x": 2}, keep=1)
    assert caught.value.filename == str(tmp_path / "step-000000002.ckpt")
    assert [p.name for p in tmp_path.iterdir()] == [old.name]


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", b"PK\x03\x04 torn archive"])
def test_a_damaged_file_is_named(tmp_path, content):
    path = tmp_path / "step-000000001.ckpt"
    path.write_bytes(content)
    with pytest.raises(checkpoint.CheckpointError, match="step-000000001.ckpt"):
        checkpoint.load(path, CPU)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(checkpoint.CheckpointError, match="no such checkpoint"):
        checkpoint.load(tmp_path / "step-000000001.ckpt", CPU)


class _Payload:
    def __reduce__(self):
        return (pytest.fail, ("the checkpoint was executed",))


@pytest.mark.parametrize("save", [torch.save, lambda x, p: p.write_bytes(pickle.dumps(x))])
def test_loading_never_executes_code(tmp_path, save):
    path = tmp_path / "step-000000001.ckpt"
    save({"format": 1, "x": _Payload()}, path)
    with pytest.raises(checkpoint.CheckpointError):
        checkpoint.load(path, CPU)


def test_json_never_holds_non_finite_numbers(tmp_path):
    with pytest.raises(ValueError, match="JSON"):
        files.write_json(tmp_path / "x.json", {"value": float("nan")})
    assert list(tmp_path.iterdir()) == []
