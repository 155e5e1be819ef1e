"""Evidence: what an update did, measured again from the definitions; nothing here changes what is learned.

Everything is computed a second time from layers, weights and configuration, by other code than the update's own, over
the first rows of the batch. No random number is drawn. docs/run-directory.md has the formula of every tag.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import numpy as np
import torch
from torch import Tensor, nn

from trainer.agents.instruments import Measured, Values
from trainer.agents.networks import Actor, Critic
from trainer.agents.units import dormant_share, effective_rank, hidden
from trainer.observation import Observation
from trainer.replay.buffer import Batch
from trainer.replay.ledger import Witness

ROWS = 64
"""Rows of the batch that are measured again."""
WEIGHTS = 256
"""Weights of each tensor that stand for it, about."""
TINY = 1e-12
INSIDE = 0.999
"""Size of a policy's action below which noise can move it to both sides."""
ROUNDING = 1e-6
"""Difference of two actions below which they are the same."""


class Evidence:
    """Evidence of one update, gathered in the order of the update."""

    def __init__(self, agent: Measured, batch: Batch, witness: Witness) -> None:
        """Look at the agent before the update.

        Args:
            agent: What is updated; nothing of it is changed.
            batch: What it learns from.
            witness: What the environment says of the batch.
        """
        self.values: Values = {}
        """By tag."""
        self._agent, self._batch, self._witness = agent, batch, witness
        self._obs, self._next_obs = (_rows(obs.scaled()) for obs in (batch.obs, batch.next_obs))
        self._parts = {name: part for name, part in agent.parts.items() if part.parameters}
        self._stepped = {name: _places(part.parameters) for name, part in self._parts.items()}
        self._weights = {name: _copy(places) for name, places in self._stepped.items()}
        self._critic = _clones(self._parts["critic_mlp"].parameters)
        self._z = self._uphill = torch.zeros(0)
        self._left_over: dict[str, list[float]] = {name: [] for name in self._parts}
        """Of the gradient before each backward pass, as a share."""
        self._hooks = [
            part.parameters[0].register_hook(_before_backward(part.parameters[0], shares))  # type: ignore[no-untyped-call]
            for part, shares in zip(self._parts.values(), self._left_over.values(), strict=True)
        ]

    @torch.no_grad()
    def of_critic_loss(
        self,
        *,
        reward: Tensor,
        next_action: Tensor,
        target_q: Tensor,
        q_values: tuple[Tensor, ...],
        loss: Tensor,
    ) -> None:
        """Measure the critic's loss, before the critic is stepped.

        Args:
            reward: As the critic sees it, `float32[batch]`.
            next_action: What the target critic was asked for, `float32[batch, action_dim]`.
            target_q: `float32[batch]`.
            q_values: Of each critic, `float32[batch]`.
            loss: Of all critics, `float32[]`.
        """
        agent, batch = self._agent, self._batch
        self.values |= self._of_rewards(reward) | self._of_data()

        smoothed = next_action[:ROWS]
        self.values |= _of_target_actions(smoothed, _act(agent.actor_target, self._next_obs))

        following = _heads(
            agent.critic_target, _encode(agent.critic_target, self._next_obs), smoothed
        )
        going_on = batch.terminated[:ROWS] == 0
        own = reward[:ROWS]
        bootstrap = target_q[:ROWS] - own

        def error(next_q: Tensor) -> Tensor:
            value = torch.where(going_on, agent.config.gamma * next_q, 0.0)
            size = own.abs().mean() + value.abs().mean() + TINY
            return (bootstrap - value).abs().max() / size

        smallest = following.amin(dim=0)
        self.values["bellman/target_error"] = error(smallest)
        if len(following) > 1:
            self.values["bellman/target_error_of_maximum"] = error(following.amax(dim=0))
        next_q = torch.where(going_on, smallest, 0.0)
        if bool(next_q.any()):
            self.values["bellman/discount"] = (next_q @ bootstrap) / (next_q @ next_q)

        self.values["sees/q_entries"] = self._entries_seen()
        again = _heads(agent.critic, _encode(agent.critic, self._obs), batch.action[:ROWS])
        asked = torch.stack([q[:ROWS] for q in q_values])
        self.values["bellman/q_error"] = (asked - again).abs().max() / (again.abs().mean() + TINY)
        self.values |= self._of_units()
        spread = target_q.std(correction=0)
        if len(q_values) > 1 and bool(spread > 0):
            apart = (q_values[0] - q_values[1]).abs().mean()
            self.values["critics/disagreement"] = apart / spread
        square = torch.stack([(q - target_q).square().mean() for q in q_values]).sum()
        self.values["bellman/loss_error"] = (loss - square).abs() / (square + TINY)

    def of_actor_loss(self, *, z: Tensor, gradient: Tensor | None, q: Tensor) -> None:
        """Measure the actor's loss, after going backward and before the actor is stepped.

        Args:
            z: Before the tanh, `float32[batch, action_dim]`.
            gradient: Of the loss at `z`.
            q: Q1 of the actor's own actions, `float32[batch]`.
        """
        agent, config = self._agent, self._agent.config
        self._of_critic_step()
        z = z.detach()
        self._z = z[:ROWS]
        with torch.no_grad():
            features = _encode(agent.critic, self._obs)
            self.values |= self._of_sight(features)
            distance = (self._batch.action - torch.tanh(z)).abs().mean()
            self.values["replay/policy_distance"] = distance
        rows = self._z.clone().requires_grad_()
        value = _q1(agent.critic, features, torch.tanh(rows)).sum() / len(z)
        if config.normalize_actor_loss:
            value = value / q.detach().abs().mean().clamp_min(1e-6)
        value = value - config.preact_penalty * rows.square().sum() / z.numel()
        (self._uphill,) = torch.autograd.grad(value, rows)
        if gradient is not None:
            self._cosine("policy/gradient_alignment", -gradient[:ROWS], self._uphill)

    @torch.no_grad()
    def of_steps(self) -> None:
        """Measure how actor and critic were stepped, before the targets follow."""
        agent = self._agent
        for hook in self._hooks:
            hook.remove()
        strayed = _moved(self._parts["critic_mlp"].parameters, self._critic)
        self.values["weights/critic_moved_by_actor"] = strayed
        for name, part in self._parts.items():
            if self._left_over[name]:
                self.values[f"gradients/{name}_left_over"] = min(self._left_over[name])
            change = _copy(self._stepped[name]) - self._weights[name]
            self.values[f"weights/{name}_step"] = change.square().mean().sqrt() / part.lr
        z = agent.actor.mlp(_encode(agent.actor, self._obs))
        self._cosine("policy/ascent", z - self._z, self._uphill)
        self._followed = {
            name: (_copy(_places(online.parameters())), _places(target.parameters()))
            for name, online, target in self._pairs()
        }
        self._targets = {name: _copy(places) for name, (_, places) in self._followed.items()}

    @torch.no_grad()
    def of_targets(self) -> None:
        """Measure how the targets followed."""
        for name, (goal, places) in self._followed.items():
            before = self._targets[name]
            gap = goal - before
            self.values[f"targets/{name}_lag"] = gap.norm() / (goal.norm() + TINY)
            if bool(gap.any()):
                moved = _copy(places) - before
                self.values[f"targets/{name}_tau"] = (moved @ gap) / (gap @ gap)

    @torch.no_grad()
    def _of_critic_step(self) -> None:
        """Measure what the critic's step moved, before the actor's step."""
        critic, actor = self._parts["critic_mlp"].parameters, self._stepped["actor_mlp"]
        self.values["weights/critic_reached"] = _moved(critic, self._critic)
        strayed = _moved([_copy(actor)], [self._weights["actor_mlp"]])
        self.values["weights/actor_moved_by_critic"] = strayed
        self._critic = _clones(critic)

    def _pairs(self) -> tuple[tuple[str, nn.Module, nn.Module], ...]:
        agent = self._agent
        return (
            ("actor", agent.actor, agent.actor_target),
            ("critic", agent.critic, agent.critic_target),
        )

    def _cosine(self, tag: str, first: Tensor, second: Tensor) -> None:
        """Log the cosine of the angle between two directions, where both have one."""
        a, b = first.flatten().double(), second.flatten().double()
        size = a.norm() * b.norm()
        if bool(size > 0):
            self.values[tag] = (a @ b) / size

    def _of_rewards(self, reward: Tensor) -> Values:
        """Hold the rewards that the critic saw against those that the environment gave, transformed as configured."""
        witness, rewards, limit = self._witness, self._agent.rewards, self._agent.config.reward_clip
        used = reward.cpu().numpy()[witness.known]

        def transformed(given: np.ndarray) -> np.ndarray:
            scaled = given * rewards.factor
            return scaled if limit is None else np.clip(scaled, -limit, limit)

        given, before = transformed(witness.reward), transformed(witness.reward_before)
        if not len(used):
            return {}
        size = float(given.std()) or float(np.abs(given).mean()) or 1.0
        values: Values = {"replay/reward_error": float(np.abs(used - given).mean()) / size}
        values |= _correlation("replay/reward_correlation", used, given)
        late = np.isfinite(before)
        if late.any():
            error = float(np.abs(used - before)[late].mean())
            values["replay/reward_error_of_step_before"] = error / size
        return values

    def _of_data(self) -> Values:
        """Hold the batch against what the environment received and gave."""
        batch, witness = self._batch, self._witness
        marks, next_marks = (witness.places.of(_arrays(obs)) for obs in (batch.obs, batch.next_obs))
        going_on = batch.terminated.cpu().numpy() == 0
        change = witness.places.scaled(np.abs(next_marks - marks)[going_on])
        spread = witness.places.scaled(marks.std(axis=0))
        values: Values = dict(witness.tags)
        for kind, part in witness.places.kinds().items():
            values[f"replay/{kind}_std"] = float(spread[part].mean())
            if len(change):
                values[f"replay/{kind}_change"] = float(change[:, part].mean())
        known = witness.known
        if not len(known):
            return values
        action = batch.action.cpu().numpy()[known]
        both = going_on[known] & ~witness.terminated
        other = (marks[known] != witness.marks).any(axis=1)
        other_next = (next_marks[known] != witness.next_marks).any(axis=1)
        values |= {
            "replay/action_error": float(np.abs(action - witness.action).mean()),
            "replay/terminated_error": float((going_on[known] == witness.terminated).mean()),
            "replay/obs_error": float(other.mean()),
            **_correlation("replay/action_correlation", action.ravel(), witness.action.ravel()),
        }
        if both.any():
            values["replay/next_obs_error"] = float(other_next[both].mean())
        return values

    @torch.enable_grad()
    def _entries_seen(self) -> Tensor:
        """Return the share of the vector's entries that the first critic answers to."""
        critic, vector = self._agent.critic, self._obs.vector.clone().requires_grad_()
        features = _encode(critic, Observation(self._obs.camera, vector))
        q = _q1(critic, features, self._batch.action[:ROWS])
        (slopes,) = torch.autograd.grad(q.sum(), vector, allow_unused=True)
        return torch.zeros(()) if slopes is None else (slopes != 0).any(dim=0).float().mean()

    def _of_units(self) -> Values:
        """Measure which units of actor and first critic answer, and how many directions their last features fill."""
        agent, obs = self._agent, self._obs
        acting, judging = (_encode(network, obs) for network in (agent.actor, agent.critic))
        judged = torch.cat([judging, self._batch.action[:ROWS]], dim=1)
        values: Values = {}
        for name, network, mlp, inputs in (
            ("actor", agent.actor, agent.actor.mlp, acting),
            ("critic", agent.critic, agent.critic.heads[0], judged),
        ):
            encoder = None if network.cnn is None else network.cnn.layers
            last = hidden(mlp, inputs)
            values[f"units/{name}_dormant"] = dormant_share([*hidden(encoder, obs.camera), *last])
            rank = effective_rank(last[-1])
            if rank is not None:
                values[f"features/{name}_rank"] = rank
        return values

    def _of_sight(self, features: Tensor) -> Values:
        """Measure how much Q and policy change when one of their inputs is another row's."""
        agent, action = self._agent, self._batch.action[:ROWS]

        def value(features: Tensor, action: Tensor) -> Tensor:
            return _q1(agent.critic, features, action)

        q = value(features, action)
        size = q.abs().mean() + TINY
        acting = _encode(agent.actor, self._obs)
        policy = torch.tanh(agent.actor.mlp(acting))
        values: Values = {
            "sees/q_action": (value(features, action.roll(1, dims=0)) - q).abs().mean() / size
        }
        for kind, part in _kinds(agent, self._obs).items():
            values[f"sees/q_{kind}"] = (
                value(_swapped(features, part), action) - q
            ).abs().mean() / size
            other = torch.tanh(agent.actor.mlp(_swapped(acting, part)))
            values[f"sees/policy_{kind}"] = (other - policy).abs().mean()
        return values


def _of_target_actions(action: Tensor, policy: Tensor) -> Values:
    """Describe the next actions of the targets beside those of the target actor, both `float32[rows, action_dim]`."""
    noise = action - policy
    values: Values = {
        "bellman/target_noise": noise.abs().max(),
        "bellman/target_action": action.abs().max(),
    }
    free = noise[policy.abs() < INSIDE]
    if len(free) >= ROWS // 2:
        sides = (free > ROUNDING).float() - (free < -ROUNDING).float()
        values["bellman/target_noise_side"] = sides.mean().abs()
    return values


def _before_backward(parameter: Tensor, shares: list[float]) -> Callable[[Tensor], None]:
    """Return a hook that notes how much of a gradient was there before a backward pass."""

    def note(gradient: Tensor) -> None:
        before = 0.0 if parameter.grad is None else float(parameter.grad.norm())
        if before or bool(gradient.any()):
            shares.append(before / (before + float(gradient.norm())))

    return note


def _rows(obs: Observation) -> Observation:
    return Observation(None if obs.camera is None else obs.camera[:ROWS], obs.vector[:ROWS])


def _arrays(obs: Observation) -> Mapping[str, np.ndarray]:
    vector = {"vector": obs.vector.cpu().numpy()}
    return vector if obs.camera is None else {**vector, "camera": obs.camera.cpu().numpy()}


def _places(parameters: Iterable[Tensor]) -> list[Tensor]:
    """Return the first rows of each tensor, about `WEIGHTS` entries: views, whatever the order in memory."""
    return [p.detach()[: max(1, WEIGHTS * len(p) // p.numel())] for p in parameters]


def _copy(places: Iterable[Tensor]) -> Tensor:
    """Copy these weights, `float64[n]`."""
    return torch.cat([place.flatten() for place in places]).double()


def _clones(parameters: Iterable[Tensor]) -> list[Tensor]:
    return [p.detach().clone() for p in parameters]


def _moved(parameters: Iterable[Tensor], before: Iterable[Tensor]) -> float:
    """Return the share of tensors that differ from those before; what is no number stays that."""
    pairs = zip(parameters, before, strict=True)
    return float(np.mean([not torch.equal(p.nan_to_num(), q.nan_to_num()) for p, q in pairs]))


def _encode(network: Actor | Critic, obs: Observation) -> Tensor:
    if network.cnn is None or obs.camera is None:
        return obs.vector
    return torch.cat([network.cnn(obs.camera), obs.vector], dim=1)


def _act(actor: Actor, obs: Observation) -> Tensor:
    return torch.tanh(actor.mlp(_encode(actor, obs)))


def _heads(critic: Critic, features: Tensor, action: Tensor) -> Tensor:
    """Return Q of each head, `float32[heads, rows]`."""
    inputs = torch.cat([features, action], dim=1)
    return torch.stack([head(inputs).squeeze(1) for head in critic.heads])


def _q1(critic: Critic, features: Tensor, action: Tensor) -> Tensor:
    """Return Q of the first head, `float32[rows]`."""
    value: Tensor = critic.heads[0](torch.cat([features, action], dim=1)).squeeze(1)
    return value


def _kinds(agent: Measured, obs: Observation) -> Mapping[str, slice]:
    """Return where the features of each kind of observation stand."""
    seen = 0 if obs.camera is None else agent.config.features_dim
    every = {"camera": slice(0, seen), "vector": slice(seen, seen + obs.vector.shape[1])}
    return {kind: part for kind, part in every.items() if part.stop > part.start}


def _swapped(features: Tensor, part: slice) -> Tensor:
    """Give each row the next row's entries in one part."""
    changed = features.clone()
    changed[:, part] = features[:, part].roll(1, dims=0)
    return changed


def _correlation(tag: str, first: np.ndarray, second: np.ndarray) -> Values:
    """Return the correlation, where both vary."""
    a, b = first - first.mean(dtype=np.float64), second - second.mean(dtype=np.float64)
    size = float(np.sqrt((a @ a) * (b @ b)))
    return {tag: float(a @ b) / size} if size > 0 else {}
