"""The real command and trainer, but in one stage steps become too large: `LOSE=1m:100000:30 losing.py run ...`.

From step 100,000 of the stage 1m on, steps of Adam are thirty times as large as the configured rates make them. Rates
stay: another rate in the events than in the configuration would be found out as what it is.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

HERE = Path(__file__).resolve()
TRAIN = "--train"


def train(arguments: list[str]) -> int:
    """Be the trainer."""
    from trainer import __main__ as command_line
    from trainer.agents.adam import Adam
    from trainer.loop import Trainer

    stage, step, factor = os.environ["LOSE"].split(":")
    learn, plain_step = Trainer._learn, Adam.step

    def large_step(optimizer: Adam) -> None:
        rates = [group["lr"] for group in optimizer.param_groups]
        for group, rate in zip(optimizer.param_groups, rates, strict=True):
            group["lr"] = rate * float(factor)
        plain_step(optimizer)
        for group, rate in zip(optimizer.param_groups, rates, strict=True):
            group["lr"] = rate

    def losing(trainer: Trainer) -> None:
        if trainer.request.stage == stage and trainer.step >= int(step):
            Adam.step = large_step  # type: ignore[method-assign]
        learn(trainer)

    Trainer._learn = losing  # type: ignore[method-assign]
    return command_line.main(arguments)


def command() -> None:
    """Be the command `gonogo`, with that trainer."""
    from flows.training import stage_training
    from gonogo.__main__ import main

    stage_training.trainer_command = lambda *arguments: [
        sys.executable, str(HERE), TRAIN, *arguments,
    ]  # fmt: skip
    main()


if __name__ == "__main__":
    sys.path.insert(0, str(HERE.parents[2]))
    if sys.argv[1] == TRAIN:
        sys.exit(train(sys.argv[2:]))
    command()
