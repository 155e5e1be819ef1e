"""The public Python API."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import gonogo
from gates.result_file import from_json
from tests.flows.judged_runs import STEPS, write_events, write_gate
from tests.gonogo.hostile import ROOT


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    return write_events(tmp_path / "logs")


def test_importing_it_imports_nothing_heavy() -> None:
    code = (
        "import sys, gonogo\n"
        "heavy = {'prefect', 'torch', 'matplotlib', 'pandas', 'numpy', 'pydantic', 'trainer'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True
    )
    assert done.stdout == "[]\n"


def test_judging_needs_neither_torch_nor_prefect_nor_matplotlib(logs: Path) -> None:
    code = (
        "import sys, gonogo\n"
        "gonogo.judge(sys.argv[1], stage='5k')\n"
        "gonogo.read_events(sys.argv[1])\n"
        "print(sorted({'prefect', 'torch', 'matplotlib'} & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(logs)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=True,
    )
    assert done.stdout == "[]\n"


def test_a_judgement_is_what_the_command_writes(logs: Path, tmp_path: Path) -> None:
    from flows.cli.every_command import app

    gate = write_gate(tmp_path / "mine.yaml", fail=0.5)
    with pytest.raises(SystemExit) as ended:
        app(["gate", str(logs), "--stage=5k", f"--gate={gate}", f"--out={tmp_path / 'judged'}"])
    result = gonogo.judge(logs, stage="5k", gate=gate)
    assert ended.value.code == 3
    assert result.verdict is gonogo.Verdict.NO_GO
    assert from_json((tmp_path / "judged" / "gate.json").read_text()) == result
    assert all("tfevents" in path.name for path in logs.iterdir()), "nothing is written"


def test_what_is_left_out_is_as_at_the_command(logs: Path, tmp_path: Path) -> None:
    gate = write_gate(tmp_path / "mine.yaml")
    result = gonogo.judge(str(logs), stage="5k", gate=gate, planned_steps=400, cross_check=False)
    assert result.planned_steps == STEPS
    assert "independent_reader" not in {finding.check for finding in result.findings}


def test_wrong_use_is_one_kind_of_error(logs: Path, tmp_path: Path) -> None:
    with pytest.raises(gonogo.UsageError, match="by which stage"):
        gonogo.judge(logs)
    with pytest.raises(gonogo.ConfigError, match="unknown stage"):
        gonogo.judge(logs, stage="6k")
    with pytest.raises(gonogo.InputError):
        gonogo.judge(tmp_path / "nowhere", stage="5k")
    (tmp_path / "gate.yaml").write_text("name: [")
    with pytest.raises(gonogo.GateConfigError):
        gonogo.judge(logs, stage="5k", gate=tmp_path / "gate.yaml")
    errors = (gonogo.UsageError, gonogo.ConfigError, gonogo.InputError, gonogo.GateConfigError)
    assert all(issubclass(error, gonogo.GonogoError) for error in errors)


def test_events_come_as_one_table(logs: Path) -> None:
    table = gonogo.read_events(logs)
    assert list(table.columns) == ["tag", "step", "value", "wall_time"]
    assert list(table.dtypes[["step", "value", "wall_time"]]) == [np.int64, np.float64, np.float64]
    assert list(table["tag"].drop_duplicates()) == sorted(set(table["tag"]))
    loss = table[table["tag"] == "train/critic_loss"]
    assert list(loss["step"]) == list(range(20, STEPS + 1, 20))
    assert set(loss["value"]) == {1.0}
    assert isinstance(table, pd.DataFrame)
    with pytest.raises(gonogo.InputError):
        gonogo.read_events(logs.parent / "nowhere")


def test_everything_public_is_there() -> None:
    assert gonogo.__version__ == version("gonogo")
    assert all(hasattr(gonogo, name) for name in gonogo.__all__)
    fields = asdict(gonogo.Fix(text="lower it"))
    assert fields == {"text": "lower it", "config": {}}
    with pytest.raises(AttributeError, match="no attribute 'jugde'"):
        gonogo.jugde  # noqa: B018


def test_the_examples_of_the_documentation_run(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    examples = [block.partition("```")[0] for block in text.split("```python\n")[1:]]
    assert len(examples) == 2
    write_events(tmp_path / "logs" / "td3_5k")
    done = subprocess.run(
        [sys.executable, "-c", "".join(examples)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith("NO_GO ")
    assert "train/critic_loss" in done.stdout
    assert done.stderr == ""
