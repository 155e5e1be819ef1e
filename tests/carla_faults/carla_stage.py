"""Trains and judges one short stage of the environment `carla`, without Prefect.

`python carla_stage.py FOLDER ENVIRONMENT` prints what is said and ends as the command line would;
ENVIRONMENT is the preset's `env` as JSON.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from flows import stage as stages  # noqa: E402
from flows.commands.terminal import Ended, one_sentence_for_errors  # noqa: E402
from flows.request import PipelineRequest  # noqa: E402
from flows.supervising.stopping import raise_on_stop_signals  # noqa: E402
from tests.fault_matrix.run_stage import Said  # noqa: E402

STEPS, CHECKPOINT_EVERY = 600, 200
TRAIN = {
    "num_envs": 1,
    "encoder": "small",
    "features_dim": 8,
    "hidden_sizes": [16],
    "batch_size": 16,
    "learning_starts": 100,
    "train_freq": 10,
    "log_every_updates": 2,
}
STAGE = {
    "name": "short",
    "steps": STEPS,
    "gate": "5k",
    "eval": {"every_steps": 300, "episodes": 1},
    "checkpoint": {"every_steps": CHECKPOINT_EVERY},
    "supervision": {
        "grace_s": 5,
        "restarts": {"backoff_s": 0, "attempts": 4},
        "live": {"mode": "off"},
        "stalls": {"starting_s": 60, "training_s": 60, "grace_s": 0.5},
        "resources": {"every_s": 1},
    },
}
JUDGED = {"GO": 0, "NO_GO": 3, "CONDITIONAL": 4}


def run(folder: Path, env: dict[str, object]) -> int:
    """Train and judge; returns the exit code of the command line."""
    preset, stage_file = folder / "faulty.yaml", folder / "short.yaml"
    # JSON is YAML.
    preset.write_text(json.dumps({"name": "faulty", "description": "", "env": env, "train": TRAIN}))
    stage_file.write_text(json.dumps(STAGE))
    asked = PipelineRequest(
        preset=str(preset), stages=(str(stage_file),), out=folder / "pipeline"
    )
    try:
        with one_sentence_for_errors(debug=False):
            plan = asked.plan()
            (stage,) = plan.stages
            reporter = Said()
            with asked.open(plan) as directory:
                raise_on_stop_signals()
                outcome = stages.judge(
                    stage, stages.train(stage, directory, reporter), directory
                )
                reporter.say(f"{outcome.verdict.value}. {outcome.deciding}")
    except Ended as ended:
        return ended.code
    return JUDGED[outcome.verdict.value]


if __name__ == "__main__":
    sys.exit(run(Path(sys.argv[1]), json.loads(sys.argv[2])))
