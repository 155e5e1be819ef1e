"""The buffer of single frames returns exactly the transitions that a naive buffer of whole stacks would hold."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from trainer.observation import ObservationShape
from trainer.replay.buffer import ReplayBuffer

STACK, SIZE, VECTOR, ACTIONS = 4, 2, 3, 2
SHAPE = ObservationShape(camera=(STACK, SIZE, SIZE), vector=VECTOR)


class _Episodes:
    """Environments whose observations are numbered, with random ends."""

    def __init__(self, num_envs: int, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.num_envs, self.counter = num_envs, 0
        self.stacks = [self._reset() for _ in range(num_envs)]

    def _frame(self) -> np.ndarray:
        self.counter += 1
        digits = [self.counter // 250, self.counter % 250]
        return np.array([digits, digits], dtype=np.uint8)

    def _reset(self) -> np.ndarray:
        return np.stack([self._frame()] * STACK)

    def step(self, end_share: float):
        """Return what is added to the buffer and the transitions that a naive buffer would store."""
        n = self.num_envs
        obs = [stack.copy() for stack in self.stacks]
        following = [np.concatenate([stack[1:], self._frame()[None]]) for stack in obs]
        kind = self.rng.random(n)
        terminated, truncated = kind < end_share / 2, (kind >= end_share / 2) & (kind < end_share)
        action = self.rng.uniform(-1, 1, (n, ACTIONS)).astype(np.float32)
        reward = self.rng.normal(size=n).astype(np.float32)
        vector = np.array([_vector(o) for o in obs])
        next_vector = np.array([_vector(o) for o in following])
        self.stacks = [
            self._reset() if done else new
            for done, new in zip(terminated | truncated, following, strict=True)
        ]
        added = (
            np.array([o[-1] for o in obs]),
            vector,
            action,
            reward,
            terminated,
            truncated,
            np.array([o[-1] for o in following]),
            next_vector,
        )
        naive = {
            action[i].tobytes(): (obs[i], reward[i], following[i], bool(terminated[i]))
            for i in range(n)
        }
        return added, naive


def _vector(stack: np.ndarray) -> np.ndarray:
    number = float(stack[-1, 0, 0]) * 250 + float(stack[-1, 0, 1])
    return np.array([number, -number, 0.5], dtype=np.float32)


@given(
    num_envs=st.integers(1, 3),
    capacity=st.integers(10, 60),
    steps=st.integers(1, 90),
    end_share=st.sampled_from([0.0, 0.1, 0.5, 0.9]),
    seed=st.integers(0, 1000),
)
@settings(max_examples=60, deadline=None)
def test_samples_equal_those_of_a_naive_buffer(num_envs, capacity, steps, end_share, seed):
    buffer = ReplayBuffer(capacity, num_envs, SHAPE, ACTIONS)
    episodes = _Episodes(num_envs, seed)
    everything = {}
    for _ in range(steps):
        added, naive = episodes.step(end_share)
        buffer.add(*added)
        everything |= naive

    batch = buffer.sample(64, np.random.default_rng(seed), torch.device("cpu"))
    for i in range(64):
        obs, reward, following, terminated = everything[batch.action[i].numpy().tobytes()]
        np.testing.assert_array_equal(batch.obs.camera[i].numpy(), obs)
        np.testing.assert_array_equal(batch.obs.vector[i].numpy(), _vector(obs))
        assert batch.reward[i].item() == reward
        assert bool(batch.terminated[i]) == terminated
        if not terminated:
            np.testing.assert_array_equal(batch.next_obs.camera[i].numpy(), following)
            np.testing.assert_array_equal(batch.next_obs.vector[i].numpy(), _vector(following))


def test_keeps_capacity_transitions_and_counts_every_step_before_it_is_full():
    buffer = ReplayBuffer(30, 2, SHAPE, ACTIONS)
    episodes = _Episodes(2, seed=0)
    for step in range(1, 60):
        buffer.add(*episodes.step(end_share=0.0)[0])
        assert len(buffer) == min(2 * step, 30)


def test_newest_transition_can_be_sampled_at_once():
    buffer = ReplayBuffer(30, 1, SHAPE, ACTIONS)
    added, _ = _Episodes(1, seed=0).step(end_share=0.0)
    buffer.add(*added)
    batch = buffer.sample(1, np.random.default_rng(0), torch.device("cpu"))
    np.testing.assert_array_equal(batch.action.numpy(), added[2])


def test_draws_uniformly():
    buffer = ReplayBuffer(20, 1, SHAPE, ACTIONS)
    episodes = _Episodes(1, seed=0)
    for _ in range(47):
        buffer.add(*episodes.step(end_share=0.2)[0])
    batch = buffer.sample(20_000, np.random.default_rng(0), torch.device("cpu"))
    _, counts = np.unique(batch.action[:, 0].numpy(), return_counts=True)
    expected = 20_000 / len(counts)
    assert len(counts) == len(buffer)
    assert (
        np.sum((counts - expected) ** 2 / expected) < 60
    )  # chi-squared, far beyond the 0.001 tail


def test_works_without_a_camera():
    shape = ObservationShape(camera=None, vector=2)
    buffer = ReplayBuffer(10, 1, shape, 1)
    flags = np.array([False])
    one = np.ones((1, 2), np.float32)
    buffer.add(None, one, one[:, :1], np.ones(1), flags, flags, None, 2 * one)
    batch = buffer.sample(2, np.random.default_rng(0), torch.device("cpu"))
    assert batch.obs.camera is None
    assert batch.next_obs.vector.tolist() == [[2.0, 2.0]] * 2


def test_refuses_to_sample_from_nothing():
    buffer = ReplayBuffer(10, 1, SHAPE, ACTIONS)
    with pytest.raises(ValueError, match="empty"):
        buffer.sample(1, np.random.default_rng(0), torch.device("cpu"))


def test_a_million_steps_of_four_84x84_frames_take_about_7_gigabytes():
    shape = ObservationShape(camera=(4, 84, 84), vector=53)
    assert (
        ReplayBuffer(1_000_000, 1, shape, 2).frame_bytes < 7.1e9
    )  # memory is reserved, not touched


@pytest.mark.parametrize("num_envs", [1, 3])
def test_a_mirror_on_the_device_gives_the_same_batches_also_after_a_resume(num_envs):
    cpu = torch.device("cpu")
    plain = ReplayBuffer(40, num_envs, SHAPE, ACTIONS)
    mirrored = ReplayBuffer(40, num_envs, SHAPE, ACTIONS, mirror=cpu)
    resumed = ReplayBuffer(40, num_envs, SHAPE, ACTIONS, mirror=cpu)
    start = plain.advanced
    episodes = _Episodes(num_envs, seed=3)
    for _ in range(70):
        added, _ = episodes.step(0.2)
        plain.add(*added)
        mirrored.add(*added)
    resumed.load_segment(plain.segment(start))
    resumed.load_state_dict(plain.state_dict())
    expected = plain.sample(200, np.random.default_rng(0), cpu)
    for buffer in (mirrored, resumed):
        buffer._frames[:] = 255  # what the mirror gives must not come from here
        batch = buffer.sample(200, np.random.default_rng(0), cpu)
        assert torch.equal(batch.obs.camera, expected.obs.camera)
        assert torch.equal(batch.next_obs.vector, expected.next_obs.vector)
        lives = batch.terminated == 0
        assert torch.equal(batch.next_obs.camera[lives], expected.next_obs.camera[lives])
    assert expected.obs.camera.float().std() > 0
