"""The training loop: act, store, learn, evaluate, save; stops cleanly when asked to."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from trainer import afresh
from trainer.agents.agent import Agent, Valued
from trainer.drives import Drives, RouteKind, discard_after, write_drives, write_pictures
from trainer.envs.errors import NotFiniteError
from trainer.envs.finite import refuse_not_finite
from trainer.evaluate import driving_tags, evaluate, evaluation_tags
from trainer.final_evaluation import final_evaluation
from trainer.observation import Observation, ObservationShape
from trainer.replay.buffer import ReplayBuffer
from trainer.replay.capacity import most_transitions
from trainer.replay.ledger import Ledger
from trainer.run import checkpoint as checkpoints
from trainer.run.checkpoint import CheckpointError, Manifest
from trainer.run.episodes import EpisodeTally
from trainer.run.event_writer import EventWriter
from trainer.run.heartbeat import Heartbeat, Phase
from trainer.run.seeding import RandomStreams
from trainer.run.task import Task
from trainer.warm_start import load_carried

Arrays = Mapping[str, NDArray[Any]]

MOST_UPDATES_BETWEEN_EVIDENCE = 1_000
ENDED_EARLY = "ended-early.json"
"""File in the run directory that is there when a request to stop is the planned end of the run."""
FINAL_GROUPS: Mapping[RouteKind, str] = {
    "training": "final_driving",
    "held_out": "held_out_driving",
}
"""Groups of tags of the evaluation at the end, by its routes."""


class StopRequestedError(Exception):
    """The trainer was asked to stop; a checkpoint is saved."""


class DivergedError(Exception):
    """The policy returned a non-finite action: nothing more can be learned. The gate judges what was logged."""


class Trainer:
    """One run: its environments, agent, replay buffer and files."""

    def __init__(
        self,
        run: Path,
        task: Task,
        heartbeat: Heartbeat,
        stop_requested: Callable[[], bool] = lambda: False,
        *,
        resume: bool = False,
        checkpoint: Manifest | None = None,
    ) -> None:
        """Set a run up.

        Args:
            run: Run directory.
            task: What to train.
            heartbeat: Writes status.json.
            stop_requested: Asked before each step.
            resume: An earlier attempt has written to this directory.
            checkpoint: Where to resume; None to start at step 0.

        Raises:
            CheckpointError: The checkpoint does not fit.
            ConfigMistakesError: What the run is to begin with does not fit.
        """
        request = task.request
        config = request.train
        torch.set_num_threads(1)
        self.config, self.request, self.run = config, request, run
        self._heartbeat = heartbeat
        self._stop_requested = stop_requested
        self.step = 0
        heartbeat.beat("starting", step=0, updates=0)

        self.streams = RandomStreams(request.seed)
        self.streams.seed_torch()
        self.action_dim = task.spec.action_dim
        self.agent = task.make_agent()
        self.env = task.make_env(config.num_envs, self.streams.env_seed, self._beat)
        self._borrowed = task.spec.exclusive
        self._driving = task.spec.driving
        self._task = task
        self.eval_env = (
            self.env
            if self._borrowed
            else task.make_env(config.eval_episodes, self.streams.eval_seed)
        )
        shape = ObservationShape(camera=task.spec.camera_shape, vector=task.spec.vector_dim)
        # Never more memory than the stage can fill.
        capacity = min(config.buffer_size, most_transitions(request.planned_steps))
        self.replay = ReplayBuffer(
            capacity,
            config.num_envs,
            shape,
            self.action_dim,
            mirror=self.agent.device if config.replay_on_device else None,
        )
        self.ledger = Ledger(capacity, config.num_envs, shape, self.action_dim)
        self.tally = EpisodeTally(config.num_envs, self._driving)
        self._timing = _Timing()
        self._next_log = 0
        self._next_evidence = 0
        self._best_return = -math.inf
        self._best_step = -1
        """Step of the best evaluation; -1 before the first one."""
        self._episode_length: float | None = None
        """Mean length in the newest evaluation."""
        self._saved: Manifest | None = None
        self._saved_mark = self.replay.advanced
        self._obs: Arrays | None = None
        """None: new episodes must begin first."""
        self._resumed = checkpoint is not None
        if checkpoint is not None:
            self._resume(checkpoint)
        elif request.warm_start is not None:
            carried = load_carried(run, request.warm_start, self.agent)
            self.agent.begin_with(carried, optimizers=request.warm_start.carry == "learner")
        # Everything that an earlier attempt logged after the checkpoint is logged again.
        purge_step = self.step + 1 if checkpoint is not None else 0
        discard_after(run, purge_step - 1)
        self.writer = EventWriter(run / "events", purge_step=purge_step if resume else None)

    def train(self) -> None:
        """Train until the planned step.

        Raises:
            StopRequestedError: Asked to stop; a checkpoint was saved.
            DivergedError: The policy is no longer finite; events are flushed.
            NotFiniteError: The environment returned NaN or infinity; events are flushed.
        """
        config = self.config
        try:
            if not self._resumed:
                self._evaluate()
            while self.step < self.request.planned_steps:
                if self._stop_requested():
                    self._save()
                    if (self.run / ENDED_EARLY).exists():
                        self._evaluate_finally(lambda: False)
                    raise StopRequestedError(f"stopped on request at step {self.step}")
                if self._obs is None:
                    self._obs = self._begin_episodes()
                self._obs = self._interact(self._obs)
                self._learn()
                ended = self.step >= self.request.planned_steps
                if ended or self._due(config.eval_every_steps):
                    self._evaluate()
                # A run can be rolled back to its best evaluation, which takes more than its weights.
                if ended or self._checkpoint_due() or self._best_step == self.step:
                    self._save()
            self._evaluate_finally(self._stop_requested)
        except NotFiniteError:
            # The last heartbeat says at which step.
            self._beat("training")
            raise
        finally:
            self.writer.close()
            self.env.close()
            if not self._borrowed:
                self.eval_env.close()

    def _begin_episodes(self) -> Arrays:
        """Begin new episodes everywhere; running ones end here, in the replay buffer as well.

        The seed follows from the step, so that a run resumed here continues as if it had never stopped.
        """
        self._beat("starting")
        self.replay.end_episodes()
        self.ledger.end_episodes()
        self.tally.restart()
        obs: Arrays = self.env.reset(seed=(self.streams.env_seed + self.step) % 2**31)[0]
        refuse_not_finite(self.env, obs)
        return obs

    def _interact(self, obs: Arrays) -> Arrays:
        """Step every environment once and store what happened; returns the next observations."""
        config = self.config
        exploring = self.step < config.learning_starts
        self._beat("exploring" if exploring else "training")
        shape = (config.num_envs, self.action_dim)
        policy = None
        # A policy that was carried over collects better data than chance.
        if exploring and self.request.warm_start is None:
            action = self.streams.exploration.uniform(-1.0, 1.0, shape).astype(np.float32)
        else:
            noise = self.streams.exploration.normal(0.0, 1.0, shape) * self.exploration_noise
            policy = self._policy(obs)
            action = np.clip(policy + noise, -1.0, 1.0).astype(np.float32)

        self.ledger.look(obs)
        next_obs, reward, terminated, truncated, infos = self.env.step(action)
        done = terminated | truncated
        last = _with_final(next_obs, infos, done)
        self.step += config.num_envs
        refuse_not_finite(self.env, last, reward)
        refuse_not_finite(self.env, next_obs)
        self.ledger.record(
            action, policy, reward, terminated, done, next_obs, infos.get("final_obs")
        )
        self.replay.add(
            _newest_frame(obs),
            obs["vector"],
            action,
            reward,
            terminated,
            truncated,
            _newest_frame(last),
            last["vector"],
        )
        self.agent.rewards.observe(np.asarray(reward))
        for episode in self.tally.add(reward, terminated, done, infos):
            self.writer.write(self.step, episode)
        return next_obs

    def _learn(self) -> None:
        """Do the updates that are due: `gradient_steps` for every `train_freq` steps after `learning_starts`."""
        config = self.config
        rounds = max(0, self.step - config.learning_starts) // config.train_freq
        if self.agent.updates >= rounds * config.gradient_steps:
            return
        # A second thread speeds up a batch and slows down the single observation of an action.
        torch.set_num_threads(config.threads)
        while self.agent.updates < rounds * config.gradient_steps:
            started = time.perf_counter()
            batch = self.replay.sample(config.batch_size, self.streams.replay, self.agent.device)
            log = self.agent.updates + 1 >= self._next_log
            if log and self.agent.updates + 1 >= self._next_evidence and batch.origin is not None:
                batch = dataclasses.replace(batch, witness=self.ledger.witness(*batch.origin))
            stats = self.agent.update(batch, log=log)
            tags = stats.tags() if stats is not None else {}
            self._timing.updating_s += time.perf_counter() - started
            if tags:
                self._next_log = self.agent.updates + config.log_every_updates
                if batch.witness is not None:
                    self._next_evidence = _next_evidence(self.agent.updates)
                tags |= {
                    "agent/buffer_size": float(len(self.replay)),
                    "agent/exploration_noise": self.exploration_noise,
                    **self._timing.since_last(self.step),
                }
                self.writer.write(self.step, tags)
        torch.set_num_threads(1)

    @property
    def exploration_noise(self) -> float:
        """Standard deviation of the exploration noise at this step."""
        config = self.config
        start, final = config.exploration_noise, config.exploration_noise_final
        if final is None:
            return start
        progress = (self.step - config.learning_starts) / config.exploration_noise_decay_steps
        return start + (final - start) * min(1.0, max(0.0, progress))

    def _policy(self, obs: Arrays) -> NDArray[np.float32]:
        """Return the policy's actions without noise.

        Raises:
            DivergedError: An action is not finite.
        """
        return self._act(self.agent, obs)

    def _value(self, agent: Valued, obs: Arrays) -> NDArray[np.float32]:
        return agent.value(self._seen(obs)).cpu().numpy()

    def _seen(self, obs: Arrays) -> Observation:
        device = self.agent.device
        camera = torch.from_numpy(obs["camera"]).to(device) if "camera" in obs else None
        vector = torch.from_numpy(np.asarray(obs["vector"], dtype=np.float32)).to(device)
        return Observation(camera, vector)

    def _act(self, agent: Agent, obs: Arrays) -> NDArray[np.float32]:
        action: NDArray[np.float32] = agent.act(self._seen(obs)).cpu().numpy()
        if not np.isfinite(action).all():
            raise DivergedError(f"the policy returned a non-finite action at step {self.step}")
        return action

    def _evaluate(self) -> None:
        self._beat("evaluating")
        routes, seed = self.request.routes, self.streams.eval_seed
        episodes = evaluate(
            self.eval_env,
            self._policy,
            episodes=self.config.eval_episodes,
            seed=seed if routes is None else routes.training.seeds(self.config.eval_episodes),
            gamma=self.config.gamma,
            driving=self._driving,
            alive=lambda: self._beat("evaluating"),
            value=partial(self._value, self.agent) if isinstance(self.agent, Valued) else None,
        )
        results = evaluation_tags(episodes, reward_factor=self.agent.rewards.factor)
        self._episode_length = results["eval/mean_episode_length"]
        self.writer.write(self.step, results | driving_tags("eval_driving", episodes))
        if routes is not None and self._driving is not None:
            drives = Drives(
                driver="policy",
                routes="training",
                conditions=self._task.environment.conditions(self._task.env),
                first_seed=routes.training.first_seed,
                episodes=episodes,
            )
            write_drives(self.run, self.step, [drives])
        if results["eval/mean_reward"] > self._best_return and self.step > 0:
            self._best_return, self._best_step = results["eval/mean_reward"], self.step
            checkpoints.save_best(
                self.run / "checkpoints",
                self.step,
                {"agent": self.agent.state_dict()},
                mean_return=self._best_return,
            )
        if self._borrowed:
            self._obs = None
        self._timing.restart(self.step)

    def _evaluate_finally(self, stop_requested: Callable[[], bool]) -> None:
        """Evaluate what was learned, when everything else is done and saved.

        Raises:
            StopRequestedError: Asked to stop; the training itself is complete.
        """

        def beat(phase: Phase) -> None:
            self._beat(phase)
            if stop_requested():
                raise StopRequestedError(
                    f"stopped on request in the evaluation at step {self.step}"
                )

        with torch.random.fork_rng():
            self.streams.seed_torch()
            untrained = self._task.make_agent()
        if self.request.final_episodes is not None and not self._borrowed:
            self._compare(untrained, self.request.final_episodes, beat)
        if self.request.routes is None or self._driving is None:
            return
        if self._borrowed:
            self.env.close()
        found = final_evaluation(self._task, self._policy, partial(self._act, untrained), beat)
        tags: dict[str, float] = {}
        for each in found:
            if each.driver == "policy" and each.episodes:
                group = FINAL_GROUPS[each.routes]
                tags |= driving_tags(group, each.episodes)
                tags[f"{group}/episodes"] = float(len(each.episodes))
        if tags:
            self.writer.write(self.step, tags)
        write_drives(self.run, self.step, found, final=True)
        write_pictures(self.run, found)

    def _compare(self, untrained: Agent, wanted: int, beat: Callable[[Phase], None]) -> None:
        """Run the same episodes with the untrained, the last and the best policy."""
        agents: dict[afresh.Name, tuple[int, Agent]] = {
            "untrained": (0, untrained),
            "last": (self.step, self.agent),
        }
        if 0 <= self._best_step < self.step:
            best = self._task.make_agent()
            state = checkpoints.load_file(
                self.run / "checkpoints" / checkpoints.BEST, self.agent.device
            )
            best.load_state_dict(state["agent"])
            agents["best"] = (self._best_step, best)
        seed = afresh.first_seed(self.streams.eval_seed)
        count = afresh.episodes_within(
            wanted,
            least=self.config.eval_episodes,
            planned_steps=self.request.planned_steps,
            length=self._episode_length,
        )
        started = time.perf_counter()
        compared = afresh.run_episodes(
            {name: (step, partial(self._act, agent)) for name, (step, agent) in agents.items()},
            self.eval_env,
            range(seed, seed + count),
            gamma=self.config.gamma,
            alive=lambda: beat("evaluating"),
        )
        afresh.write_compared(self.run, self.step, seed, compared, time.perf_counter() - started)

    def _save(self) -> None:
        if self._saved is not None and self._saved.step == self.step:
            return
        self._beat("checkpointing")
        self.writer.flush()
        folder = self.run / "checkpoints"
        state = {
            "agent": self.agent.state_dict(),
            "random": self.streams.capture(),
            "tally": self.tally.state_dict(),
            "replay": self.replay.state_dict(),
            "env": _as_tensors(self.env.get_state()) if hasattr(self.env, "get_state") else None,
            "ledger": self.ledger.state_dict(),
            "next_log": self._next_log,
            "next_evidence": self._next_evidence,
            "best_return": self._best_return,
            "best_step": self._best_step,
        }
        mark = self.replay.advanced
        self._saved = checkpoints.save(
            folder,
            self.step,
            state,
            segment=self.replay.segment(self._saved_mark) if self.config.save_replay else None,
            advanced=mark.tolist(),
            before=self._saved,
            still_needed=lambda end: self.replay.still_needs(np.array(end)),
        )
        self._saved_mark = mark
        checkpoints.prune(
            folder,
            keep=self.config.keep_checkpoints,
            keep_steps=[*self._milestones(folder), self._best_step],
        )

    def _resume(self, manifest: Manifest) -> None:
        """Continue exactly where a checkpoint was written.

        Raises:
            CheckpointError: It does not fit this run.
        """
        state = checkpoints.load(manifest, self.agent.device)
        if not manifest.segments:
            raise CheckpointError(
                f"{manifest.path}: has no replay buffer, so the run cannot be resumed from it"
            )
        self.agent.load_state_dict(state["agent"])
        for segment in checkpoints.load_segments(manifest):
            self.replay.load_segment(segment)
        self.replay.load_state_dict(state["replay"])
        if "ledger" in state:  # not in checkpoints of earlier revisions
            self.ledger.load_state_dict(state["ledger"])
        self.step, self._next_log = state["step"], state["next_log"]
        self._next_evidence = state.get("next_evidence", 0)
        self._best_return, self._best_step = state["best_return"], state.get("best_step", -1)
        self._saved, self._saved_mark = manifest, self.replay.advanced
        if state["env"] is not None:
            self.tally.load_state_dict(state["tally"])
            env: Any = self.env
            self._obs = env.set_state({k: v.numpy() for k, v in state["env"].items()})
        else:
            # The environment cannot save its state: the running episodes end here, new ones begin.
            self._obs = None
        self.streams.restore(state["random"])
        self._timing.restart(self.step)

    def _milestones(self, folder: Path) -> list[int]:
        """List the saved steps that serve as milestones: the first one at or after each."""
        return [
            manifest.step
            for manifest in checkpoints.available(folder)
            if any(
                0 <= manifest.step - m < self.config.num_envs for m in self.config.milestone_steps
            )
        ]

    def _checkpoint_due(self) -> bool:
        milestones = any(
            self.step - self.config.num_envs < m <= self.step for m in self.config.milestone_steps
        )
        return milestones or self._due(self.config.checkpoint_every_steps)

    def _due(self, every: int) -> bool:
        """Tell whether the last step reached or passed a multiple of `every`."""
        return self.step // every > (self.step - self.config.num_envs) // every

    def _beat(self, phase: Phase) -> None:
        self._heartbeat.beat(phase, self.step, self.agent.updates, self.tally)


class _Timing:
    """Speed since the last logged update."""

    def __init__(self) -> None:
        self.updating_s = 0.0
        self._since, self._step = time.perf_counter(), 0

    def restart(self, step: int) -> None:
        """Leave out the time up to now, for instance that of an evaluation."""
        self.updating_s, self._since, self._step = 0.0, time.perf_counter(), step

    def since_last(self, step: int) -> dict[str, float]:
        elapsed = time.perf_counter() - self._since
        values = {
            "time/steps_per_s": (step - self._step) / elapsed if elapsed > 0 else math.nan,
            "time/update_share": min(1.0, self.updating_s / elapsed) if elapsed > 0 else math.nan,
        }
        self.restart(step)
        return values


def _next_evidence(updates: int) -> int:
    """Return the update that measures evidence next: often at the start, then rarely, so that it costs little."""
    return updates + min(updates, MOST_UPDATES_BETWEEN_EVIDENCE)


def _as_tensors(arrays: Arrays) -> dict[str, torch.Tensor]:
    return {name: torch.from_numpy(np.asarray(array)) for name, array in arrays.items()}


def _newest_frame(obs: Arrays) -> NDArray[np.uint8] | None:
    return obs["camera"][:, -1] if "camera" in obs else None


def _with_final(next_obs: Arrays, infos: Mapping[str, Any], done: NDArray[np.bool_]) -> Arrays:
    """Put the final observations of ended episodes in place of the reset ones."""
    if not done.any():
        return next_obs
    final = infos["final_obs"]
    merged = {}
    for key, values in next_obs.items():
        merged[key] = values.copy()
        merged[key][done] = final[key][done]
    return merged
