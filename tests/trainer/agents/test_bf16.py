"""Encoders in bf16 learn what encoders in fp32 learn."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from trainer.agents.td3 import TD3
from trainer.config import TrainConfig
from trainer.observation import Observation, ObservationShape
from trainer.replay.buffer import Batch
from trainer.run import machine

SHAPE = ObservationShape(camera=(2, 16, 16), vector=1)
BATCH = 64


def make_agent(precision: str, seed: int = 0) -> TD3:
    torch.manual_seed(seed)
    config = TrainConfig(
        encoder="small",
        features_dim=16,
        hidden_sizes=(32,),
        batch_size=BATCH,
        actor_lr=1e-3,
        actor_cnn_lr=1e-3,
        critic_lr=3e-3,
        critic_cnn_lr=3e-3,
        precision=precision,
    )
    return TD3(config, SHAPE, action_dim=1)


def pictures(rng: np.random.Generator) -> tuple[Observation, torch.Tensor]:
    """Pictures whose brightness over half of the noise tells the best action, and that action."""
    best = rng.uniform(-0.9, 0.9, BATCH).astype(np.float32)
    noise = rng.integers(0, 40, (BATCH, *SHAPE.camera))
    bright = ((best + 1) * 100).astype(np.int64)[:, None, None, None]
    noise[..., : SHAPE.camera[2] // 2] += bright
    camera = torch.from_numpy(noise.astype(np.uint8))
    return Observation(camera, torch.zeros(BATCH, 1)), torch.from_numpy(best)[:, None]


def learning_curve(precision: str, updates: int = 1_200) -> list[float]:
    """Return the mean distance to the best action before learning and after each quarter of it."""
    agent = make_agent(precision)
    rng = np.random.default_rng(0)
    test_obs, test_best = pictures(np.random.default_rng(1))
    curve = []
    for number in range(updates + 1):
        if number % (updates // 4) == 0:
            curve.append(float((agent.act(test_obs) - test_best).abs().mean()))
        obs, best = pictures(rng)
        action = torch.from_numpy(rng.uniform(-1, 1, (BATCH, 1)).astype(np.float32))
        reward = 1.0 - (action - best).square().sum(1)
        agent.update(Batch(obs, action, reward, obs, torch.ones(BATCH)))
    return curve


@pytest.mark.slow
def test_the_learning_curve_is_that_of_fp32():
    full, half = learning_curve("fp32"), learning_curve("bf16")
    assert full[0] > 0.35
    assert full[-1] < 0.12
    assert half[-1] < 0.12
    np.testing.assert_allclose(half, full, atol=0.1)


def test_one_update_is_that_of_fp32_up_to_rounding():
    obs, best = pictures(np.random.default_rng(0))
    batch = Batch(obs, best, best[:, 0], obs, torch.zeros(BATCH))
    seen = {}
    for precision in ("fp32", "bf16"):
        agent = make_agent(precision)
        torch.manual_seed(1)
        agent.update(batch)
        seen[precision] = agent.update(batch, log=True).tags()
    assert seen["bf16"]["train/critic_loss"] != seen["fp32"]["train/critic_loss"]
    for tag in ("train/critic_loss", "train/actor_loss", "gradients/critic_cnn_norm"):
        assert seen["bf16"][tag] == pytest.approx(seen["fp32"][tag], rel=0.05, abs=0.01)
    assert seen["bf16"]["probe/actor_encoder_leak"] == 0.0


def test_weights_and_actions_stay_fp32():
    agent, full = make_agent("bf16"), make_agent("fp32")
    obs, _ = pictures(np.random.default_rng(0))
    assert {p.dtype for p in agent.critic.parameters()} == {torch.float32}
    torch.testing.assert_close(agent.act(obs), full.act(obs), rtol=0, atol=0)


def test_a_processor_without_it_is_told(monkeypatch):
    monkeypatch.setattr(machine, "_has_bf16", lambda device: False)
    told = machine.misfit_of_machine(TrainConfig(precision="bf16"))
    assert str(told) == ("train.precision: this processor has no bf16 arithmetic; use fp32")
    assert machine.misfit_of_machine(TrainConfig()) is None
