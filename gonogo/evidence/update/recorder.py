"""Looks at one update of an agent with an actor and Q critics: hooks that are gone when it is over."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from gonogo.evidence.guard import Guard
from gonogo.evidence.update.again import Again
from gonogo.evidence.update.entropy import Drawn
from gonogo.evidence.update.gradients import Gradients
from gonogo.evidence.update.measures import Batch, Seen, on_host, tags_of, td_errors
from gonogo.evidence.update.moved import Moved
from gonogo.evidence.update.parts import CRITIC, Networks
from gonogo.evidence.update.replayed import Replayed


class _Handle(Protocol):
    def remove(self) -> None: ...


class Recorder:
    """Attaches hooks for one update and hands over its tags after the actor's step."""

    def __init__(
        self,
        networks: Networks,
        guard: Guard,
        done: Callable[[dict[str, float]], None],
        loss_scale: Callable[[], float] = lambda: 1.0,
    ) -> None:
        """Take the networks, who to ask before each hook, and what to do with the tags of an update.

        Losses are multiplied by `loss_scale` before they go backward, and gradients divided by it afterwards.
        """
        self.networks = networks
        self.seen: Seen | None = None
        """Of the update that is looked at; None between updates."""
        self._guard = guard
        self._done = done
        self._loss_scale = loss_scale
        self._parts = networks.parts()
        self._gradients = Gradients(self._parts, guard, loss_scale)
        self._replayed = Replayed()
        self._moved = Moved(networks)
        self._handles: list[_Handle] = []
        self._again: Again | None = None
        self._tags: dict[str, float] | None = None
        """Of an update whose targets have not followed yet."""
        self._actor_went_first = False
        self._actor_stepped_before = False
        self._left_by_actor: dict[str, float] = {}
        """Share of a critic's gradient that was there before the first backward pass after an actor's step, by part."""

    @property
    def has_encoder(self) -> bool:
        """Whether the actor has an encoder that is watched."""
        return "actor_cnn" in self._parts

    @property
    def parts(self) -> dict[str, list[Tensor]]:
        """Trained parameters by the part's name in tags."""
        return self._parts

    def begin(self, batch: Batch, again: Again | None = None) -> None:
        """Look at the update that begins with this batch, and compute it again if so asked."""
        self.cancel()
        self.seen, self._again = Seen(batch=batch), again
        self._actor_went_first = False
        self._moved.begin()
        self.skip()
        self._attach()

    def skip(self) -> None:
        """Pass over an update, but see what the actor's loss before it left in the critic's gradient.

        Where the actor is stepped now and then, the update after that is the only one that shows it.
        """
        if not self._actor_stepped_before:
            return
        self._actor_stepped_before = False
        for part, parameters in self._parts.items():
            if part.startswith(CRITIC):
                work = partial(self._after_actor, part, parameters[0])
                self._handles.append(parameters[0].register_hook(self._guard.hook(work)))  # type: ignore[no-untyped-call]

    def draws(self, drawn: Drawn, temperature: Tensor) -> None:
        """Keep the actions that a stochastic actor drew for its own loss, before that goes backward."""
        seen = self.seen
        if seen is None or seen.drawn is not None:
            return
        seen.drawn, seen.temperature = drawn, temperature
        if drawn.log_prob.requires_grad:
            keep = self._guard.hook(lambda gradient: setattr(drawn, "gradient", gradient))
            drawn.log_prob.register_hook(keep)  # type: ignore[no-untyped-call]

    def finish(self) -> None:
        """Hand over the tags of the update, whose targets have followed; nothing when none is looked at."""
        self._close()
        tags, self._tags = self._tags, None
        if tags is None:
            return
        if self._again is not None:
            self._again.of_targets()
            tags |= on_host(self._again.values)
        self._done(tags)

    def _close(self) -> None:
        """Measure the update as it stands, and look no longer."""
        seen, self.seen = self.seen, None
        self._detach()
        if seen is None:
            return
        seen.gradients = self._gradients.norms
        for part, parameters in self._parts.items():
            seen.weights[part] = nn.utils.get_total_norm([p.detach() for p in parameters])
        seen.left_over = _largest(seen.left_over, self._left_by_actor)
        self._left_by_actor = {}
        networks = self.networks
        self._tags = tags_of(
            seen,
            low=networks.action_low,
            high=networks.action_high,
            loss_weight=networks.critic_loss_weight,
        )
        self._tags |= self._moved.values
        self._moved.end()
        if seen.batch is not None:
            moved = self._replayed.moved(seen.replay_inputs, seen.batch.reward)
            if moved is not None:
                self._tags["replay/reward_moved"] = moved

    def cancel(self) -> None:
        """Stop looking; what was seen of the update is forgotten."""
        self.seen = self._again = self._tags = None
        self._detach()

    def _attach(self) -> None:
        networks, hook = self.networks, self._guard.hook
        keep = self._handles.append
        keep(networks.actor.register_forward_hook(hook(self._actor_called)))
        if networks.squash is not None:
            keep(networks.squash.register_forward_hook(hook(self._squashed)))
        for number, critic in enumerate(networks.critics):
            keep(critic.register_forward_hook(hook(partial(self._critic_called, number))))
        for part, encoder in (
            ("actor_cnn", networks.actor_encoder),
            ("critic_cnn", networks.critic_encoder),
        ):
            if encoder is not None and part in self._parts:
                keep(encoder.register_forward_hook(hook(partial(self._encoded, part))))
        self._handles += self._gradients.begin()
        for part, parameters in self._parts.items():
            work = partial(self._before_backward, part, parameters[0])
            keep(parameters[0].register_hook(hook(work)))  # type: ignore[no-untyped-call]
        keep(networks.critic_optimizer.register_step_pre_hook(hook(self._critic_steps)))
        keep(networks.critic_optimizer.register_step_post_hook(hook(self._critic_stepped)))
        keep(networks.actor_optimizer.register_step_pre_hook(hook(self._actor_steps)))
        keep(networks.actor_optimizer.register_step_post_hook(hook(self._actor_stepped)))
        if networks.target_critic is not None:
            keep(networks.target_critic.register_forward_pre_hook(hook(self._target_asked)))

    def _detach(self) -> None:
        handles, self._handles = self._handles, []
        for handle in handles:
            handle.remove()

    def _actor_called(self, _: nn.Module, __: object, output: Any) -> None:
        action = output[0] if isinstance(output, (tuple, list)) else output
        if self.seen is not None and isinstance(action, Tensor) and action.requires_grad:
            self.seen.action = action

    def _squashed(self, _: nn.Module, inputs: Sequence[Tensor], __: Tensor) -> None:
        if self.seen is not None and inputs[0].requires_grad:
            self.seen.preactivation = inputs[0]
            if self._again is not None:
                keep = self._guard.hook(partial(_keep_output_gradient, self.seen))
                inputs[0].register_hook(keep)  # type: ignore[no-untyped-call]

    def _critic_called(self, number: int, _: nn.Module, inputs: Any, output: Any) -> None:
        seen = self.seen
        if seen is None or not torch.is_grad_enabled():
            return
        outputs = output if isinstance(output, (tuple, list)) else (output,)
        of_actor = _acts_on_actor(inputs, known=number in seen.replay_q)
        values, gradients = (
            (seen.actor_q, seen.actor_q_gradient)
            if of_actor
            else (seen.replay_q, seen.replay_q_gradient)
        )
        if of_actor and len(inputs) > 1 and not seen.actor_q:
            seen.action = inputs[-1]
        if number == 0 and not of_actor and not seen.replay_inputs:
            seen.replay_inputs = tuple(inputs)
        for index, q in enumerate(outputs, start=number):
            if not isinstance(q, Tensor) or not q.requires_grad or index in values:
                continue
            values[index] = q.detach().flatten()
            weights = None if of_actor or seen.batch is None else seen.batch.weights
            self._watch_gradient(q, gradients, index, weights)
            if of_actor and index == 0:
                self._probe(seen, q)

    def _watch_gradient(
        self, q: Tensor, gradients: dict[int, Tensor], index: int, weights: Tensor | None
    ) -> None:
        def keep(gradient: Tensor) -> None:
            plain = gradient.detach().flatten() / self._loss_scale()
            gradients[index] = plain if weights is None else plain / weights.to(plain).flatten()

        q.register_hook(self._guard.hook(keep))  # type: ignore[no-untyped-call]

    def _probe(self, seen: Seen, q: Tensor) -> None:
        """Measure the gradient of -Q1 at the actor's encoder while none passes the action."""
        encoder = self._parts.get("actor_cnn")
        if encoder is None or seen.action is None:
            return
        held = seen.action.register_hook(torch.zeros_like)  # type: ignore[no-untyped-call]
        try:
            leaks = torch.autograd.grad(-q.mean(), encoder, retain_graph=True, allow_unused=True)
        finally:
            held.remove()
        reached = [leak for leak in leaks if leak is not None]
        seen.leak = nn.utils.get_total_norm(reached) if reached else 0.0

    def _encoded(self, part: str, _: nn.Module, __: object, output: Tensor) -> None:
        if self.seen is not None and output.requires_grad and part not in self.seen.features:
            self.seen.features[part] = output.detach().flatten(1)

    def _before_backward(self, part: str, parameter: Tensor, gradient: Tensor) -> None:
        """Note how much of a gradient was there before this backward pass."""
        seen = self.seen
        if seen is None or part in self._gradients.closed:
            return
        share = _left_share(parameter, gradient)
        if share is not None:
            seen.left_over[part] = min(share, seen.left_over.get(part, 1.0))

    def _after_actor(self, part: str, parameter: Tensor, gradient: Tensor) -> None:
        share = _left_share(parameter, gradient)
        if share is not None:
            self._left_by_actor.setdefault(part, share)
        if self.seen is None:
            self._detach()

    def _critic_steps(self, *_: object) -> None:
        """The critic's gradient is complete; what the actor's loss adds later does not count."""
        if self.seen is not None:
            self._moved.steps("actor", "critic")
            self._gradients.close()
            errors = td_errors(self.seen, self.networks.critic_loss_weight)
            targets = self.seen.replay_q[0] - errors[0] if 0 in errors else None
            self._compute(lambda again, seen: again.of_critic_loss(seen, targets))

    def _actor_steps(self, *_: object) -> None:
        if self.seen is not None:
            self._moved.steps("critic")
        self._compute(lambda again, seen: again.of_actor_loss(seen))

    def _actor_stepped(self, *_: object) -> None:
        """The update is over, unless a loop trains its actor before its critics."""
        if self.seen is not None:
            self._moved.actor_stepped()
        self._compute(lambda again, _: again.of_steps())
        self._actor_went_first = self.seen is not None and not self.seen.replay_q_gradient
        if not self._actor_went_first:
            self._actor_stepped_before = True
            self._close()

    def _critic_stepped(self, *_: object) -> None:
        if self.seen is not None:
            self._moved.critic_stepped()
        if self._actor_went_first:
            self._close()

    def _compute(self, work: Callable[[Again, Seen], None]) -> None:
        """Compute something again, where that is asked for; the networks' calls in it are none of the update."""
        seen = self.seen
        if seen is None or self._again is None:
            return
        self.seen = None
        try:
            work(self._again, seen)
        finally:
            self.seen = seen

    def _target_asked(self, _: nn.Module, inputs: Sequence[Any]) -> None:
        if self.seen is not None and len(inputs) > 1:
            self.seen.next_action = inputs[1].detach()


def _acts_on_actor(inputs: Any, *, known: bool) -> bool:
    """Tell whether a critic judges the actor's actions: they carry a gradient, replayed ones do not.

    Where observation and action come as one tensor, the replayed ones come first.
    """
    tensors = [value for value in inputs if isinstance(value, Tensor)]
    return bool(tensors[-1].requires_grad) if len(tensors) > 1 else known


def _left_share(parameter: Tensor, gradient: Tensor) -> float | None:
    """Return how much of a gradient was there before this one is added, as a share; None where there is none at all."""
    left = 0.0 if parameter.grad is None else float(parameter.grad.norm())
    return left / (left + float(gradient.norm())) if left or bool(gradient.any()) else None


def _largest(first: Mapping[str, float], second: Mapping[str, float]) -> dict[str, float]:
    return {k: max(first.get(k, 0.0), second.get(k, 0.0)) for k in first.keys() | second.keys()}


def _keep_output_gradient(seen: Seen, gradient: Tensor) -> None:
    seen.preactivation_gradient = gradient.detach()
