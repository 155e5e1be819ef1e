"""`gonogo export` and `gonogo drive`: what is done with a policy once it is trained."""

from __future__ import annotations

import subprocess
import tempfile
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from flows.commands.terminal import say
from flows.errors import TrainingBrokenError, UsageError, writing
from flows.records.stored_result import read_result
from flows.settings.extras import require
from flows.settings.shell_path import shell_path
from flows.settings.trainers.own_trainer import (
    BAD_CONFIG,
    FINISHED,
    callers_environment,
    trainer_command,
)
from gates.files import write_atomically
from gates.runs.drives import read_final_evaluation
from reports.model_card import ExportedPolicy, model_card


def export_policy(run: Path, *, checkpoint: str, out: Path | None, episodes: int) -> int:
    """Write a policy file and its model card; returns the exit code.

    Args:
        run: Run folder of our trainer.
        checkpoint: `best`, `last` or the step of a checkpoint.
        out: The policy file; None for `policy-CHECKPOINT.npz` in the run folder.
        episodes: Fresh episodes of each kind of routes.

    Raises:
        UsageError: There is no such run or checkpoint, or its policy cannot be exported.
        TrainingBrokenError: The trainer could not do it.
        OutputError: The card cannot be written.
    """
    _require_run(run)
    file = out if out is not None else run / f"policy-{checkpoint}.npz"
    if file.suffix != ".npz":
        raise UsageError(f"--out {file}: name a file that ends in .npz; the card lands beside it.")
    if not file.parent.is_dir():
        raise UsageError(f"--out {file}: there is no folder {file.parent}.")
    file = file.absolute()
    answer = _ask_trainer(
        *("export", "--run", str(run.absolute()), "--checkpoint", checkpoint),
        *("--out", str(file), "--episodes", str(episodes)),
    )
    try:
        policy = TypeAdapter(ExportedPolicy).validate_json(answer)
    except ValidationError as error:
        raise TrainingBrokenError("The trainer's answer cannot be read.") from error
    card = file.with_suffix(".md")
    text = model_card(
        policy, file=file.name, result=read_result(run), final=read_final_evaluation(run)
    )
    with writing("The model card", card):
        write_atomically(card, text.encode())
    for kind, values in policy.evaluations.items():
        said = f"{values['mean_return']:.4g} mean return in {values['episodes']:.0f} fresh episodes"
        chosen = policy.chosen_by_return
        before = "" if chosen is None else f"; the evaluation that chose it: {chosen:.4g}"
        say(f"{kind.replace('_', '-')} routes: {said}{before}")
    say(f"Policy: {shell_path(file)}")
    say(f"Card: {shell_path(card)}")
    return 0


class DrivenEpisode(BaseModel):
    """How an episode went, as the trainer answers."""

    seed: int
    total: float = Field(alias="return")
    steps: int
    ending: str
    """Empty where the task is no driving."""
    route_completion: float | None
    mean_speed_mps: float | None

    @property
    def words(self) -> str:
        """Say it on one line."""
        said = [f"seed {self.seed}", f"return {self.total:.4g} in {self.steps} steps"]
        if self.route_completion is not None and self.mean_speed_mps is not None:
            said.append(
                f"{self.route_completion:.0%} of the route at {self.mean_speed_mps:.1f} m/s"
            )
        return ", ".join([*said, *([self.ending.replace("_", " ")] if self.ending else [])])

    @property
    def outcome(self) -> str:
        """Say in a few words how it ended."""
        return f"{self.ending.replace('_', ' ') or 'ended'}, return {self.total:.4g}"


class _Driven(BaseModel):
    step: int
    step_s: float | None
    episodes: tuple[DrivenEpisode, ...]


def drive_policy(
    run: Path, *, checkpoint: str, episodes: int, first_seed: int, video: Path | None
) -> int:
    """Drive a policy, say how each episode went and, with `video`, show it; returns the exit code.

    Raises:
        UsageError: There is no such run or checkpoint, or no video can be made of it.
        TrainingBrokenError: The trainer could not do it.
        OutputError: The video cannot be written.
    """
    _require_run(run)
    if video is not None:
        _require_format(video)
    with tempfile.TemporaryDirectory(prefix="gonogo-drive-") as pictures:
        answer = _ask_trainer(
            *("drive", "--run", str(run.absolute()), "--checkpoint", checkpoint),
            *("--episodes", str(episodes), "--first-seed", str(first_seed)),
            *(("--pictures", pictures) if video is not None else ()),
        )
        try:
            driven = _Driven.model_validate_json(answer)
        except ValidationError as error:
            raise TrainingBrokenError("The trainer's answer cannot be read.") from error
        say(f"The policy of step {driven.step:,}:")
        for episode in driven.episodes:
            say(f"  {episode.words}")
        if video is not None:
            _show(video, Path(pictures), driven)
            say(f"Video: {shell_path(video)}")
    return 0


def _show(video: Path, pictures: Path, driven: _Driven) -> None:
    from reports.plots.film import FILMS, Scene

    files = sorted(pictures.glob("episode-*.npz"))
    if not files:
        raise UsageError("--video: this environment has no camera.")
    scenes = []
    for path, episode in zip(files, driven.episodes, strict=True):
        with np.load(path, allow_pickle=False) as arrays:
            scenes.append(Scene(pictures=arrays["camera"], caption=episode.outcome))
    content = FILMS[video.suffix.lower()](scenes, step_s=driven.step_s or 0.05)
    with writing("The video", video):
        write_atomically(video.absolute(), content)


def _require_format(video: Path) -> None:
    """Refuse a name that says no format, or one whose extra is missing, before anything is driven."""
    from reports.plots.film import FILMS

    suffix = video.suffix.lower()
    if suffix not in FILMS:
        raise UsageError(f"--video {video}: name a file that ends in {' or '.join(FILMS)}.")
    if suffix == ".mp4" and find_spec("av") is None:
        raise UsageError(
            f"--video {video}: an MP4 needs the extra video (pip install 'gonogo[video]'); a GIF does not."
        )


def _require_run(run: Path) -> None:
    if not (run / "request.json").is_file():
        raise UsageError(f"{run} is no run folder of our trainer: it holds no request.json.")


def _ask_trainer(*arguments: str) -> str:
    """Let the trainer do something with a policy; returns its answer."""
    require("torch", "gymnasium")
    done = subprocess.run(
        trainer_command(*arguments),
        env=callers_environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode == FINISHED:
        return done.stdout
    lines = tuple(line for line in done.stderr.splitlines() if line.strip())
    reason = lines[-1].rstrip(".") if lines else f"exit code {done.returncode}"
    if done.returncode == BAD_CONFIG:
        raise UsageError(f"{reason}.")
    raise TrainingBrokenError(f"The trainer cannot do that: {reason}.", log_tail=lines)
