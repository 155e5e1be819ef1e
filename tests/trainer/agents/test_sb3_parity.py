"""One critic and one actor update equal those of Stable-Baselines3's TD3: same weights, same batch, same noise."""

import gymnasium
import numpy as np
import pytest
import torch

from trainer.agents.td3 import TD3
from trainer.config import TrainConfig
from trainer.observation import Observation, ObservationShape
from trainer.replay.buffer import Batch

sb3 = pytest.importorskip("stable_baselines3", reason="parity needs Stable-Baselines3 ([dev])")

CAMERA, VECTOR, ACTIONS, BATCH = (4, 36, 36), 7, 2, 32
GAMMA, TAU, NOISE, CLIP = 0.98, 0.02, 0.2, 0.5


class _DictEnv(gymnasium.Env):
    observation_space = gymnasium.spaces.Dict(
        {
            "camera": gymnasium.spaces.Box(0, 255, CAMERA, np.uint8),
            "vector": gymnasium.spaces.Box(-10, 10, (VECTOR,), np.float32),
        }
    )
    action_space = gymnasium.spaces.Box(-1.0, 1.0, (ACTIONS,), np.float32)


def _sb3_agent(learning_rate, policy_delay):
    from stable_baselines3.common.torch_layers import CombinedExtractor

    return sb3.TD3(
        "MultiInputPolicy",
        _DictEnv(),
        learning_rate=learning_rate,
        buffer_size=4,
        batch_size=BATCH,
        tau=TAU,
        gamma=GAMMA,
        policy_delay=policy_delay,
        target_policy_noise=NOISE,
        target_noise_clip=CLIP,
        policy_kwargs={
            "net_arch": [64, 64],
            "features_extractor_class": CombinedExtractor,
            "features_extractor_kwargs": {"cnn_output_dim": 48},
            "share_features_extractor": False,
        },
        device="cpu",
    )


def _copy_weights(agent: TD3, other) -> None:
    """Give our networks the weights of SB3's, in their common order of layers."""
    pairs = [
        (agent.actor.cnn, other.actor.features_extractor.extractors["camera"]),
        (agent.actor.mlp, other.actor.mu),
        (agent.critic.cnn, other.critic.features_extractor.extractors["camera"]),
        (agent.critic.heads[0], other.critic.q_networks[0]),
        (agent.critic.heads[1], other.critic.q_networks[1]),
    ]
    with torch.no_grad():
        for ours, theirs in pairs:
            for mine, their in zip(ours.parameters(), theirs.parameters(), strict=True):
                mine.copy_(their)
    agent.actor_target.load_state_dict(agent.actor.state_dict())
    agent.critic_target.load_state_dict(agent.critic.state_dict())


def _batch(rng) -> Batch:
    def obs():
        camera = rng.integers(0, 256, (BATCH, *CAMERA), dtype=np.uint8)
        vector = rng.normal(size=(BATCH, VECTOR)).astype(np.float32)
        return Observation(torch.from_numpy(camera), torch.from_numpy(vector))

    return Batch(
        obs=obs(),
        action=torch.from_numpy(rng.uniform(-1, 1, (BATCH, ACTIONS)).astype(np.float32)),
        reward=torch.from_numpy(rng.normal(2.0, 3.0, BATCH).astype(np.float32)),
        next_obs=obs(),
        terminated=torch.from_numpy((rng.random(BATCH) < 0.2).astype(np.float32)),
    )


class _Samples:
    """Stands in for SB3's replay buffer and hands out our batches."""

    def __init__(self, batches):
        self._batches = iter(batches)

    def sample(self, *_args, **_kwargs):
        from stable_baselines3.common.type_aliases import DictReplayBufferSamples

        batch = next(self._batches)

        def as_dict(obs):
            return {"camera": obs.camera, "vector": obs.vector}

        return DictReplayBufferSamples(
            observations=as_dict(batch.obs),
            actions=batch.action,
            next_observations=as_dict(batch.next_obs),
            dones=batch.terminated[:, None],
            rewards=batch.reward[:, None],
            discounts=None,
        )


class _Log:
    """Collects what SB3 logs."""

    def __init__(self):
        self.values = {}

    def record(self, key, value, **_):
        self.values[key] = value


def test_four_updates_equal_stable_baselines3():
    rate = 1.0e-3
    other = _sb3_agent(rate, policy_delay=2)
    config = TrainConfig(
        encoder="nature",
        features_dim=48,
        hidden_sizes=(64, 64),
        actor_lr=rate,
        critic_lr=rate,
        actor_cnn_lr=rate,
        critic_cnn_lr=rate,
        gamma=GAMMA,
        tau=TAU,
        policy_delay=2,
        target_policy_noise=NOISE,
        target_noise_clip=CLIP,
        batch_size=BATCH,
    )
    agent = TD3(config, ObservationShape(camera=CAMERA, vector=VECTOR), ACTIONS)
    _copy_weights(agent, other)

    rng = np.random.default_rng(0)
    batches = [_batch(rng) for _ in range(4)]
    for number in (0, 2):
        pair = batches[number : number + 2]
        torch.manual_seed(number)
        statistics = [agent.update(batch, log=True) for batch in pair][-1].tags()
        torch.manual_seed(number)
        other.replay_buffer, log = _Samples(pair), _Log()
        other.set_logger(log)
        other._current_progress_remaining = 1.0
        other.train(gradient_steps=2, batch_size=BATCH)

        assert statistics["train/actor_loss"] == pytest.approx(
            log.values["train/actor_loss"], rel=1e-5, abs=1e-5
        )
    _assert_equal_weights(agent, other)


def _assert_equal_weights(agent, other):
    ours = [agent.actor.cnn, agent.actor.mlp, agent.critic.cnn, *agent.critic.heads]
    ours += [agent.actor_target.cnn, agent.actor_target.mlp, agent.critic_target.cnn]
    ours += [*agent.critic_target.heads]
    theirs = []
    for actor, critic in (
        (other.actor, other.critic),
        (other.actor_target, other.critic_target),
    ):
        theirs += [actor.features_extractor.extractors["camera"], actor.mu]
        theirs += [critic.features_extractor.extractors["camera"], *critic.q_networks]
    for mine, their in zip(ours, theirs, strict=True):
        for a, b in zip(mine.parameters(), their.parameters(), strict=True):
            # Adam turns rounding of small gradients into steps of up to its rate.
            torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-4)


def test_critic_loss_of_each_update_equals_stable_baselines3():
    other = _sb3_agent(1.0e-3, policy_delay=1)
    config = TrainConfig(
        features_dim=48,
        hidden_sizes=(64, 64),
        actor_lr=1.0e-3,
        critic_lr=1.0e-3,
        actor_cnn_lr=1.0e-3,
        critic_cnn_lr=1.0e-3,
        gamma=GAMMA,
        tau=TAU,
        policy_delay=1,
        batch_size=BATCH,
    )
    agent = TD3(config, ObservationShape(camera=CAMERA, vector=VECTOR), ACTIONS)
    _copy_weights(agent, other)
    rng = np.random.default_rng(1)
    for number in range(3):
        batch = _batch(rng)
        torch.manual_seed(number)
        statistics = agent.update(batch, log=True).tags()
        torch.manual_seed(number)
        other.replay_buffer, log = _Samples([batch]), _Log()
        other.set_logger(log)
        other._current_progress_remaining = 1.0
        other.train(gradient_steps=1, batch_size=BATCH)
        for tag in ("train/critic_loss", "train/actor_loss"):
            assert statistics[tag] == pytest.approx(log.values[tag], rel=1e-5, abs=1e-5)
