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


def test_noise_of_the_loop_goes_where_it_is_said_to(tmp_path: Path) -> None:
    generator = torch.Generator().manual_seed(0)
    actor = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.Tanh())
    critic = torch.nn.Linear(5, 1)
    optimizers = {
        f"{name}_optimizer": torch.optim.Adam(network.parameters())
        for name, network in (("actor", actor), ("critic", critic))
    }
    for name, mean in (("both", 0.0), ("one", 0.4)):
        watch = gonogo.watch(
            tmp_path / name, actor=actor, critics=[critic], **optimizers, planned_steps=600, gamma=0.9,
            action_low=[-2.0, -2.0], action_high=[2.0, 2.0], config={"batch_size": 64}, every=1,
        )  # fmt: skip
        for step in range(600):
            policy = 2.0 * torch.tanh(torch.randn(2, generator=generator))
            noise = 0.4 * torch.randn(2, generator=generator) + mean
            watch.acted((policy + noise).clamp(-2.0, 2.0), policy if step >= 100 else None)
        obs = torch.randn(32, 3, generator=generator)
        watch.batch(600, rewards=torch.zeros(32), terminated=torch.zeros(32))
        optimizers["critic_optimizer"].zero_grad()
        critic(torch.cat([obs, torch.zeros(32, 2)], dim=1)).square().mean().backward()
        optimizers["critic_optimizer"].step()
        optimizers["actor_optimizer"].zero_grad()
        (-critic(torch.cat([obs, actor(obs)], dim=1)).mean()).backward()
        optimizers["actor_optimizer"].step()
        watch.close()
        table = gonogo.read_events(tmp_path / name)
        tags = dict(zip(table["tag"], table["value"], strict=True))
        assert tags["agent/batch_size"] == 32
        assert (abs(tags["env/exploration_side"]) > 0.5) is (mean > 0)
        finding = next(
            f
            for f in gonogo.judge(tmp_path / name, stage="5k").findings
            if f.check == "config_applied"
        )
        assert "batch_size is 32 in the events" in finding.reason


def test_an_error_never_reaches_the_loop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from gonogo.evidence.update import measures

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
