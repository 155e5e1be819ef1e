"""Memory that was freed is used again without asking the system for its pages."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from trainer.__main__ import main
from trainer.run import memory

BLOCKS, MEBIBYTES, ROUNDS = 4, 20, 10
PAGE = 4096
COUNT_FAULTS = f"""
import resource
import numpy as np
from trainer.run.memory import keep_freed_memory

def use():
    blocks = [np.empty({MEBIBYTES} * 2**20, dtype=np.uint8) for _ in range({BLOCKS})]
    for block in blocks:
        block[::{PAGE}] = 1

kept = keep_freed_memory()
use()
use()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range({ROUNDS}):
    use()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before if kept else "")
"""


def test_its_pages_are_found_once() -> None:
    done = subprocess.run(
        [sys.executable, "-c", COUNT_FAULTS], check=True, capture_output=True, text=True
    )
    if not done.stdout.strip():
        pytest.skip("this allocator is not glibc's")
    pages = BLOCKS * MEBIBYTES * 2**20 // PAGE
    assert int(done.stdout) < ROUNDS * pages / 100  # each would be asked for in every round


def test_a_training_begins_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Told(BaseException):
        pass

    def tell() -> None:
        raise Told

    request = {"format": 1, "preset": "test", "stage": "tiny", "planned_steps": 60, "seed": 0}
    content = request | {"env": {"id": "drive"}, "train": {"encoder": "small"}}
    (tmp_path / "request.json").write_text(json.dumps(content))
    monkeypatch.setattr(memory, "keep_freed_memory", tell)
    with pytest.raises(Told):
        main(["run", "--run", str(tmp_path)])
