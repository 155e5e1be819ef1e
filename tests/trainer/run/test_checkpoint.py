"""Checkpoints are whole or absent, are pruned, fall back to the last good one, and are never executed."""

import errno
import json
import pickle

import numpy as np
import pytest
import torch

from trainer.run import checkpoint, files

CPU = torch.device("cpu")


def _save(folder, step, before=None, **options):
    segment = {"x": np.full(3, step)}
    return checkpoint.save(
        folder, step, {"x": torch.tensor(step)}, segment=segment, before=before, **options
    )


def _chain(folder, *steps):
    saved = None
    for step in steps:
        saved = _save(folder, step, saved, advanced=[step])
    return saved


def _names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_returns_what_was_saved_with_all_segments_in_order(tmp_path):
    saved = _chain(tmp_path, 100, 200, 300)
    assert checkpoint.load(saved, CPU)["x"] == 300
    values = [int(s["x"][0]) for s in checkpoint.load_segments(saved)]
    assert values == [100, 200, 300]
    assert checkpoint.available(tmp_path)[-1] == saved


def test_a_segment_is_written_once_and_left_out_when_overwritten(tmp_path):
    first = _save(tmp_path, 100, advanced=[100])
    second = _save(tmp_path, 200, first, advanced=[200], still_needed=lambda mark: mark[0] > 150)
    assert second.segments == ["replay-000000200.npz"]
    assert first.segments == ["replay-000000100.npz"]


def test_prunes_old_checkpoints_but_keeps_milestones_and_needed_segments(tmp_path):
    _chain(tmp_path, 100, 200, 300, 400)
    checkpoint.prune(tmp_path, keep=1, keep_steps=[200])
    assert [m.step for m in checkpoint.available(tmp_path)] == [200, 400]
    for manifest in checkpoint.available(tmp_path):
        checkpoint.verify(manifest)
    checkpoint.prune(tmp_path, keep=1)
    assert [m.step for m in checkpoint.available(tmp_path)] == [400]


@pytest.mark.parametrize("name", ["step-000000300.ckpt", "replay-000000300.npz"])
@pytest.mark.parametrize("damage", ["flip", "cut", "remove"])
def test_falls_back_to_the_last_good_one_and_names_the_damage(tmp_path, name, damage):
    _chain(tmp_path, 100, 200, 300)
    path = tmp_path / name
    content = bytearray(path.read_bytes())
    if damage == "remove":
        path.unlink()
    else:
        content[len(content) // 2] ^= 1
        path.write_bytes(content if damage == "flip" else content[:-5])
    good, reasons = checkpoint.newest_good(tmp_path)
    assert good.step == 200
    assert len(reasons) == 1
    assert name in reasons[0]


def test_a_checkpoint_without_manifest_does_not_exist(tmp_path):
    _chain(tmp_path, 100, 200)
    (tmp_path / "step-000000200.json").unlink()
    assert checkpoint.newest_good(tmp_path)[0].step == 100


def test_an_unreadable_manifest_is_passed_over(tmp_path):
    _chain(tmp_path, 100)
    for number, text in enumerate(["", "{", "[]", '{"format": 1}', '{"format": 9}']):
        (tmp_path / f"step-00000090{number}.json").write_text(text)
    assert [m.step for m in checkpoint.available(tmp_path)] == [100]


def test_a_manifest_cannot_point_outside_its_folder(tmp_path):
    saved = _chain(tmp_path / "run", 100)
    (tmp_path / "secret").write_text("x")
    content = json.loads(saved.path.read_text())
    content["files"]["../secret"] = {"sha256": "0", "bytes": 1}
    saved.path.write_text(json.dumps(content))
    assert checkpoint.newest_good(tmp_path / "run")[0] is None


def test_discards_what_comes_after_a_step(tmp_path):
    _chain(tmp_path, 100, 200, 300)
    checkpoint.discard_after(tmp_path, 200)
    assert _names(tmp_path) == [
        "replay-000000100.npz",
        "replay-000000200.npz",
        "step-000000100.ckpt",
        "step-000000100.json",
        "step-000000200.ckpt",
        "step-000000200.json",
    ]
    checkpoint.discard_after(tmp_path, -1)
    assert _names(tmp_path) == []


def test_a_full_disk_leaves_the_older_checkpoint_and_names_the_file(tmp_path, monkeypatch):
    _chain(tmp_path, 1)
    before = _names(tmp_path)

    def full(content, file):
        file.write(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(checkpoint.torch, "save", full)
    with pytest.raises(OSError, match="No space left on device") as caught:
        _save(tmp_path, 2)
    assert caught.value.filename == str(tmp_path / "step-000000002.ckpt")
    assert _names(tmp_path) == before


def _with_content(folder, content):
    saved = _chain(folder, 1)
    saved.path.with_suffix(".ckpt").write_bytes(content)
    return saved


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", b"PK\x03\x04 torn archive"])
def test_a_damaged_file_is_named(tmp_path, content):
    with pytest.raises(checkpoint.CheckpointError, match=r"step-000000001\.ckpt"):
        checkpoint.load(_with_content(tmp_path, content), CPU)


class _Payload:
    def __reduce__(self):
        return (pytest.fail, ("the checkpoint was executed",))


def test_loading_never_executes_code(tmp_path):
    saved = _chain(tmp_path, 1)
    path = saved.path.with_suffix(".ckpt")
    torch.save({"format": 1, "x": _Payload()}, path)
    with pytest.raises(checkpoint.CheckpointError):
        checkpoint.load(saved, CPU)
    path.write_bytes(pickle.dumps({"format": 1, "x": _Payload()}))
    with pytest.raises(checkpoint.CheckpointError):
        checkpoint.load(saved, CPU)


def test_json_never_holds_non_finite_numbers(tmp_path):
    with pytest.raises(ValueError, match="JSON"):
        files.write_json(tmp_path / "x.json", {"value": float("nan")})
    assert list(tmp_path.iterdir()) == []
