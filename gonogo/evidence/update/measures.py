"""What was seen of one update, and the tags that it gives; the tags' meaning is that of docs/run-directory.md."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from gonogo.evidence.update.entropy import Drawn

SATURATED = 0.99
"""An action entry counts as saturated when |tanh(z)| exceeds this."""
LIKE = 0.01
"""Difference, relative, up to which critics' gradients are those of squared errors."""
Values = dict[str, "Tensor | float"]
"""By tag; tensors have one element."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Batch:
    """The replayed transitions of one update, as the networks see them."""

    reward: Tensor
    """`float[batch]`, any shape with as many elements."""
    terminated: Tensor
    """1 where the episode ended by a termination, `float[batch]`."""
    gamma: Tensor | float
    """Discount before terminations: `float[batch]` for n-step returns."""
    gamma_of_a_step: float = 0.0
    """Discount of the run where `gamma` may be of several steps; else 0."""
    weights: Tensor | None = None
    """Of each transition's squared TD errors in the critic's loss, `float[batch]`; None where all count alike."""
    obs: Any = None
    """As the networks take them; None where nothing is to be computed again."""
    action: Any = None
    next_obs: Any = None


@dataclass(eq=False)
class Seen:
    """What hooks saw of one update; what they did not see stays None or empty."""

    batch: Batch | None = None
    replay_inputs: tuple[Any, ...] = ()
    """What the first critic was asked of the replayed transitions."""
    replay_q: dict[int, Tensor] = field(default_factory=dict)
    """Q of the replayed actions by the critic's number from 0, `float[batch]`."""
    replay_q_gradient: dict[int, Tensor] = field(default_factory=dict)
    """Gradient of the critic's loss at each of them, as if all transitions counted alike."""
    actor_q: dict[int, Tensor] = field(default_factory=dict)
    """Q of the actor's own actions."""
    actor_q_gradient: dict[int, Tensor] = field(default_factory=dict)
    """Gradient of the actor's loss at each of them."""
    action: Tensor | None = None
    """Of the actor, `float[batch, action_dim]`, with its graph."""
    preactivation: Tensor | None = None
    """Of the actor, before its tanh, `float[batch, action_dim]`."""
    preactivation_gradient: Tensor | None = None
    """Gradient of the actor's loss there."""
    next_action: Tensor | None = None
    """What the target critics were asked for, `float[batch, action_dim]`."""
    drawn: Drawn | None = None
    """By a stochastic actor, for its own loss."""
    next_drawn: Drawn | None = None
    """By a stochastic actor, for the targets."""
    temperature: Tensor | None = None
    """Of a stochastic actor's entropy, as the update uses it."""
    features: dict[str, Tensor] = field(default_factory=dict)
    """Output of the encoders by the part's name, `float[batch, features]`."""
    gradients: dict[str, dict[int, Tensor]] = field(default_factory=dict)
    """Norm of the gradient before clipping of each parameter, by the part's name."""
    left_over: dict[str, float] = field(default_factory=dict)
    """Share of a gradient that was there before a backward pass, by the part's name.

    The smallest of the update, unless more was left after an actor's step before.
    """
    leak: Tensor | float | None = None
    weights: dict[str, Tensor] = field(default_factory=dict)
    """Norm of the weights after the update by the part's name."""


@torch.no_grad()
def tags_of(
    seen: Seen, *, low: Tensor | float, high: Tensor | float, loss_weight: float | None
) -> dict[str, float]:
    """Return the value of each tag that can be told from what was seen; one transfer to the host."""
    values: Values = {
        **_of_batch(seen.batch),
        **_batch_size(seen),
        **_of_critics(seen, loss_weight),
        **_of_actor(seen),
        **_of_policy(seen, low, high),
        **{f"features/{part}_l2": f.norm(dim=1).mean() for part, f in seen.features.items()},
        **{f"weights/{part}_l2": norm for part, norm in seen.weights.items()},
    }
    for part, norms in seen.gradients.items():
        values[f"gradients/{part}_norm"] = torch.stack([*norms.values()]).norm()
    values |= {f"gradients/{part}_left_over": share for part, share in seen.left_over.items()}
    if seen.leak is not None:
        values["probe/actor_encoder_leak"] = seen.leak
    return on_host(values)


def _of_batch(batch: Batch | None) -> Values:
    if batch is None:
        return {}
    terminated = batch.terminated.flatten().float()
    gamma = batch.gamma.flatten() if isinstance(batch.gamma, Tensor) else batch.gamma
    values: Values = {
        "debug/done_ratio": terminated.mean(),
        "debug/effective_discount": (gamma * (1.0 - terminated)).mean(),
        **_spread("debug/reward", batch.reward.flatten().float()),
    }
    if isinstance(gamma, Tensor) and 0.0 < batch.gamma_of_a_step < 1.0:
        values["replay/n_steps"] = gamma.log().mean() / math.log(batch.gamma_of_a_step)
    return values


def _batch_size(seen: Seen) -> Values:
    """Of rewards and of Q in the critics' loss the fewer: a critic may be asked of more rows than it learns from."""
    if seen.batch is None or 0 not in seen.replay_q_gradient:
        return {}
    rows = min(seen.batch.reward.numel(), seen.replay_q_gradient[0].numel())
    return {"agent/batch_size": float(rows)}


def _of_critics(seen: Seen, loss_weight: float | None) -> Values:
    """The target follows from the loss itself: its gradient at Q is 2 w (Q - target) / batch.

    So it is the target that was trained on, whatever made it.
    """
    values: Values = {f"train/q{i + 1}_value": q.mean() for i, q in seen.replay_q.items() if i < 2}
    weight = _weight_of_squares(seen) if loss_weight is None else loss_weight
    errors = td_errors(seen, weight)
    if weight is None or not errors:
        return values
    values |= {f"debug/td_error_q{i + 1}": e.abs().mean() for i, e in errors.items() if i < 2}
    squares = torch.stack([error.square().mean() for error in errors.values()])
    values["train/critic_loss"] = weight * squares.sum()
    first = min(errors)
    return values | _spread("debug/target_q", seen.replay_q[first] - errors[first])


def td_errors(seen: Seen, loss_weight: float | None) -> dict[int, Tensor]:
    """Return Q - target by the critic's number, as the loss has it; nothing where its weight is not known."""
    if loss_weight is None:
        return {}
    return {
        i: seen.replay_q_gradient[i] * (q.numel() / (2.0 * loss_weight))
        for i, q in seen.replay_q.items()
        if i in seen.replay_q_gradient
    }


def _weight_of_squares(seen: Seen) -> float | None:
    """Return the factor of the mean squared errors in the critics' loss; None where it is made of something else.

    Where critics learn one target, their gradients at Q differ by 2 w / batch times what their values differ. Of a
    single critic nothing shows, so that the factor counts as 1, and so it does where critics are equal.
    """
    known = [i for i in seen.replay_q if i in seen.replay_q_gradient]
    if len(known) < 2:
        return 1.0
    first, second = known[:2]
    apart = (seen.replay_q[first] - seen.replay_q[second]).double()
    steeper = (seen.replay_q_gradient[first] - seen.replay_q_gradient[second]).double()
    size = float(apart @ apart)
    if size == 0.0:
        return 1.0
    slope = float(steeper @ apart) / size
    unlike = float((steeper - slope * apart).norm())
    return slope * len(apart) / 2.0 if unlike <= LIKE * float(steeper.norm()) else None


def _of_actor(seen: Seen) -> Values:
    """The loss is linear in Q, so that its gradient there gives its value, with its sign as it was trained.

    Of a deterministic actor any factor of Q is divided out, such as that of a loss that also imitates.
    """
    if 0 not in seen.actor_q:
        return {}
    values = _spread("debug/actor_q", seen.actor_q[0])
    if not seen.actor_q_gradient:
        return values
    loss = torch.stack(
        [(seen.actor_q[i] * g).sum() for i, g in seen.actor_q_gradient.items()]
    ).sum()
    q_weight = -torch.stack([g.sum() for g in seen.actor_q_gradient.values()]).sum()
    drawn, temperature = seen.drawn, seen.temperature
    if drawn is None or temperature is None:
        return values | {"train/actor_loss": loss / q_weight.abs() if bool(q_weight) else loss}
    values |= {
        "train/actor_loss": loss + drawn.term,
        "train/ent_coef": temperature,
        "policy/entropy": -drawn.log_prob.detach().mean(),
        "policy/q_weight": q_weight,
    }
    if bool(temperature != 0):
        values["policy/entropy_weight"] = drawn.weight / temperature.abs()
    return values


def _of_policy(seen: Seen, low: Tensor | float, high: Tensor | float) -> Values:
    values: Values = {}
    if seen.action is not None:
        action = seen.action.detach()
        low, high = (torch.as_tensor(limit).to(action) for limit in (low, high))
        size = ((2.0 * action - low - high) / (high - low)).abs()
        values["policy/tanh_saturation"] = (size > SATURATED).float().mean()
        values["policy/action_abs"] = size.mean()
    if seen.preactivation is not None and (
        seen.action is None or seen.action.shape == seen.preactivation.shape
    ):
        values["policy/preact_abs"] = seen.preactivation.detach().abs().mean()
    return values


def _spread(prefix: str, values: Tensor) -> Values:
    std, mean = torch.std_mean(values, correction=0)
    low, high = values.aminmax()
    return {
        f"{prefix}_mean": mean,
        f"{prefix}_std": std,
        f"{prefix}_min": low,
        f"{prefix}_max": high,
    }


def on_host(values: Mapping[str, Tensor | float]) -> dict[str, float]:
    """Return plain numbers; tensors of one element are moved to the host at once."""
    tensors = {tag: v for tag, v in values.items() if isinstance(v, Tensor)}
    numbers = _floats(tensors.values()) if tensors else []
    plain = {tag: float(v) for tag, v in values.items() if not isinstance(v, Tensor)}
    return {**dict(zip(tensors, numbers, strict=True)), **plain}


def _floats(tensors: Iterable[Tensor]) -> list[float]:
    single = (t.reshape(()) if t.dim() else t for t in tensors)
    rows = [t if t.dtype is torch.float32 else t.to(torch.float32) for t in single]
    numbers: list[float] = torch.stack(rows).tolist()
    return numbers
