"""How a trainer process starts: what it imports, how its threads wait, how it ends."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TRAIN = {
    "encoder": "small",
    "features_dim": 8,
    "hidden_sizes": [16],
    "batch_size": 16,
    "learning_starts": 40,
    "eval_episodes": 1,
    "actor_mlp_max_grad_norm": 1.0,
}


def _request(run: Path, **train: object) -> Path:
    content = {
        "format": 1,
        "preset": "test",
        "stage": "tiny",
        "planned_steps": 60,
        "seed": 0,
        "env": {"id": "drive", "camera_size": 16},
        "train": TRAIN | train,
    }
    (run / "request.json").write_text(json.dumps(content))
    return run


def _python(*arguments: str, **environment: str) -> subprocess.CompletedProcess:
    known = {name: value for name, value in os.environ.items() if name != "GOMP_SPINCOUNT"}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=known | {"OMP_NUM_THREADS": "1"} | environment,
        capture_output=True,
        text=True,
        timeout=120,
    )


def _train_then(run: Path, statement: str) -> str:
    """Train in a process of its own, let it execute a statement, and return its output."""
    code = f"""
import os, sys
from trainer.__main__ import main
assert main(["run", "--run", {str(run)!r}]) == 0
{statement}
"""
    done = _python("-c", code)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_training_does_not_import_torchs_compiler(tmp_path):
    seen = _train_then(
        _request(tmp_path), "print('torch' in sys.modules, 'torch._dynamo' in sys.modules)"
    )
    assert seen == "True False"


@pytest.mark.parametrize(("threads", "expected"), [(1, "None"), (2, "3000")])
def test_threads_that_wait_give_their_processor_back(tmp_path, threads, expected):
    run = _request(tmp_path, threads=threads)
    assert _train_then(run, "print(os.environ.get('GOMP_SPINCOUNT'))") == expected


def test_garbage_is_collected_again_after_the_imports(tmp_path):
    assert _train_then(_request(tmp_path), "import gc; print(gc.isenabled())") == "True"


def test_the_exit_code_and_the_last_words_arrive(tmp_path):
    run = _request(tmp_path)
    assert _python("-m", "trainer", "run", "--run", str(run)).returncode == 0
    again = _python("-m", "trainer", "run", "--run", str(run))
    assert again.returncode == 2
    assert "holds a run already" in again.stderr
    tags = _python("-m", "trainer", "tags")
    assert tags.returncode == 0
    assert "train/critic_loss" in tags.stdout
