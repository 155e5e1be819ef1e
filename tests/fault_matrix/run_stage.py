"""Trains and judges one short stage with a faulty trainer, without Prefect.

`python run_stage.py OUT FAULT [--resume]` prints what is said, one JSON object per line, and ends as
the command line would.
"""

from __future__ import annotations

import json
import os
import sys
import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1]))

from flows.commands.terminal import Ended, one_sentence_for_errors  # noqa: E402
from flows.errors import UsageError  # noqa: E402
from flows.pipeline import stage as stages  # noqa: E402
from flows.pipeline.request import RunRequest  # noqa: E402
from flows.training import stage_training as training  # noqa: E402
from flows.training.interrupted import (  # noqa: E402
    fell_short,
    interrupted_run,
    nothing_to_resume,
    unjudged_run,
)
from flows.training.process.stopping import raise_on_stop_signals  # noqa: E402
from flows.training.progress import Tick  # noqa: E402

STEPS, CHECKPOINT_EVERY = 1_600, 400
PRESET = """
    name: matrix
    env: {id: drive, camera_size: 16, max_episode_steps: 60}
    train:
      num_envs: 4
      encoder: small
      features_dim: 16
      hidden_sizes: [32]
      batch_size: 32
      learning_starts: 200
      train_freq: 8
      log_every_updates: 4
      keep_checkpoints: 2
      tau: 0.02
"""
STAGE = f"""
    name: short
    steps: {STEPS}
    gate: 5k
    eval: {{every_steps: 800, episodes: 2}}
    checkpoint: {{every_steps: {CHECKPOINT_EVERY}}}
    supervision:
      grace_s: 10
      restarts: {{backoff_s: 0}}
      live: {{mode: LIVE}}
      stalls:
        {{starting_s: 20, training_s: TRAINING, silent_evaluation_s: TRAINING, grace_s: 0.5}}
      resources: {{every_s: 1, log_most_mib: 2}}
"""


class Said:
    """A reporter that prints what is said, with the time."""

    def say(self, text: str) -> None:
        print(json.dumps({"at": time.time(), "text": text}), flush=True)

    @contextmanager
    def training(self, stage: str, steps: int) -> Iterator[Tick]:
        yield lambda status: None


def request(out: Path, *, hangs: bool, live: str) -> RunRequest:
    """Write the stage's files beside `out` and ask for the stage."""
    out.parent.mkdir(parents=True, exist_ok=True)
    preset, stage = out.parent / "matrix.yaml", out.parent / "short.yaml"
    preset.write_text(textwrap.dedent(PRESET))
    text = STAGE.replace("TRAINING", "3" if hangs else "120").replace("LIVE", live)
    stage.write_text(textwrap.dedent(text))
    return RunRequest(preset=str(preset), stages=(str(stage),), out=out)


def run(out: Path, fault: str, *, resume: bool) -> int:
    """Train and judge; returns the exit code of the command line."""

    def command(*arguments: str) -> list[str]:
        return [sys.executable, str(HERE / "faulty_trainer.py"), fault, *arguments]

    training.trainer_command = command
    asked = request(
        out,
        hangs=fault.startswith(("hang", "beats")),
        live=os.environ.get("MATRIX_LIVE", "stop"),
    )
    return train_and_judge(asked, resume=resume)


def train_and_judge(asked: RunRequest, *, resume: bool) -> int:
    """Train and judge the one stage of a request as the command line does, and return its exit code."""
    reporter = Said()
    try:
        with (
            one_sentence_for_errors(debug=False),
            asked.open(asked.plan(), resuming=resume) as directory,
        ):
            raise_on_stop_signals()
            (stage,) = asked.plan().stages
            found = unjudged_run(stage, directory, also_tried=True)
            if found is None and resume:
                found = interrupted_run(stage, directory)
                if found is None and fell_short(directory.record.last(stage.name)):
                    raise UsageError(nothing_to_resume(stage, directory))
            if found is not None:
                folder = stages.resume(stage, found, directory, reporter)
            else:
                folder = stages.train(stage, directory, reporter)
            outcome = stages.judge(stage, folder, directory)
            reporter.say(f"{outcome.verdict.value}. {outcome.deciding}")
    except Ended as ended:
        return ended.code
    return {"GO": 0, "NO_GO": 3, "CONDITIONAL": 4}[outcome.verdict.value]


if __name__ == "__main__":
    sys.exit(run(Path(sys.argv[1]), sys.argv[2], resume="--resume" in sys.argv))
