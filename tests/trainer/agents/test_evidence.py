"""Evidence is exact on a sound update, each fault shows in its own tag, and learning stays the same."""

import dataclasses

import numpy as np
import pytest
import torch

from trainer.agents import td3
from trainer.agents.td3 import TD3
from trainer.config import TrainConfig
from trainer.observation import Observation, ObservationShape
from trainer.replay.buffer import Batch, ReplayBuffer
from trainer.replay.ledger import LAYOUT, Ledger
from trainer.run.tags import EVIDENCE_TAGS

SHAPE = ObservationShape(camera=(2, 16, 16), vector=3)
ROUNDING = 1e-5


class Data:
    """A buffer and a ledger that saw the same steps of a made-up environment."""

    def __init__(self, shape=SHAPE, steps=200, envs=2):
        rng = np.random.default_rng(0)
        self.buffer = ReplayBuffer(steps, envs, shape, action_dim=2)
        self.ledger = Ledger(steps, envs, shape, action_dim=2)
        self.rng = np.random.default_rng(1)

        def look(before=None, first=True):
            """Show a new frame on top of those before; a first one fills the stack."""
            obs = {"vector": rng.normal(size=(envs, shape.vector)).astype(np.float32)}
            if shape.camera:
                frame = rng.integers(0, 256, (envs, 1, *shape.camera[1:]), dtype=np.uint8)
                filled = frame.repeat(shape.camera[0], axis=1)
                if before is not None:
                    stacked = np.concatenate([before["camera"][:, 1:], frame], axis=1)
                    filled = np.where(np.reshape(first, (-1, 1, 1, 1)), filled, stacked)
                obs["camera"] = filled
            return obs

        def newest(obs):
            return obs["camera"][:, -1] if shape.camera else None

        obs = look()
        for step in range(steps // envs):
            action = rng.uniform(-1, 1, (envs, 2)).astype(np.float32)
            reward, last = rng.normal(size=envs), look(obs, first=False)
            terminated = np.full(envs, step % 17 == 16)
            truncated = np.full(envs, step % 29 == 28) & ~terminated
            done = terminated | truncated
            policy = np.zeros_like(action) if step > 10 else None
            self.ledger.look(obs)
            self.ledger.record(action, policy, reward, terminated, done, last, None)
            self.buffer.add(
                newest(obs), obs["vector"], action, reward, terminated, truncated,
                newest(last), last["vector"],
            )  # fmt: skip
            again = look(last, first=done)
            obs = {key: _where(done, again[key], last[key]) for key in last}

    def batch(self, *, witness=True) -> Batch:
        batch = self.buffer.sample(80, self.rng, torch.device("cpu"))
        told = self.ledger.witness(*batch.origin) if witness else None
        return dataclasses.replace(batch, witness=told)


def _where(rows, first, second):
    return np.where(rows.reshape(-1, *[1] * (first.ndim - 1)), first, second)


def _agent(shape=SHAPE, **changes) -> TD3:
    torch.manual_seed(0)
    defaults = {"encoder": "small", "features_dim": 8, "hidden_sizes": (16,), "policy_delay": 1}
    return TD3(TrainConfig(**(defaults | changes)), shape, action_dim=2)


def _tags(agent=None, change=lambda batch: batch, data=None, updates=3) -> dict[str, float]:
    """Return the last tags of some updates, each with a changed batch."""
    agent, data = agent or _agent(), data or Data()
    for _ in range(updates):
        tags = agent.update(change(data.batch()), log=True).tags()
    return tags


def test_a_logged_update_with_a_witness_has_every_evidence_tag_and_no_other():
    plain = set(_agent().update(Data().batch(witness=False), log=True).tags())
    tags = _tags(data=Data(steps=600))
    assert set(tags) - plain == {tag.name for tag in EVIDENCE_TAGS}


@pytest.mark.parametrize(
    "recipe",
    [
        {},
        {"algorithm": "ddpg"},
        {"layer_norm": True, "preact_penalty": 0.5, "normalize_actor_loss": True},
        {"gamma": 0.0, "reward_scale": 100.0, "reward_clip": 1.0},
        {"gamma": 0.999, "tau": 1.0, "critic_mlp_max_grad_norm": 0.1},
    ],
)
def test_a_sound_update_breaks_no_identity(recipe):
    config = _agent(**recipe).config
    tags = _tags(_agent(**recipe))
    for tag in ("reward", "action", "terminated", "obs", "next_obs"):
        assert tags[f"replay/{tag}_error"] == 0.0
    for tag in ("target_error", "q_error", "loss_error"):
        assert tags[f"bellman/{tag}"] < ROUNDING
    assert tags["policy/gradient_alignment"] == pytest.approx(1.0, abs=ROUNDING)
    assert tags["targets/actor_tau"] == pytest.approx(config.tau, rel=1e-3)
    assert tags["targets/critic_tau"] == pytest.approx(config.tau, rel=1e-3)
    assert tags["bellman/target_noise"] <= config.target_noise_clip + ROUNDING
    assert tags["bellman/target_action"] <= 1.0
    assert tags["bellman/target_noise_side"] < 0.5
    assert tags["targets/actor_lag"] > 0.0
    assert tags["weights/critic_reached"] == 1.0
    assert tags["weights/critic_moved_by_actor"] == tags["weights/actor_moved_by_critic"] == 0.0
    assert tags["sees/q_entries"] == 1.0


def test_a_critic_that_no_loss_reaches_is_seen():
    agent = _agent()
    values = agent.critic.values
    agent.critic.values = lambda *inputs: [  # type: ignore[method-assign]
        q if number == 0 else q.detach() for number, q in enumerate(values(*inputs))
    ]
    assert _tags(agent)["weights/critic_reached"] == pytest.approx(0.5)


def test_an_optimiser_that_steps_the_other_network_is_seen():
    agent = _agent()
    step = agent.actor_optimizer.step

    def both():
        step()
        with torch.no_grad():
            agent.critic.heads[0][0].weight.add_(1e-3)

    agent.actor_optimizer.step = both
    tags = _tags(agent)
    assert tags["weights/critic_moved_by_actor"] > 0.0
    assert tags["weights/actor_moved_by_critic"] == 0.0


def test_noise_that_all_next_actions_share_is_seen(monkeypatch):
    drawn = torch.randn_like
    monkeypatch.setattr(td3.torch, "randn_like", lambda like: drawn(like[:1]).abs().expand_as(like))
    assert _tags()["bellman/target_noise_side"] == 1.0


def test_discount_is_that_of_the_targets():
    assert _tags(_agent(gamma=0.9))["bellman/discount"] == pytest.approx(0.9, abs=1e-5)


def _with_reward(change):
    return lambda batch: dataclasses.replace(batch, reward=change(batch.reward))


def test_shuffled_and_scaled_rewards_differ_from_the_environments():
    shuffled = _tags(change=_with_reward(lambda r: r.roll(1)))
    assert shuffled["replay/reward_error"] > 0.5
    assert abs(shuffled["replay/reward_correlation"]) < 0.5
    scaled = _tags(change=_with_reward(lambda r: 3.0 * r))
    assert scaled["replay/reward_error"] > 0.5
    assert scaled["replay/reward_correlation"] == pytest.approx(1.0)


def test_a_reward_that_comes_a_step_late_is_that_of_the_step_before():
    def late(batch):
        reward = batch.reward.numpy().copy()
        before = batch.witness.reward_before
        known = np.isfinite(before)
        reward[batch.witness.known[known]] = before[known]
        return dataclasses.replace(batch, reward=torch.from_numpy(reward))

    tags = _tags(change=late)
    assert tags["replay/reward_error_of_step_before"] == 0.0
    assert tags["replay/reward_error"] > 0.5


def test_draws_from_a_part_of_the_replay_are_uneven(monkeypatch):
    assert _tags()["replay/unevenness"] < 0.25  # 1.36 / sqrt(80) is passed once in twenty times
    draw = ReplayBuffer._draw

    def oldest_half(buffer, count, rng):
        rows, slots = draw(buffer, 10 * count, rng)
        old = np.flatnonzero(buffer._number[rows, slots] < buffer._number.max() // 2)[:count]
        return rows[old], slots[old]

    monkeypatch.setattr(ReplayBuffer, "_draw", oldest_half)
    assert _tags()["replay/unevenness"] == pytest.approx(0.5, abs=0.1)


def test_what_is_even_counts_what_the_buffer_keeps_and_every_environment():
    data = Data(steps=400)
    ledger = Ledger(100, 2, SHAPE, action_dim=2)
    ledger._count = data.ledger._count
    newest = ledger._count - 1
    rows = np.arange(200) % 2
    even = ledger.witness(rows, np.arange(newest - 49, newest + 1).repeat(4))
    assert even.tags["replay/unevenness"] == pytest.approx(0.02)
    one_env = ledger.witness(0 * rows, np.arange(newest - 49, newest + 1).repeat(4))
    assert one_env.tags["replay/unevenness"] == pytest.approx(0.5)
    stale = ledger.witness(rows, np.arange(0, 50).repeat(4))
    assert stale.tags["replay/unevenness"] == pytest.approx(1.0)
    unknown = ledger.witness(rows, np.full(200, -1))
    assert "replay/unevenness" not in unknown.tags


def test_a_negated_action_is_seen():
    tags = _tags(change=lambda batch: dataclasses.replace(batch, action=-batch.action))
    assert tags["replay/action_correlation"] == pytest.approx(-1.0)


def test_a_next_observation_that_is_the_observation_is_seen():
    tags = _tags(change=lambda batch: dataclasses.replace(batch, next_obs=batch.obs))
    assert tags["replay/vector_change"] == tags["replay/camera_change"] == 0.0
    assert tags["env/vector_change"] > 0.1
    assert tags["replay/next_obs_error"] == 1.0


def test_constant_observations_are_seen():
    def blind(obs):
        return Observation(torch.zeros_like(obs.camera), torch.zeros_like(obs.vector))

    tags = _tags(change=lambda batch: dataclasses.replace(batch, obs=blind(batch.obs)))
    for tag in ("replay/vector_std", "replay/camera_std", "sees/q_vector", "sees/policy_camera"):
        assert tags[tag] == 0.0
    assert tags["replay/obs_error"] == 1.0


def test_terminal_flags_that_are_dropped_or_invented_are_seen():
    for value in (0.0, 1.0):
        tags = _tags(
            change=lambda b, v=value: dataclasses.replace(
                b, terminated=torch.full_like(b.terminated, v)
            )
        )
        assert tags["replay/terminated_error"] > 0.0


def test_a_critic_that_is_trained_on_the_policys_action_is_seen():
    agent = _agent()

    def own(batch):
        return dataclasses.replace(batch, action=agent.act(batch.obs.scaled()).clone())

    tags = _tags(agent, own)
    assert tags["replay/policy_distance"] < ROUNDING
    assert tags["replay/action_error"] > 0.1


def test_maximum_in_place_of_minimum_is_seen(monkeypatch):
    monkeypatch.setattr(td3, "_minimum", lambda values: torch.stack(list(values)).amax(dim=0))
    tags = _tags()
    assert tags["bellman/target_error"] > 0.01
    assert tags["bellman/target_error_of_maximum"] < ROUNDING


def test_a_hidden_second_discount_is_seen(monkeypatch):
    smallest = td3._minimum
    monkeypatch.setattr(td3, "_minimum", lambda values: 0.99 * smallest(values))
    tags = _tags(_agent(gamma=0.99))
    assert tags["bellman/discount"] == pytest.approx(0.99**2, abs=1e-5)
    assert tags["bellman/target_error"] > 1e-3


def test_targets_that_do_not_follow_are_told_apart(monkeypatch):
    def only_critic(agent):
        pairs = zip(agent.critic_target.parameters(), agent.critic.parameters(), strict=True)
        for target, online in pairs:
            target.data.lerp_(online.data, agent.config.tau)

    monkeypatch.setattr(TD3, "_update_targets", only_critic)
    tags = _tags()
    assert tags["targets/actor_tau"] == 0.0
    assert tags["targets/critic_tau"] == pytest.approx(0.005, rel=1e-3)


def test_a_target_that_is_the_network_itself_never_lags():
    agent = _agent()
    agent.actor_target = agent.actor
    tags = _tags(agent)
    assert tags["targets/actor_lag"] == 0.0
    assert "targets/actor_tau" not in tags


def test_missing_smoothing_and_a_missing_clip_are_seen():
    assert _tags(_agent(target_policy_noise=0.0))["bellman/target_noise"] < ROUNDING
    assert _tags(_agent(target_policy_noise=1.0, target_noise_clip=2.0))["bellman/target_noise"] > 1


def test_an_actor_that_goes_downhill_is_seen():
    agent = _agent()
    q1 = agent.critic.q1
    agent.critic.q1 = lambda *arguments: 2.0 * q1(*arguments).detach() - q1(*arguments)
    tags = _tags(agent)
    assert tags["policy/gradient_alignment"] == pytest.approx(-1.0)
    assert tags["policy/ascent"] < 0.0


def test_one_step_of_the_optimiser_is_about_the_learning_rate_and_none_is_0():
    agent = _agent()
    assert 0.1 < _tags(agent)["weights/critic_mlp_step"] < 3.0
    agent.critic_optimizer.step = lambda: None
    assert _tags(agent)["weights/critic_mlp_step"] == 0.0


def test_transitions_that_the_ledger_has_forgotten_are_left_out():
    data = Data(steps=200)
    data.ledger = Ledger(2, 2, SHAPE, action_dim=2)
    tags = _tags(data=data)
    assert "replay/reward_error" not in tags
    assert "bellman/target_error" in tags


@pytest.mark.parametrize("layout", [None, LAYOUT])
def test_a_checkpoint_of_another_layout_leaves_steps_unknown_and_numbers_as_they_were(layout):
    state = Data().ledger.state_dict() | {"layout": layout}
    data = Data()
    data.ledger = Ledger(200, 2, SHAPE, action_dim=2)
    data.ledger.load_state_dict(state)
    tags = _tags(data=data)
    assert ("replay/reward_error" in tags) == (layout == LAYOUT)
    assert tags.get("replay/reward_error", 0.0) == 0.0


@pytest.mark.parametrize("recipe", [{}, {"preact_penalty": 0.1, "normalize_actor_loss": True}])
def test_learning_is_the_same_bit_by_bit_with_and_without(recipe):
    states = []
    for witness in (True, False):
        agent, data = _agent(**recipe), Data()
        for _ in range(20):
            agent.update(data.batch(witness=witness), log=True)
        states.append((agent.state_dict(), torch.get_rng_state()))
    (first, generator), (second, other) = states
    assert torch.equal(generator, other)
    for name in ("actor", "critic", "actor_target", "critic_target"):
        for key, values in first[name].items():
            assert torch.equal(values, second[name][key]), f"{name}.{key}"
