"""The callback: writes a run directory beside a training with Stable-Baselines3, and leaves the training alone."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import gymnasium
import stable_baselines3
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import TensorBoardOutputFormat
from stable_baselines3.common.vec_env import VecEnv

from flows.commands.terminal import say
from gates.runs.heartbeat import Phase
from gonogo.evidence.episodes import EpisodeCounter
from gonogo.evidence.finite import first_not_finite
from gonogo.evidence.guard import Guard
from gonogo.evidence.live import LiveGate
from gonogo.evidence.run_files import RunFiles, free_folder
from gonogo.sb3.configuration import algorithm, environment, hyperparameters
from gonogo.sb3.evaluation import Evaluation, reward_factor
from gonogo.sb3.off_policy import OffPolicyUpdates, is_watched
from gonogo.sb3.reported import REPORTED, ReportedUpdates, reports

LOGGED_BY_SB3 = ("train/actor_loss", "train/critic_loss", *REPORTED)
"""Tags of ours that Stable-Baselines3 writes as means of its own, under the same names."""


class Evidence(BaseCallback):
    """Logs what a verdict needs, under the tags of docs/run-directory.md.

    It draws no random number of the training's generators, changes no gradient and leaves nothing attached to the
    model between updates, but for a listener to the answers of TD3's policy until training ends. An error of its own
    never reaches the training: it warns once, stops collecting and leaves a note in the folder, which the gate reports.
    """

    def __init__(
        self,
        directory: str | os.PathLike[str],
        *,
        eval_env: gymnasium.Env[Any, Any] | VecEnv | None = None,
        eval_every: int | None = None,
        eval_episodes: int = 10,
        every: int = 20,
        stage: str = "",
        stop: bool = False,
        verbose: int = 0,
    ) -> None:
        """Choose the folder and what is measured.

        Args:
            directory: Folder of the run; when it holds a run already, `NAME-2`, `NAME-3`, ... beside it. A model that
                goes on (`reset_num_timesteps=False`) goes on in the same folder.
            eval_env: Environment of its own for episodes without noise, the first ones before any update; without
                it nothing is evaluated.
            eval_every: Environment steps between two evaluations. None: a tenth of the training, 2,500 at least.
            eval_episodes: Episodes of one evaluation.
            every: Updates between two that are logged.
            stage: Name of the stage that this training is. With it the run is judged when it ended: gate.json and the
                report are written into the folder, verdict and path printed.
            stop: End the training when the stage's live checks say that the run is lost.
            verbose: As for every callback.

        Raises:
            ValueError: A number is not above 0, or `stop` is asked for without a stage.
            ConfigError: The stage is unknown.
        """
        super().__init__(verbose)
        if stop and not stage:
            raise ValueError("stop=True needs a stage, for example stage='5k'")
        for name, value in (
            ("eval_every", eval_every), ("eval_episodes", eval_episodes), ("every", every),
        ):  # fmt: skip
            if value is not None and value < 1:
                raise ValueError(f"{name} must be a whole number above 0, got {value!r}")
        self.directory = Path(directory)
        """Folder that the run is written to; settled when training begins."""
        self._wanted = self.directory
        self._eval_env, self._eval_every, self._eval_episodes = eval_env, eval_every, eval_episodes
        self._every, self._stage = every, stage
        self._guard = Guard(self._note)
        self._live = LiveGate(stage) if stage else None
        self._stops = stop
        self._judging = Guard(lambda _: None, "does not judge this run")
        """What breaks in a judgement says nothing about the evidence."""
        self._files: RunFiles | None = None
        self._updates: OffPolicyUpdates | ReportedUpdates | None = None
        self._evaluation: Evaluation | None = None
        self._left_out: tuple[str, ...] = ()

    def update_locals(self, locals_: dict[str, Any]) -> None:
        """Take the local variables of the rollout, which are read at once, without the copy that the library makes."""
        self.locals = locals_

    def _on_training_start(self) -> None:
        self._guard.call(self._begin, None)

    def _on_rollout_start(self) -> None:
        self._after_updates()

    def _on_step(self) -> bool:
        self._guard.call(self._step, None)
        if not self._stops or self._live is None or self._guard.error is not None:
            return True
        lost = self._judging.call(self._live.lost, None)
        if lost is not None:
            say(f"Training ends at step {self.num_timesteps:,}, the run is lost: {lost.statement}.")
        return lost is None

    def _on_rollout_end(self) -> None:
        if self._updates is not None:
            self._guard.call(self._updates.before_updates, None)

    def _on_training_end(self) -> None:
        self._after_updates()
        if self._updates is not None:
            self._updates.detach()
        self._guard.call(self._end, None)
        live = self._live
        if live is not None and self._files is not None:
            self._judging.call(lambda: live.judge(self.directory), None)

    def _after_updates(self) -> None:
        updates = self._updates
        if updates is not None and updates.looks:
            self._guard.call(updates.after_updates, None)
            if self._guard.error is not None:
                updates.detach()

    def _begin(self) -> None:
        model, now = self.model, self.model.num_timesteps
        going_on = now > 0 and (self.directory / "run.json").is_file()
        if not going_on:
            self.directory = free_folder(self._wanted)
        if self._updates is not None:
            self._updates.detach()
        self._updates = None
        if is_watched(model):
            self._updates = OffPolicyUpdates(model, self._guard, self._write_update, self._every)
        elif reports(model):
            self._updates = ReportedUpdates(model, self._guard, self._write_update, self._every)
        self._files = RunFiles(
            self.directory,
            trainer=f"Stable-Baselines3 {stable_baselines3.__version__}",
            algorithm=algorithm(model),
            planned_steps=int(model._total_timesteps),
            train=hyperparameters(model) | {"log_every_updates": self._every},
            env=environment(model),
            seed=model.seed,
            stage=self._stage,
            encoder=self._updates.has_encoder if self._updates is not None else None,
            packages=("stable_baselines3",),
            resumed_from=now if going_on else None,
        )
        if self._live is not None:
            self._live.begin(self.directory, self._files.planned_steps)
        self._left_out = LOGGED_BY_SB3 if self._beside_sb3() else ()
        self._episodes = EpisodeCounter(model.n_envs, running=now > 0)
        self._clock = (time.perf_counter(), now)
        self._normaliser = model.get_vec_normalize_env()
        if self._eval_env is not None:
            if any(each is self._eval_env for each in _wrapped(model.env)):
                raise ValueError(
                    "eval_env is the environment that is trained in; make another one for evaluations"
                )
            self._evaluation = self._evaluation or Evaluation(self._eval_env, self._eval_episodes)
            self._evaluate(now)

    def _step(self) -> None:
        seen, normaliser = self.locals, self._normaliser
        rewards = seen["rewards"] if normaliser is None else normaliser.get_original_reward()
        fault = first_not_finite(rewards, seen.get("new_obs", ()))
        if fault is not None and self._files is not None:
            self._files.note_environment_fault(self.num_timesteps, fault)
        if isinstance(self._updates, OffPolicyUpdates):
            self._updates.step(seen)
        for episode in self._episodes.step(rewards, seen["dones"], seen["infos"]):
            self._write(episode)
        if self._evaluation is not None and self.num_timesteps >= self._evaluate_at:
            self._evaluate(self.num_timesteps)

    def _end(self) -> None:
        files = self._files
        if files is None:
            return
        if self._evaluation is not None and self._evaluated_at < self.num_timesteps:
            self._evaluate(self.num_timesteps)
        files.step = self.num_timesteps
        whole = self.num_timesteps >= files.planned_steps
        files.close(Phase.FINISHED if whole else Phase.STOPPED)

    def _evaluate(self, step: int) -> None:
        if self._evaluation is None or self._files is None:
            return
        every = self._eval_every or max(self._files.planned_steps // 10, 2_500)
        self._evaluated_at, self._evaluate_at = step, step + every
        scale = reward_factor(self._normaliser)
        self._write(self._evaluation.tags(self.model, scale))

    def _write_update(self, tags: dict[str, float]) -> None:
        if self._files is None:
            return
        now, (then, before) = time.perf_counter(), self._clock
        if now > then:
            tags["time/steps_per_s"] = (self.num_timesteps - before) / (now - then)
        self._clock = (now, self.num_timesteps)
        self._files.updates = int(tags["agent/total_updates"])
        self._write({tag: value for tag, value in tags.items() if tag not in self._left_out})

    def _write(self, scalars: dict[str, float]) -> None:
        if self._files is not None:
            self._files.write(self.num_timesteps, scalars)

    def _beside_sb3(self) -> bool:
        """Whether Stable-Baselines3 writes an event file into the same folder."""
        folders = (
            Path(f.writer.log_dir)
            for f in self.model.logger.output_formats
            if isinstance(f, TensorBoardOutputFormat)
        )
        return any(folder.resolve() == self.directory.resolve() for folder in folders)

    def _note(self, error: Exception) -> None:
        if self._updates is not None:
            self._updates.detach()
        if self._files is not None:
            self._files.note_end_of_evidence(error)


def _wrapped(env: VecEnv | None) -> list[object]:
    """Return every environment inside a vectorised one, with and without its wrappers."""
    found: list[object] = []
    inner: Any = env
    while inner is not None:
        found.append(inner)
        for single in getattr(inner, "envs", ()):
            while single is not None:
                found.append(single)
                single = getattr(single, "env", None)
        inner = getattr(inner, "venv", None)
    return found
