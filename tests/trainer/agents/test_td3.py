"""The update does what Algorithm 1 says, and each instrument measures what its name says."""

import dataclasses

import numpy as np
import pytest
import torch

from trainer.agents.rewards import RewardTransform
from trainer.agents.td3 import TD3
from trainer.config import TrainConfig
from trainer.observation import Observation, ObservationShape
from trainer.replay.buffer import Batch
from trainer.run import checkpoint
from trainer.run.tags import UPDATE_TAGS

SHAPE = ObservationShape(camera=(2, 16, 16), vector=3)
BATCH = 16


def _config(**changes) -> TrainConfig:
    defaults = {
        "encoder": "small",
        "features_dim": 8,
        "hidden_sizes": (16,),
        "batch_size": BATCH,
        "policy_delay": 1,
    }
    return TrainConfig(**(defaults | changes))


def _agent(seed=0, shape=SHAPE, **changes) -> TD3:
    torch.manual_seed(seed)
    return TD3(_config(**changes), shape, action_dim=2)


def _batch(seed=0, shape=SHAPE, **changes) -> Batch:
    generator = torch.Generator().manual_seed(seed)

    def obs():
        camera = None
        if shape.camera:
            camera = torch.randint(0, 256, (BATCH, *shape.camera), generator=generator)
            camera = camera.to(torch.uint8)
        return Observation(camera, torch.randn(BATCH, shape.vector, generator=generator))

    batch = Batch(
        obs=obs(),
        action=torch.rand(BATCH, 2, generator=generator) * 2 - 1,
        reward=torch.randn(BATCH, generator=generator),
        next_obs=obs(),
        terminated=torch.zeros(BATCH),
    )
    return dataclasses.replace(batch, **changes)


def _weights(agent: TD3, name: str) -> list[torch.Tensor]:
    return [p.detach().clone() for p in getattr(agent, name).parameters()]


def _same(before, after) -> bool:
    return all(torch.equal(a, b) for a, b in zip(before, after, strict=True))


def test_logs_exactly_the_update_tags_of_the_contract():
    statistics = _agent().update(_batch(), log=True).tags()
    from_loop = {
        "agent/buffer_size",
        "agent/exploration_noise",
        "time/steps_per_s",
        "time/update_share",
    }
    assert set(statistics) == {tag.name for tag in UPDATE_TAGS} - from_loop


def test_encoder_leak_is_exactly_zero():
    agent = _agent()
    leaks = [agent.update(_batch(i), log=True).tags()["probe/actor_encoder_leak"] for i in range(5)]
    assert leaks == [0.0] * 5


def test_encoder_leak_is_seen_when_the_critic_is_fed_the_actors_features(monkeypatch):
    agent = _agent()
    monkeypatch.setattr(agent, "features_for_actor_loss", agent.actor.encode)
    assert agent.update(_batch(), log=True).tags()["probe/actor_encoder_leak"] > 0


def test_without_a_camera_there_are_no_encoder_tags():
    shape = ObservationShape(camera=None, vector=3)
    statistics = _agent(shape=shape).update(_batch(shape=shape), log=True).tags()
    assert not [tag for tag in statistics if "cnn" in tag or "encoder" in tag]


def test_a_truncated_transition_bootstraps_and_a_terminated_one_does_not():
    agent = _agent(gamma=0.9, target_policy_noise=0.0)
    ended = _batch(terminated=torch.ones(BATCH), reward=torch.full((BATCH,), 3.0))
    statistics = agent.update(ended, log=True).tags()
    assert statistics["debug/target_q_min"] == statistics["debug/target_q_max"] == 3.0
    assert statistics["debug/effective_discount"] == 0.0
    statistics = agent.update(_batch(reward=torch.full((BATCH,), 3.0)), log=True).tags()
    assert statistics["debug/target_q_std"] > 0.0
    assert statistics["debug/effective_discount"] == pytest.approx(0.9)


def test_an_undefined_successor_of_a_terminated_transition_is_ignored():
    vector = torch.full((BATCH, 3), float("nan"))
    batch = _batch(terminated=torch.ones(BATCH))
    batch = dataclasses.replace(batch, next_obs=Observation(batch.next_obs.camera, vector))
    assert np.isfinite(_agent().update(batch, log=True).tags()["debug/target_q_mean"])


def test_actor_and_targets_wait_for_the_policy_delay():
    agent = _agent(policy_delay=3)
    for update in range(1, 7):
        actor, target = _weights(agent, "actor"), _weights(agent, "critic_target")
        agent.update(_batch(update))
        due = update % 3 == 0
        assert _same(actor, _weights(agent, "actor")) is not due
        assert _same(target, _weights(agent, "critic_target")) is not due


def test_actor_waits_for_the_critic_warm_up():
    agent = _agent(critic_warmup_updates=4)
    start = _weights(agent, "actor")
    for update in range(4):
        assert agent.update(_batch(update), log=True) is None
    assert _same(start, _weights(agent, "actor"))
    assert agent.update(_batch(9), log=True).tags()["agent/actor_updates"] == 1.0
    assert not _same(start, _weights(agent, "actor"))


def test_target_is_the_smaller_critic_and_ddpg_has_one():
    assert len(_agent().critic.heads) == 2
    ddpg = _agent(algorithm="ddpg")
    assert len(ddpg.critic.heads) == 1
    assert (ddpg.config.policy_delay, ddpg.config.target_policy_noise) == (1, 0.0)
    assert "train/q2_value" not in ddpg.update(_batch(), log=True).tags()


def test_gradient_norms_are_measured_before_clipping_and_the_share_counts_clipped_updates():
    free = _agent().update(_batch(), log=True).tags()
    clipped = _agent(critic_mlp_max_grad_norm=1.0e-3).update(_batch(), log=True).tags()
    tag = "gradients/critic_mlp_norm"
    assert clipped[tag] == pytest.approx(free[tag], rel=1e-6)
    assert clipped[tag] > 1.0e-3
    assert clipped["gradients/critic_mlp_clipped_share"] == 1.0
    assert clipped["gradients/actor_mlp_clipped_share"] == 0.0


def test_each_module_has_its_own_learning_rate():
    agent = _agent(actor_lr=1e-3, actor_cnn_lr=1e-4, critic_lr=2e-3, critic_cnn_lr=2e-4)
    before = {name: _weights(agent, name) for name in ("actor", "critic")}
    statistics = agent.update(_batch(), log=True).tags()
    rates = [statistics[f"agent/{n}_lr"] for n in ("actor", "actor_cnn", "critic", "critic_cnn")]
    assert rates == pytest.approx([1e-3, 1e-4, 2e-3, 2e-4])
    # Adam's first step has the size of the learning rate wherever the gradient is not tiny.
    for name, encoder_rate in (("actor", 1e-4), ("critic", 2e-4)):
        steps = [
            (a - b).abs().max() for a, b in zip(before[name], _weights(agent, name), strict=True)
        ]
        assert float(steps[0]) == pytest.approx(encoder_rate, rel=0.05)
        assert float(steps[-1]) == pytest.approx(10 * encoder_rate, rel=0.05)


def test_critic_weight_decay_shrinks_only_the_critic():
    decayed, free = _agent(critic_weight_decay=0.5), _agent()
    for agent in (decayed, free):
        torch.manual_seed(1)
        agent.update(_batch(), log=True).tags()
    assert not _same(_weights(decayed, "critic"), _weights(free, "critic"))


def test_preactivation_penalty_and_normalisation_enter_the_actor_loss():
    plain = _agent().update(_batch(), log=True).tags()
    assert plain["train/actor_loss"] == pytest.approx(-plain["debug/actor_q_mean"], abs=1e-6)
    penalised = _agent(preact_penalty=5.0).update(_batch(), log=True).tags()
    assert penalised["train/actor_loss"] > plain["train/actor_loss"]
    normalised = _agent(normalize_actor_loss=True).update(_batch(), log=True).tags()
    assert abs(normalised["train/actor_loss"]) <= 1.0 + 1e-6


@pytest.mark.parametrize(
    ("changes", "reward", "expected"),
    [
        ({}, [1.0, -3.0], [1.0, -3.0]),
        ({"reward_scale": 0.1}, [1.0, -3.0], [0.1, -0.3]),
        ({"reward_scale": 2.0, "reward_clip": 3.0}, [1.0, -3.0], [2.0, -3.0]),
    ],
)
def test_rewards_are_scaled_then_clipped(changes, reward, expected):
    transform = RewardTransform(_config(**changes))
    assert transform(torch.tensor(reward)).tolist() == pytest.approx(expected)


def test_reward_normalisation_divides_by_the_running_deviation():
    transform = RewardTransform(_config(reward_normalization=True))
    rewards = np.random.default_rng(0).normal(5.0, 4.0, 1000)
    for chunk in np.split(rewards, 10):
        transform.observe(chunk)
    assert transform.factor == pytest.approx(1 / rewards.std(), rel=1e-9)


def test_an_agent_restored_from_a_checkpoint_continues_identically(tmp_path):
    first = _agent()
    for i in range(3):
        first.update(_batch(i))
    second = _agent(seed=99)
    saved = checkpoint.save(tmp_path, 3, {"agent": first.state_dict()})
    second.load_state_dict(checkpoint.load(saved, first.device)["agent"])
    for agent in (first, second):
        torch.manual_seed(5)
        for i in range(3, 6):
            agent.update(_batch(i), log=True).tags()
    for name in ("actor", "critic", "actor_target", "critic_target"):
        assert _same(_weights(first, name), _weights(second, name))
