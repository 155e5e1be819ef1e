"""Loops of one's own as people write them: other losses, orders, ranges and encoders."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

import gonogo
from gonogo.evidence.watch import Watch

BATCH, GAMMA = 32, 0.9
Loss = Callable[[Tensor, Tensor], Tensor]


class Critic(nn.Module):
    """Q of features and action."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(5, 16), nn.ReLU(), nn.Linear(16, 1))

    def forward(self, features: Tensor, action: Tensor) -> Tensor:
        """`float32[batch, 3]`, `float32[batch, 2]` -> `float32[batch, 1]`."""
        q: Tensor = self.layers(torch.cat([features, action], dim=1))
        return q


class Loop:
    """Updates of random batches; knows the targets that its critics learned."""

    def __init__(
        self,
        folder: Path,
        *,
        loss: Loss = F.mse_loss,
        critics: int = 2,
        stepped_by: str = "",
        scale: float = 1.0,
        **options: Any,
    ) -> None:
        torch.manual_seed(0)
        self.loss, self.scale = loss, scale
        self.q_weight = 1.0
        """Of Q in the actor's loss."""
        self.backward: Callable[[Tensor], None] = Tensor.backward
        self.actor = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 2), nn.Tanh())
        self.critics = [Critic() for _ in range(critics)]
        self.encoder = nn.Linear(4, 3)
        of_critics = [p for critic in self.critics for p in critic.parameters()]
        of_actor = list(self.actor.parameters())
        of_critics += list(self.encoder.parameters()) if "critic" in stepped_by else []
        of_actor += list(self.encoder.parameters()) if "actor" in stepped_by else []
        self.actor_optimizer = torch.optim.Adam(of_actor, lr=1e-3)
        self.critic_optimizer = torch.optim.Adam(of_critics, lr=1e-3)
        shared = {"actor_encoder": self.encoder, "critic_encoder": self.encoder}
        self.watch: Watch = gonogo.watch(
            folder,
            actor=self.actor,
            critics=self.critics,
            actor_optimizer=self.actor_optimizer,
            critic_optimizer=self.critic_optimizer,
            action_low=np.full(2, -scale),
            action_high=np.full(2, scale),
            gamma=GAMMA,
            planned_steps=100,
            **{"every": 1, **options},
            **(shared if stepped_by else {}),
        )
        self.targets: list[float] = []
        self.said: dict[str, Any] = {}
        """What is told of each batch beside its rewards and terminations."""

    def update(self, step: int, *, actor_first: bool = False, delay: int = 1) -> None:
        """Make one update of critics and actor."""
        obs, action = torch.randn(BATCH, 4), self.scale * torch.rand(BATCH, 2)
        reward, target = torch.randn(BATCH), torch.randn(BATCH, 1)
        self.targets.append(float(target.mean()))
        self.watch.batch(step, rewards=reward.numpy(), terminated=reward > 1.0, **self.said)
        for of_actor in (True, False) if actor_first else (False, True):
            if of_actor and step % delay == 0:
                self._update_actor(obs)
            elif not of_actor:
                features = self.encoder(obs)
                losses = [self.loss(critic(features, action), target) for critic in self.critics]
                self.critic_optimizer.zero_grad()
                self.backward(torch.stack(losses).sum())
                self.critic_optimizer.step()

    def _update_actor(self, obs: Tensor) -> None:
        action = self.scale * self.actor(self.encoder(obs).detach())
        self.actor_optimizer.zero_grad()
        self.backward(-self.q_weight * self.critics[0](self.encoder(obs), action).mean())
        self.actor_optimizer.step()

    def run(self, steps: int = 6, **options: Any) -> dict[str, list[float]]:
        """Make updates, close the watch, and return what was logged."""
        for step in range(1, steps + 1):
            self.update(step, **options)
        self.watch.close()
        table = gonogo.read_events(self.watch.directory)
        return {str(tag): list(values) for tag, values in table.groupby("tag")["value"]}


def _half(q: Tensor, target: Tensor) -> Tensor:
    return 0.5 * F.mse_loss(q, target)


def _weighted(q: Tensor, target: Tensor) -> Tensor:
    return (torch.linspace(0.1, 1.0, BATCH)[:, None] * (q - target).square()).mean()


def _summed(q: Tensor, target: Tensor) -> Tensor:
    return (q - target).square().sum()


@pytest.mark.parametrize("loss", [F.mse_loss, _half, _summed])
def test_two_critics_tell_the_factor_of_their_squared_errors(tmp_path: Path, loss: Loss) -> None:
    loop = Loop(tmp_path / "run", loss=loss)
    found = loop.run()
    assert np.allclose(found["debug/target_q_mean"], loop.targets, atol=1e-5)


@pytest.mark.parametrize("loss", [F.smooth_l1_loss, _weighted])
def test_of_another_loss_no_target_is_made_up(tmp_path: Path, loss: Loss) -> None:
    with pytest.warns(RuntimeWarning, match="log the loss with scalars") as warned:
        found = Loop(tmp_path / "run", loss=loss).run()
    assert len(warned) == 1
    assert not {"debug/target_q_mean", "train/critic_loss", "debug/td_error_q1"} & found.keys()
    assert {"train/q1_value", "train/actor_loss", "gradients/critic_mlp_norm"} <= found.keys()


def test_the_factor_of_a_single_critic_is_what_it_is_said_to_be(tmp_path: Path) -> None:
    loop = Loop(tmp_path / "run", loss=_half, critics=1, critic_loss_weight=0.5)
    assert np.allclose(loop.run()["debug/target_q_mean"], loop.targets, atol=1e-5)


def test_weights_of_a_prioritised_replay_are_divided_out(tmp_path: Path) -> None:
    loop = Loop(tmp_path / "run", loss=_weighted)
    loop.said = {"weights": torch.linspace(0.1, 1.0, BATCH)}
    assert np.allclose(loop.run()["debug/target_q_mean"], loop.targets, atol=1e-5)


def test_the_scale_of_mixed_precision_is_divided_out(tmp_path: Path) -> None:
    plain = Loop(tmp_path / "plain", critics=1).run(steps=1)
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
    loop = Loop(tmp_path / "run", critics=1, grad_scaler=scaler)
    loop.backward = lambda loss: scaler.scale(loss).backward()
    for tag, values in loop.run(steps=1).items():
        assert values == pytest.approx(plain[tag]), tag


def test_the_weight_of_q_is_divided_out_of_the_actor_s_loss(tmp_path: Path) -> None:
    plain = Loop(tmp_path / "plain").run(steps=1)
    loop = Loop(tmp_path / "run")
    loop.q_weight = -300.0
    assert loop.run(steps=1)["train/actor_loss"] == pytest.approx(
        [-loss for loss in plain["train/actor_loss"]]
    )


def test_discounts_tell_the_steps_of_a_return(tmp_path: Path) -> None:
    loop = Loop(tmp_path / "run")
    loop.said = {"gamma": torch.full((BATCH,), GAMMA**3)}
    assert np.allclose(loop.run()["replay/n_steps"], 3.0)
    assert "replay/n_steps" not in Loop(tmp_path / "plain").run()


def test_an_actor_may_be_trained_before_its_critics(tmp_path: Path) -> None:
    loop = Loop(tmp_path / "run")
    found = loop.run(actor_first=True)
    assert np.allclose(found["debug/target_q_mean"], loop.targets, atol=1e-5)
    assert len(found["train/actor_loss"]) == len(loop.targets)


def test_actions_are_those_that_the_critics_judge(tmp_path: Path) -> None:
    found = Loop(tmp_path / "run", scale=2.0).run()
    assert max(found["policy/action_abs"]) <= 1.0
    raw = Loop(tmp_path / "raw", scale=1.0).run()
    assert found["policy/action_abs"][0] == pytest.approx(raw["policy/action_abs"][0])


def test_a_shared_encoder_leaks_only_where_the_actor_s_optimiser_steps_it(tmp_path: Path) -> None:
    of_critic = Loop(tmp_path / "critic", stepped_by="critic").run()
    assert "probe/actor_encoder_leak" not in of_critic
    assert "gradients/actor_cnn_norm" not in of_critic
    assert min(of_critic["gradients/critic_cnn_norm"]) > 0.0
    of_both = Loop(tmp_path / "both", stepped_by="actor, critic").run()
    assert min(of_both["probe/actor_encoder_leak"]) > 0.0


@pytest.mark.parametrize("actor_first", [False, True])
@pytest.mark.parametrize("stepped_by", ["", "critic", "actor, critic"])
def test_each_optimiser_moves_all_of_its_own_and_nothing_else(
    tmp_path: Path, stepped_by: str, actor_first: bool
) -> None:
    found = Loop(tmp_path / "run", stepped_by=stepped_by).run(actor_first=actor_first)
    assert set(found["weights/critic_reached"]) == {1.0}
    assert set(found["weights/critic_moved_by_actor"]) == {0.0}
    assert set(found["weights/actor_moved_by_critic"]) == {0.0}


def test_an_optimiser_with_the_other_network_s_weights_is_seen(tmp_path: Path) -> None:
    loop = Loop(tmp_path / "run")
    every = [p for critic in loop.critics for p in critic.parameters()]
    loop.actor_optimizer.add_param_group({"params": every})
    assert min(loop.run()["weights/critic_moved_by_actor"]) >= 0.5


@pytest.mark.filterwarnings("ignore:the critics' loss is not made of:RuntimeWarning")
def test_what_is_no_number_is_moved_by_nobody(tmp_path: Path) -> None:
    loop = Loop(tmp_path / "run")
    with torch.no_grad():
        loop.critics[0].layers[0].weight.fill_(float("nan"))
    found = loop.run()
    assert set(found["weights/critic_moved_by_actor"]) == {0.0}
    assert max(found["weights/critic_reached"]) < 1.0


def test_a_critic_that_no_optimiser_holds_is_seen(tmp_path: Path) -> None:
    loop = Loop(tmp_path / "run")
    held = loop.critic_optimizer.param_groups[0]["params"]
    del held[len(held) // 2 :]
    assert set(loop.run()["weights/critic_reached"]) == {0.5}


@pytest.mark.parametrize("actor_first", [False, True])
@pytest.mark.parametrize("which", ["nothing", "critic", "actor"])
def test_gradients_that_are_never_reset_are_seen(
    tmp_path: Path, which: str, actor_first: bool
) -> None:
    loop = Loop(tmp_path / "run", stepped_by="critic")
    if which != "nothing":
        optimizer = loop.critic_optimizer if which == "critic" else loop.actor_optimizer
        optimizer.zero_grad = lambda set_to_none=True: None  # type: ignore[method-assign]
    found = loop.run(actor_first=actor_first)
    for part, of in (("critic_mlp", "critic"), ("critic_cnn", "critic"), ("actor_mlp", "actor")):
        shares = found[f"gradients/{part}_left_over"]
        assert len(shares) == 6
        assert min(shares[1:]) > 0.1 if of == which else max(shares) == 0.0


@pytest.mark.parametrize("every", [1, 4])
@pytest.mark.parametrize("delay", [1, 2])
def test_the_actor_s_loss_does_not_add_to_the_critic_s_gradient(
    tmp_path: Path, delay: int, every: int
) -> None:
    loop = Loop(tmp_path / "run", every=every)
    step = loop.critic_optimizer.step

    def step_and_reset() -> None:
        step()
        torch.optim.Optimizer.zero_grad(loop.critic_optimizer)

    loop.critic_optimizer.step = step_and_reset  # type: ignore[method-assign, assignment]
    loop.critic_optimizer.zero_grad = lambda set_to_none=True: None  # type: ignore[method-assign]
    # Reset after its step, the critic begins with what the actor's loss left there; with a delay that is the
    # update after the one whose actor is seen.
    assert min(loop.run(steps=24, delay=delay)["gradients/critic_mlp_left_over"][1:]) > 0.01
    assert not loop.critics[0].layers[0].weight._backward_hooks


def test_a_loop_that_counts_from_0_reaches_its_plan(tmp_path: Path) -> None:
    loop = Loop(tmp_path / "run")
    for step in range(100):
        loop.update(step)
    loop.watch.close()
    loop.update(100)
    loop.watch.episode(100, length=1, reward=1.0, terminated=True)
    status = json.loads((loop.watch.directory / "status.json").read_text())
    assert (status["phase"], status["step"]) == ("finished", 100)
    assert not (loop.watch.directory / "evidence-end.json").exists()


def test_a_loop_that_ends_before_its_plan_was_stopped(tmp_path: Path) -> None:
    loop = Loop(tmp_path / "run")
    loop.run(steps=50)
    status = json.loads((loop.watch.directory / "status.json").read_text())
    assert (status["phase"], status["step"]) == ("stopped", 50)


def test_an_evaluation_without_an_episode_says_nothing(tmp_path: Path) -> None:
    loop = Loop(tmp_path / "run")
    loop.watch.evaluation(0, returns=[], lengths=[])
    loop.watch.evaluation(1, returns=[1.0, 3.0], lengths=[5, 7])
    found = loop.run()
    assert found["eval/mean_reward"] == [2.0]
    assert found["eval/mean_episode_length"] == [6.0]


def test_what_entropy_adds_to_the_loss_of_an_actor_is_told_apart(tmp_path: Path) -> None:
    loop = Loop(tmp_path / "run", algorithm="sac")
    obs, temperature = torch.randn(BATCH, 4), torch.tensor([0.3])
    loop.watch.batch(1, rewards=torch.randn(BATCH), terminated=torch.zeros(BATCH))
    for critic in loop.critics:
        critic(loop.encoder(obs).detach(), torch.rand(BATCH, 2)).square().mean().backward()
    loop.critic_optimizer.step()
    action = loop.actor(loop.encoder(obs).detach())
    log_prob = -action.square().sum(dim=1)
    loop.watch.entropy(log_prob=log_prob, temperature=temperature)
    q = torch.min(*(critic(loop.encoder(obs).detach(), action) for critic in loop.critics))
    loss = (temperature * log_prob - q.flatten()).mean()
    loss.backward()
    loop.actor_optimizer.step()
    loop.watch.close()
    table = gonogo.read_events(loop.watch.directory).set_index("tag")["value"]
    assert table["train/actor_loss"] == pytest.approx(float(loss.detach()), rel=1e-5)
    assert table["policy/entropy_weight"] == pytest.approx(1.0)
    assert table["policy/q_weight"] == pytest.approx(1.0)
    assert table["policy/entropy"] == pytest.approx(-float(log_prob.mean().detach()))


@pytest.mark.parametrize(("low", "high"), [(-np.inf, np.inf), (1.0, -1.0), (np.zeros(2), 0.0)])
def test_bounds_that_are_none_are_refused(tmp_path: Path, low: Any, high: Any) -> None:
    with pytest.raises(ValueError, match="action_low must be below action_high"):
        _watched(tmp_path / "run", low, high)
    assert not (tmp_path / "run").exists()


def test_one_optimizer_for_both_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="are one object"):
        _watched(tmp_path / "run", -1.0, 1.0, optimizers=1)
    assert not (tmp_path / "run").exists()


def _watched(folder: Path, low: Any, high: Any, *, optimizers: int = 2) -> None:
    network = nn.Linear(1, 1)
    made = [torch.optim.Adam(network.parameters()) for _ in range(optimizers)]
    gonogo.watch(
        folder,
        actor=network,
        critics=[network],
        actor_optimizer=made[0],
        critic_optimizer=made[-1],
        action_low=low,
        action_high=high,
        gamma=GAMMA,
        planned_steps=10,
    )


@pytest.mark.parametrize("mixed", [False, True])
def test_a_transition_that_comes_again_has_its_reward(tmp_path: Path, mixed: bool) -> None:
    loop = Loop(tmp_path)
    batch = loop.watch.batch

    def mixed_up(step: int, *, rewards: Any, terminated: Any) -> None:
        batch(step, rewards=np.roll(rewards, step) if mixed else rewards, terminated=terminated)

    loop.watch.batch = mixed_up  # type: ignore[method-assign, assignment]
    for step in range(1, 7):
        torch.manual_seed(7)
        loop.update(step)
    loop.watch.close()
    table = gonogo.read_events(loop.watch.directory)
    moved = list(table[table["tag"] == "replay/reward_moved"]["value"])
    assert len(moved) == 5
    assert min(moved) > 0.5 if mixed else max(moved) == 0.0
