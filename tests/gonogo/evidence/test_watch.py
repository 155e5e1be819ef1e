"""A loop of one's own: what is collected of it, and that it learns what it learns without."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

import gonogo

EXAMPLE = Path(__file__).resolve().parents[3] / "docs" / "examples" / "watched_td3.py"


def example() -> Any:
    spec = importlib.util.spec_from_file_location("watched_td3", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def train(monkeypatch: pytest.MonkeyPatch, out: Path, *options: str, steps: int = 900) -> Any:
    module = example()
    arguments = ["watched_td3.py", "--out", str(out), "--total-timesteps", str(steps), *options]
    monkeypatch.setattr(sys, "argv", arguments)
    made: list[torch.nn.Module] = []
    kept = module.nn.ModuleDict
    monkeypatch.setattr(module.nn, "ModuleDict", lambda d: made.append(kept(d)) or made[-1])
    module.main()
    monkeypatch.setattr(module.nn, "ModuleDict", kept)
    return made[0]


def weights(networks: torch.nn.Module) -> list[float]:
    return [float(p.detach().double().sum()) for p in networks.parameters()]


class Blind:
    """Takes the place of a watch and looks at nothing."""

    def __getattr__(self, _: str) -> Any:
        return lambda *_, **__: None


def test_the_loop_learns_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    watched = train(monkeypatch, tmp_path / "run", steps=700)
    monkeypatch.setattr(gonogo, "watch", lambda *_, **__: Blind(), raising=False)
    assert weights(watched) == weights(train(monkeypatch, tmp_path / "none", steps=700))


def test_right_wiring_has_no_leak_and_a_leak_is_named_at_the_first_logged_update(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train(monkeypatch, tmp_path / "right")
    train(monkeypatch, tmp_path / "leak", "--leak")
    leaks = {
        name: gonogo.read_events(tmp_path / name).query("tag == 'probe/actor_encoder_leak'")
        for name in ("right", "leak")
    }
    assert (leaks["right"]["value"] == 0.0).all()
    assert len(leaks["right"]) > 3
    assert (leaks["leak"]["value"] > 0.0).all()
    result = gonogo.judge(tmp_path / "leak", stage="5k")
    assert result.verdict is gonogo.Verdict.NO_GO
    assert result.diagnoses[0].cause == "actor_encoder_leak"
    finding = next(f for f in result.findings if f.check == "encoder_leak_probe")
    assert finding.breach_step == leaks["leak"]["step"].min()
    right = gonogo.judge(tmp_path / "right", stage="5k")
    assert not right.diagnoses
    assert {f.check for f in right.findings if f.outcome is gonogo.Outcome.FAIL} == set()


def test_an_error_never_reaches_the_loop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from gonogo.evidence import measures

    def broken(*_: object) -> None:
        raise RuntimeError("out of memory")

    monkeypatch.setattr(measures, "_of_critics", broken)
    with pytest.warns(RuntimeWarning, match="collects no more evidence.*out of memory"):
        train(monkeypatch, tmp_path / "run", steps=700)
    note = json.loads((tmp_path / "run" / "evidence-end.json").read_text())
    assert note["error"] == "RuntimeError: out of memory"


def test_importing_gonogo_brings_no_torch() -> None:
    code = "import gonogo, sys; assert 'torch' not in sys.modules; gonogo.watch; assert 'torch' in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=EXAMPLE.parents[2])
