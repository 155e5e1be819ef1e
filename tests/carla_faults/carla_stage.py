"""Trains and judges one short stage of the environment `carla`, without Prefect.

`python carla_stage.py FOLDER ENVIRONMENT` prints what is said and ends as the command line would;
ENVIRONMENT is the preset's `env` as JSON.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from flows.commands.terminal import Ended, one_sentence_for_errors
from flows.pipeline import stage as stages
from flows.pipeline.request import RunRequest
from flows.training.process.stopping import raise_on_stop_signals
from tests.fault_matrix.run_stage import Said

STEPS, CHECKPOINT_EVERY = 600, 200
TRAIN = {
    "num_envs": 1,
    "encoder": "small",
    "features_dim": 8,
    "hidden_sizes": [16],
    "layer_norm": True,
    "batch_size": 16,
    "learning_starts": 100,
    "train_freq": 10,
    "log_every_updates": 2,
}
STAGE = {
    "name": "short",
    "steps": STEPS,
    "gate": "gate.yaml",
    # New episodes begin after an evaluation: a run that is resumed there repeats itself exactly.
    "eval": {"every_steps": CHECKPOINT_EVERY, "episodes": 1},
    "checkpoint": {"every_steps": CHECKPOINT_EVERY},
    "supervision": {
        "grace_s": 5,
        "restarts": {"backoff_s": 0},
        "live": {"mode": "off"},
        "stalls": {"starting_s": 60, "training_s": 30, "evaluating_s": 30, "grace_s": 0.5},
        "resources": {"every_s": 1},
    },
}
GATE = {
    "name": "whole",
    "description": "The run is whole and its values are numbers.",
    "checks": [
        {
            "id": "planned_steps",
            "title": "All planned steps reached",
            "type": "completeness",
            "group": "integrity",
            "min_points": 1,
            "rationale": "A run that stopped early shows less than it was meant to show.",
            "source": "this test",
        },
        {
            "id": "leak",
            "title": "No gradient past the policy's output",
            "type": "limit",
            "group": "gradients",
            "tag": "probe/actor_encoder_leak",
            "statistic": "max_abs",
            "max": {"fail": 0},
            "rationale": "The wiring is right.",
            "source": "this test",
        },
    ],
}
JUDGED = {"GO": 0, "NO_GO": 3, "CONDITIONAL": 4}


def run(folder: Path, env: dict[str, object]) -> int:
    """Train and judge; returns the exit code of the command line."""
    preset = {"name": "faulty", "description": "A tiny recipe.", "env": env, "train": TRAIN}
    for name, content in (("faulty", preset), ("short", STAGE), ("gate", GATE)):
        # JSON is YAML.
        (folder / f"{name}.yaml").write_text(json.dumps(content))
    asked = RunRequest(
        preset=str(folder / "faulty.yaml"),
        stages=(str(folder / "short.yaml"),),
        out=folder / "pipeline",
    )
    reporter = Said()
    try:
        with one_sentence_for_errors(debug=False):
            plan = asked.plan()
            (stage,) = plan.stages
            with asked.open(plan) as directory:
                raise_on_stop_signals()
                trained = stages.train(stage, directory, reporter)
                outcome = stages.judge(stage, trained, directory)
                reporter.say(f"{outcome.verdict.value}. {outcome.deciding}")
    except Ended as ended:
        return ended.code
    return JUDGED[outcome.verdict.value]


if __name__ == "__main__":
    sys.exit(run(Path(sys.argv[1]), json.loads(sys.argv[2])))
