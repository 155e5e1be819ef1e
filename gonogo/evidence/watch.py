"""`gonogo.watch`: evidence of a training loop that is one's own."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from gates.runs.heartbeat import Phase
from gonogo.evidence.exploration import Exploration
from gonogo.evidence.guard import Guard
from gonogo.evidence.run_files import RunFiles, free_folder
from gonogo.evidence.update.entropy import Drawn
from gonogo.evidence.update.measures import Batch
from gonogo.evidence.update.parts import Networks, last_tanh
from gonogo.evidence.update.recorder import Recorder

PATIENCE = 50
"""Batches in a row whose actor is not stepped before one is logged without it."""


class Watch:
    """Logs what a verdict needs of a loop that says which step it is at and which batch it learns from.

    An error in here never reaches the loop: it is told once, and the run directory says so.
    """

    def __init__(
        self,
        networks: Networks,
        *,
        directory: Path,
        planned_steps: int,
        algorithm: str,
        config: Mapping[str, Any],
        gamma: float,
        seed: int | None,
        stage: str,
        every: int,
        grad_scaler: torch.amp.GradScaler | None,
    ) -> None:
        """Begin the run; `gonogo.watch` explains the arguments."""
        self.directory = free_folder(directory)
        """Folder that the run is written to."""
        self._guard = Guard(self._note)
        self._gamma, self._every = gamma, every
        self._step = self._updates = self._actor_updates = self._due = self._waited = 0
        self._exploration = Exploration(networks.action_low, networks.action_high)
        self._stride = 0
        """Largest number of steps between two batches."""
        self._closed = self._told = False
        self._networks = networks
        self._files: RunFiles | None = None
        scale = {} if grad_scaler is None else {"loss_scale": grad_scaler.get_scale}
        self._recorder = Recorder(networks, self._guard, self._done, **scale)
        count = self._guard.hook(self._count_actor)
        self._counting = networks.actor_optimizer.register_step_post_hook(count)

        def begin() -> None:
            self._files = RunFiles(
                self.directory,
                trainer="a loop of one's own",
                algorithm=algorithm,
                planned_steps=planned_steps,
                train={"gamma": gamma, **config},
                env={},
                seed=seed,
                stage=stage,
                encoder=self._recorder.has_encoder,
            )

        self._guard.call(begin, None)

    def batch(
        self,
        step: int,
        *,
        rewards: ArrayLike | Tensor,
        terminated: ArrayLike | Tensor,
        gamma: Tensor | float | None = None,
        weights: Tensor | None = None,
    ) -> None:
        """Say which batch the update that follows learns from; call it before the update.

        Args:
            step: Environment steps done so far, over all environments.
            rewards: As the critic sees them, `float[batch]`.
            terminated: 1 where an episode ended by a termination, not by a time limit, `float[batch]`.
            gamma: Discount of each transition where it is not that of the run (n-step returns).
            weights: Of each transition's squared TD error in the critic's loss where they are not alike (importance
                weights of a prioritised replay), above 0, `float[batch]`.
        """
        self._guard.call(lambda: self._batch(step, rewards, terminated, gamma, weights), None)

    def entropy(self, *, log_prob: Tensor, temperature: Tensor | float) -> None:
        """Hand over what SAC's actor loss holds beside Q; call it before that loss goes backward.

        Args:
            log_prob: Of the actions that the actor drew for its loss, with its graph, `float[batch]`.
            temperature: Factor of `log_prob` in the loss.
        """

        def draw() -> None:
            weight = torch.as_tensor(temperature, device=log_prob.device).detach().reshape(())
            self._recorder.draws(Drawn(log_prob=log_prob), weight)

        self._guard.call(draw, None)

    def acted(self, action: ArrayLike | Tensor, policy: ArrayLike | Tensor | None) -> None:
        """Say how the environments were stepped; call it after each step.

        Args:
            action: What they received, `float[envs, action_dim]` or `float[action_dim]`, in the bounds given before.
            policy: The actor's action before noise was added; None where the step was drawn at random.
        """

        def take_down() -> None:
            self._exploration.step(_rows(action), None if policy is None else _rows(policy))

        self._guard.call(take_down, None)

    def episode(self, step: int, *, length: int, reward: float, terminated: bool) -> None:
        """Log a training episode that ended.

        Args:
            step: Environment steps done so far.
            length: Steps of the episode.
            reward: Sum of its rewards, undiscounted and unscaled.
            terminated: Whether it ended by a termination, not by a time limit.
        """
        self.scalars(
            step,
            {
                "train/episode_length": length,
                "train/episode_reward": reward,
                "train/episode_terminated": terminated,
            },
        )

    def evaluation(self, step: int, *, returns: Sequence[float], lengths: Sequence[int]) -> None:
        """Log an evaluation without noise; the first one belongs before the first update.

        Args:
            step: Environment steps done so far.
            returns: Of each episode.
            lengths: Of each episode.
        """
        self._guard.call(lambda: self._evaluation(step, returns, lengths), None)

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Log further numbers of the loop under tags of docs/run-directory.md, such as `agent/exploration_noise`."""
        self._guard.call(lambda: self._write(step, {t: float(v) for t, v in values.items()}), None)

    def close(self) -> None:
        """End the run; `with gonogo.watch(...)` does it too. What comes later is not logged."""
        if not self._closed:
            self._guard.call(self._end, None)
        self._let_go()

    def __enter__(self) -> Watch:
        """Return the watch itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """End the run; one that raised did not finish."""
        if kind is None:
            self.close()
        else:
            self._let_go()

    def _batch(
        self,
        step: int,
        rewards: ArrayLike | Tensor,
        terminated: ArrayLike | Tensor,
        gamma: Tensor | float | None,
        weights: Tensor | None,
    ) -> None:
        if self._closed:
            return
        self._close_update()
        if self._updates:
            self._stride = max(self._stride, step - self._step)
        self._step = step
        self._updates += 1
        if self._updates < self._due:
            self._recorder.skip()
            return
        self._waited += 1
        self._recorder.begin(
            Batch(
                reward=torch.as_tensor(rewards),
                terminated=torch.as_tensor(terminated),
                gamma=self._gamma if gamma is None else gamma,
                gamma_of_a_step=self._gamma,
                weights=weights,
            )
        )

    def _evaluation(self, step: int, returns: Sequence[float], lengths: Sequence[int]) -> None:
        if not len(returns) or not len(lengths):
            return
        rewards = np.array([float(r) for r in returns])
        tags = {
            "eval/mean_reward": float(rewards.mean()),
            "eval/std_reward": float(rewards.std()),
            "eval/mean_episode_length": float(np.mean([float(n) for n in lengths])),
            "eval/episodes": float(len(rewards)),
        }
        self._write(step, tags)

    def _close_update(self) -> None:
        """Log the update before; one whose actor was not stepped is logged after a long wait only."""
        seen = self._recorder.seen
        if seen is not None and self._waited < PATIENCE:
            self._recorder.cancel()
        self._recorder.finish()

    def _count_actor(self, *_: object) -> None:
        self._actor_updates += 1

    def _done(self, tags: dict[str, float]) -> None:
        self._waited, self._due = 0, self._updates + self._every
        tags |= {
            "agent/total_updates": float(self._updates),
            "agent/actor_updates": float(self._actor_updates),
            "agent/actor_lr": float(self._networks.actor_optimizer.param_groups[-1]["lr"]),
            "agent/critic_lr": float(self._networks.critic_optimizer.param_groups[-1]["lr"]),
            **self._exploration.tags(),
        }
        if self._files is not None:
            self._files.updates = self._updates
        self._write(self._step, tags)
        if "train/q1_value" in tags and "train/critic_loss" not in tags and not self._told:
            self._told = True
            warnings.warn(
                "the critics' loss is not made of squared errors of one target, so that gonogo does not know targets; "
                "log the loss with scalars(step, {'train/critic_loss': loss})",
                RuntimeWarning,
                stacklevel=2,
            )

    def _write(self, step: int, tags: Mapping[str, float]) -> None:
        if self._files is not None and not self._closed:
            self._files.write(step, tags)
            self._step = max(self._step, step)

    def _end(self) -> None:
        """Finish; a loop that counts from 0, or learns every few steps, ends a few steps before its plan."""
        self._close_update()
        if self._files is not None:
            planned = self._files.planned_steps
            whole = self._step + self._stride >= planned
            self._files.step = max(self._step, planned) if whole else self._step
            self._files.close(Phase.FINISHED if whole else Phase.STOPPED)

    def _let_go(self) -> None:
        self._closed = True
        self._recorder.cancel()
        self._counting.remove()

    def _note(self, error: Exception) -> None:
        self._let_go()
        if self._files is not None:
            self._files.note_end_of_evidence(error)


def _rows(action: ArrayLike | Tensor) -> NDArray[Any]:
    values = action.detach().cpu().numpy() if isinstance(action, Tensor) else np.asarray(action)
    return np.atleast_2d(values)


def watch(
    directory: str | os.PathLike[str],
    *,
    actor: nn.Module,
    critics: Sequence[nn.Module],
    actor_optimizer: torch.optim.Optimizer,
    critic_optimizer: torch.optim.Optimizer,
    planned_steps: int,
    gamma: float,
    action_low: ArrayLike | Tensor,
    action_high: ArrayLike | Tensor,
    actor_encoder: nn.Module | None = None,
    critic_encoder: nn.Module | None = None,
    critic_loss_weight: float | None = None,
    algorithm: str = "td3",
    config: Mapping[str, Any] | None = None,
    seed: int | None = None,
    stage: str = "",
    every: int = 20,
    grad_scaler: torch.amp.GradScaler | None = None,
) -> Watch:
    """Collect evidence of a loop of one's own that trains TD3, DDPG or SAC with torch.

    Args:
        directory: Folder of the run; when it holds a run already, `NAME-2`, `NAME-3`, ... beside it.
        actor: Called with observations in the actor's loss, returns actions.
        critics: Modules whose output is a Q value: whole critics, or their last layers where one module holds two.
            They are called with replayed actions in the critic's loss and with the actor's in the actor's.
        actor_optimizer: Steps the actor; its step ends an update.
        critic_optimizer: Steps the critics.
        planned_steps: Environment steps that the training is to reach.
        gamma: Discount.
        action_low: Smallest actions as the critics see them: `env.action_space.low`, or -1 where the loop scales them.
        action_high: Largest actions.
        actor_encoder: Turns observations into features for the actor, part of it or beside it.
        critic_encoder: The same for the critics.
        critic_loss_weight: Factor of each critic's mean squared error in the critics' loss: 0.5 for a half of it. None:
            measured where two critics learn one target, 1 for a single one.
        algorithm: `td3`, `ddpg` or `sac`.
        config: Further hyperparameters by the names of docs/keys.md (`tau`, `batch_size`, `learning_starts`, ...).
        seed: Of the training.
        stage: Name of the stage that this training is.
        every: Updates between two that are logged.
        grad_scaler: Multiplies the losses of a training in mixed precision before they go backward.

    Raises:
        ValueError: A number is not above 0, there is no critic, actor and critics have one optimiser, or the bounds of
            the actions are not finite numbers.
    """
    if planned_steps < 1 or every < 1 or not critics:
        raise ValueError("planned_steps and every must be above 0, and there must be a critic")
    if actor_optimizer is critic_optimizer:
        raise ValueError(
            "actor_optimizer and critic_optimizer are one object, so that the actor's steps do not show; "
            "give each its own optimizer"
        )
    low, high = (torch.as_tensor(limit).float() for limit in (action_low, action_high))
    if not (low.isfinite().all() and high.isfinite().all() and (low < high).all()):
        raise ValueError(
            "action_low must be below action_high, both finite, "
            f"got {action_low!r} and {action_high!r}"
        )
    networks = Networks(
        actor=actor,
        critics=critics,
        actor_optimizer=actor_optimizer,
        critic_optimizer=critic_optimizer,
        actor_encoder=actor_encoder,
        critic_encoder=critic_encoder,
        critic_parameters=[p for g in critic_optimizer.param_groups for p in g["params"]],
        squash=last_tanh(actor),
        action_low=low,
        action_high=high,
        critic_loss_weight=critic_loss_weight,
    )
    return Watch(
        networks,
        directory=Path(directory),
        planned_steps=planned_steps,
        algorithm=algorithm,
        config=config or {},
        gamma=gamma,
        seed=seed,
        stage=stage,
        every=every,
        grad_scaler=grad_scaler,
    )
