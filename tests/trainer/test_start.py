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


def _train_then(run: Path, *expressions: str) -> list[str]:
    """Train in a process of its own, and return what expressions are there afterwards."""
    code = f"""
import gc, os, sys
from trainer.__main__ import main
assert main(["run", "--run", {str(run)!r}]) == 0
for value in ({", ".join(expressions)},):
    print(value)
"""
    done = _python("-c", code)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _request(tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="module")
def process(run: Path) -> dict[str, str]:
    """What is so in a process that has trained."""
    modules = ("torch", "torch._dynamo")
    asked = {
        **{module: f"{module!r} in sys.modules" for module in modules},
        "garbage": "gc.isenabled()",
        "spins": "os.environ.get('GOMP_SPINCOUNT')",
    }
    return dict(zip(asked, _train_then(run, *asked.values()), strict=True))


def test_a_training_does_not_import_torchs_compiler(process):
    assert (process["torch"], process["torch._dynamo"]) == ("True", "False")


def test_garbage_is_collected_again_after_the_imports(process):
    assert process["garbage"] == "True"


def test_threads_that_wait_give_their_processor_back(process, tmp_path):
    assert process["spins"] == "None", "one thread waits for nobody"
    several = _request(tmp_path, threads=2)
    assert _train_then(several, "os.environ.get('GOMP_SPINCOUNT')") == ["3000"]


def test_the_exit_code_and_the_last_words_arrive(process, run):
    again = _python("-m", "trainer", "run", "--run", str(run))
    assert again.returncode == 2
    assert "holds a run already" in again.stderr
    tags = _python("-m", "trainer", "tags")
    assert tags.returncode == 0
    assert "train/critic_loss" in tags.stdout
