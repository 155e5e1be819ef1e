"""What an update did, computed again from networks and batch; the formulas are those of docs/run-directory.md.

No random number is drawn and nothing is changed. It is done in some of the logged updates only, over the first rows
of the batch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from gonogo.evidence.update.entropy import log_prob_error, weight_in_targets
from gonogo.evidence.update.measures import Batch, Seen, Values
from gonogo.evidence.update.parts import Networks
from gonogo.evidence.update.units import of_units

ROWS = 64
"""Rows of the batch that are computed again."""
WEIGHTS = 256
"""Weights of each tensor that stand for it."""
MOST_UPDATES_BETWEEN = 1_000
TINY = 1e-12
INSIDE = 0.999
"""Size of a policy's action below which noise can move it to both sides."""
SAME_ACTION = 1e-6
"""Difference of two actions below which they are the same."""
ROUNDING = 1e-6
"""Distance of two networks, relative, below which their weights are the same up to rounding."""


@dataclass(frozen=True, eq=False, kw_only=True)
class View:
    """How the networks are asked without the update's own code."""

    values: Callable[[Any, Tensor], Tensor]
    """Q of observations and actions by the trained critics, `float[critics, rows]`."""
    target_values: Callable[[Any, Tensor], Tensor]
    pairs: Mapping[str, tuple[list[Tensor], list[Tensor]]]
    """Weights of `actor` and `critic`, those that are trained and those of their targets."""
    rate: Callable[[str], float]
    """Learning rate of a part by its name."""
    others: Mapping[str, Callable[[Any], Any]]
    """By kind, `vector` or `camera`: observations whose part of that kind is another row's."""
    outputs: Callable[[Any], Tensor] | None = None
    """What a deterministic actor says before its tanh, `float[rows, action_dim]`; None for a stochastic one."""
    target_act: Callable[[Any], Tensor] | None = None
    """Actions of the target actor; None for an actor without one."""
    log_prob: Callable[[Any, Tensor], Tensor] | None = None
    """Log-probability that a stochastic actor gives to outputs before its tanh, `float[rows]`."""


def next_again(updates: int) -> int:
    """Return the update after which the next one is computed again: often at the start, then rarely."""
    return updates + min(updates, MOST_UPDATES_BETWEEN)


class Again:
    """One update, in its own order: losses, steps, targets."""

    def __init__(
        self, view: View, batch: Batch, parts: Mapping[str, list[Tensor]], networks: Networks
    ) -> None:
        """Remember the weights before the update."""
        self.values: Values = {}
        """By tag."""
        self._view, self._batch, self._parts = view, batch, parts
        self._networks = networks
        self._weights = {name: _sample(parameters) for name, parameters in parts.items()}
        self._z: Tensor | None = None
        self._uphill: Tensor | None = None
        self._targets: dict[str, Tensor] = {}

    @torch.no_grad()
    def of_critic_loss(self, seen: Seen, targets: Tensor | None) -> None:
        """Measure the critic's loss, before the critic is stepped.

        Args:
            seen: Of the update.
            targets: TD target that the loss was about, `float[batch]`; None when it is not known.
        """
        view, batch = self._view, self._batch
        obs, action = _rows(batch.obs), _rows(batch.action)
        q = view.values(obs, action)
        size = q[0].abs().mean() + TINY
        other = view.values(obs, action.roll(1, dims=0))
        self.values["sees/q_action"] = (other[0] - q[0]).abs().mean() / size
        for kind, of_other_rows in view.others.items():
            other = view.values(of_other_rows(obs), action)
            self.values[f"sees/q_{kind}"] = (other[0] - q[0]).abs().mean() / size
        seen_entries = _entries_seen(view.values, obs, action)
        if seen_entries is not None:
            self.values["sees/q_entries"] = seen_entries
        self._of_units(obs, action)
        asked = torch.stack([each[:ROWS] for each in seen.replay_q.values()])
        if targets is not None and len(asked) > 1 and bool((targets != targets[0]).any()):
            first, second, *_ = seen.replay_q.values()
            apart = (first - second).abs().mean() / targets.std(correction=0)
            self.values["critics/disagreement"] = apart
        self.values["bellman/q_error"] = (asked - q).abs().max() / (q.abs().mean() + TINY)
        if targets is None or seen.next_action is None:
            return
        next_obs, next_action = _rows(batch.next_obs), seen.next_action[:ROWS]
        if view.target_act is not None:
            self.values |= _of_target_actions(next_action, view.target_act(next_obs))
            self._of_targets(targets[:ROWS], view.target_values(next_obs, next_action), None)
        elif view.log_prob is not None and seen.next_drawn is not None:
            drawn = seen.next_drawn
            if drawn.preactivation is not None:
                error = log_prob_error(drawn, ROWS, next_obs, view.log_prob)
                self.values["bellman/log_prob_error"] = error
            if seen.temperature is not None and len(drawn.log_prob) == drawn.count:
                bonus = -seen.temperature.abs() * drawn.log_prob.flatten()[:ROWS]
                self._of_targets(targets[:ROWS], view.target_values(next_obs, next_action), bonus)

    def _of_units(self, obs: Any, action: Tensor) -> None:
        view, networks = self._view, self._networks
        critic = (networks.critics[0], networks.critic_encoder)
        self.values |= of_units("critic", critic, lambda: view.values(obs, action))
        if view.outputs is not None:
            outputs, actor = view.outputs, (networks.actor, networks.actor_encoder)
            self.values |= of_units("actor", actor, lambda: outputs(obs))

    def _of_targets(self, targets: Tensor, following: Tensor, bonus: Tensor | None) -> None:
        """Hold the targets of the loss against their definition.

        Args:
            targets: Of the critic's loss, `float[rows]`.
            following: Next values by each target critic, `float[critics, rows]`.
            bonus: What entropy adds to them, `float[rows]`; None where it adds nothing.
        """
        batch = self._batch
        reward = batch.reward.flatten()[:ROWS]
        going_on = batch.terminated.flatten()[:ROWS] == 0
        gamma = batch.gamma.flatten()[:ROWS] if isinstance(batch.gamma, Tensor) else batch.gamma
        bootstrap = targets - reward
        if bonus is not None:
            discount = torch.where(going_on, gamma, 0.0)
            weight = weight_in_targets(bootstrap, following.amin(dim=0), bonus, discount)
            if weight is not None:
                self.values["bellman/entropy_weight"] = weight
            following = following + bonus

        def error(next_q: Tensor) -> Tensor:
            value = torch.where(going_on, gamma * next_q, 0.0)
            return (bootstrap - value).abs().max() / (
                reward.abs().mean() + value.abs().mean() + TINY
            )

        smallest = following.amin(dim=0)
        self.values["bellman/target_error"] = error(smallest)
        if len(following) > 1:
            self.values["bellman/target_error_of_maximum"] = error(following.amax(dim=0))
        next_q = torch.where(going_on, smallest, 0.0)
        if bool(next_q.any()):
            self.values["bellman/discount"] = (next_q @ bootstrap) / (next_q @ next_q)

    def of_actor_loss(self, seen: Seen) -> None:
        """Measure the actor's loss, after going backward and before the actor is stepped."""
        view, batch = self._view, self._batch
        if view.outputs is None or seen.preactivation is None:
            return
        obs = _rows(batch.obs)
        with torch.no_grad():
            z = view.outputs(batch.obs)
            distance = (batch.action - torch.tanh(z)).abs().mean()
            self.values["replay/policy_distance"] = distance
            for kind, of_other_rows in view.others.items():
                other = torch.tanh(view.outputs(of_other_rows(obs)))
                self.values[f"sees/policy_{kind}"] = (other - torch.tanh(z[:ROWS])).abs().mean()
        rows = self._z = z[:ROWS].detach()
        tried = rows.clone().requires_grad_()
        with torch.enable_grad():
            value = view.values(obs, torch.tanh(tried))[0].sum() / len(z)
            (self._uphill,) = torch.autograd.grad(value, tried)
        if seen.preactivation_gradient is not None:
            self._cosine(
                "policy/gradient_alignment", -seen.preactivation_gradient[:ROWS], self._uphill
            )

    @torch.no_grad()
    def of_steps(self) -> None:
        """Measure how actor and critic were stepped, before the targets follow."""
        for name, parameters in self._parts.items():
            change = _sample(parameters) - self._weights[name]
            rate = self._view.rate(name)
            if rate > 0:
                self.values[f"weights/{name}_step"] = change.square().mean().sqrt() / rate
        if self._view.outputs is not None and self._z is not None and self._uphill is not None:
            z = self._view.outputs(_rows(self._batch.obs))
            self._cosine("policy/ascent", z - self._z, self._uphill)
        self._targets = {name: _sample(target) for name, (_, target) in self._view.pairs.items()}

    @torch.no_grad()
    def of_targets(self) -> None:
        """Measure how the targets followed, after they did."""
        for name, before in self._targets.items():
            online, target = self._view.pairs[name]
            goal = _sample(online)
            gap = goal - before
            self.values[f"targets/{name}_lag"] = gap.norm() / (goal.norm() + TINY)
            if bool(gap.norm() > ROUNDING * goal.norm()):
                moved = _sample(target) - before
                self.values[f"targets/{name}_tau"] = (moved @ gap) / (gap @ gap)

    def _cosine(self, tag: str, first: Tensor, second: Tensor) -> None:
        a, b = first.flatten().double(), second.flatten().double()
        size = a.norm() * b.norm()
        if bool(size > 0):
            self.values[tag] = (a @ b) / size


def _entries_seen(
    values: Callable[[Any, Tensor], Tensor], obs: Any, action: Tensor
) -> Tensor | None:
    """Return the share of an observation's entries that the first critic answers to; None where it is no vector."""
    if not isinstance(obs, Tensor) or obs.dim() != 2 or not obs.is_floating_point():
        return None
    tried = obs.detach().clone().requires_grad_()
    with torch.enable_grad():
        (slopes,) = torch.autograd.grad(values(tried, action)[0].sum(), tried)
    return (slopes != 0).any(dim=0).float().mean()


def _of_target_actions(action: Tensor, policy: Tensor) -> Values:
    """Describe the next actions of the targets beside those of the target actor, both `float[rows, action_dim]`."""
    noise = action - policy
    values: Values = {
        "bellman/target_noise": noise.abs().max(),
        "bellman/target_action": action.abs().max(),
    }
    free = noise[policy.abs() < INSIDE]
    if len(free) >= ROWS // 2:
        above, below = (free > SAME_ACTION).float().mean(), (free < -SAME_ACTION).float().mean()
        values["bellman/target_noise_side"] = (above - below).abs()
    return values


def _rows(values: Any) -> Any:
    if isinstance(values, Mapping):
        return {key: part[:ROWS] for key, part in values.items()}
    return values[:ROWS]


def _sample(parameters: Iterable[Tensor]) -> Tensor:
    """Copy the first weights of each tensor, `float64[n]`."""
    return torch.cat([p.detach().flatten()[:WEIGHTS] for p in parameters]).double()
