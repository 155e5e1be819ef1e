"""The real command and trainer, but in one stage learning rates rise: `LOSE=1m:100000:30 losing.py run ...`.

From step 100,000 of the stage 1m on, they are thirty times what the recipe says.
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
    from trainer.loop import Trainer

    stage, step, factor = os.environ["LOSE"].split(":")
    learn, raised = Trainer._learn, []

    def losing(trainer: Trainer) -> None:
        if trainer.request.stage == stage and trainer.step >= int(step) and not raised:
            raised.append(trainer.step)
            for optimizer in (trainer.agent.actor_optimizer, trainer.agent.critic_optimizer):
                for group in optimizer.param_groups:
                    group["lr"] *= float(factor)
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
