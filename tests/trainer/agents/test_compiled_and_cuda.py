"""Compiled networks, and networks on a GPU, learn what plain ones on a processor learn."""

from __future__ import annotations

import shutil

import pytest
import torch

from trainer.agents.td3 import TD3
from trainer.config import TrainConfig
from trainer.observation import Observation, ObservationShape
from trainer.replay.buffer import Batch
from trainer.run import machine

SHAPE = ObservationShape(camera=(2, 16, 16), vector=3)
BATCH = 32

# torch's compiler imports what torch itself calls outdated, and looks at gradients where there are none.
pytestmark = [
    pytest.mark.filterwarnings("ignore:.*script_method.*:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor:UserWarning"),
]

needs_compiler = pytest.mark.skipif(shutil.which(machine._CXX) is None, reason="no C++ compiler")


def make_agent(**settings: object) -> TD3:
    torch.manual_seed(0)
    config = TrainConfig(encoder="small", features_dim=8, hidden_sizes=(16,), **settings)
    return TD3(config, SHAPE, action_dim=2)


def make_batch(seed: int, device: str = "cpu") -> Batch:
    random = torch.Generator().manual_seed(seed)

    def obs() -> Observation:
        camera = torch.randint(
            0, 256, (BATCH, *SHAPE.camera), dtype=torch.uint8, generator=random
        ).to(device)
        return Observation(camera, torch.randn(BATCH, SHAPE.vector, generator=random).to(device))

    action = torch.rand(BATCH, 2, generator=random).to(device) * 2 - 1
    reward = torch.randn(BATCH, generator=random).to(device)
    return Batch(obs(), action, reward, obs(), torch.zeros(BATCH, device=device))


def assert_learns_the_same(agent: TD3, *, tolerance: float) -> None:
    """Compare with plain networks on a processor, after updates without random numbers."""
    plain = make_agent(target_policy_noise=0.0)
    device = agent.config.device
    agent.load_state_dict(plain.state_dict())
    for number in range(4):
        agent.update(make_batch(number, device), log=True)
        seen = agent.update(make_batch(number, device), log=True).tags()
        plain.update(make_batch(number), log=True)
        assert seen == pytest.approx(
            plain.update(make_batch(number), log=True).tags(), rel=tolerance, abs=tolerance / 10
        )
    for count in (1, 3):
        few, same = make_batch(9, device).obs, make_batch(9).obs
        torch.testing.assert_close(
            agent.act(Observation(few.camera[:count], few.vector[:count])).cpu(),
            plain.act(Observation(same.camera[:count], same.vector[:count])),
            atol=tolerance / 10,
            rtol=tolerance,
        )
    assert list(agent.state_dict()["actor"]) == list(plain.state_dict()["actor"])


@needs_compiler
@pytest.mark.slow
def test_updates_and_actions_are_those_of_plain_networks() -> None:
    agent = make_agent(target_policy_noise=0.0, compile=True)
    assert_learns_the_same(agent, tolerance=1e-4)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("compiled", [False, True])
def test_a_gpu_learns_what_a_processor_learns(compiled: bool) -> None:
    agent = make_agent(target_policy_noise=0.0, compile=compiled, device="cuda")
    assert_learns_the_same(agent, tolerance=0.02)


@needs_compiler
@pytest.mark.slow
def test_a_leak_into_the_encoder_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    agent = make_agent(compile=True, policy_delay=1)
    assert agent.update(make_batch(0), log=True).tags()["probe/actor_encoder_leak"] == 0.0
    monkeypatch.setattr(agent, "features_for_actor_loss", agent.actor.encode)
    assert agent.update(make_batch(1), log=True).tags()["probe/actor_encoder_leak"] > 0


def test_a_machine_without_a_compiler_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "_CXX", "no-such-compiler")
    assert str(machine.misfit_of_machine(TrainConfig(compile=True))) == (
        "train.compile: needs a C++ compiler, and there is no no-such-compiler; leave it off"
    )
    assert machine.misfit_of_machine(TrainConfig()) is None
