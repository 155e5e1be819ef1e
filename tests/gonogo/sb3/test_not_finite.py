"""What the environment returned is told as the environment's, also where Stable-Baselines3 trains."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest

from gates.checks.gate_file import load_gate
from gates.judge import judge
from gonogo.sb3 import Evidence
from tests.gonogo.sb3.trainings import TD3, small


class Breaks(gymnasium.Wrapper[Any, Any, Any, Any]):
    """Returns NaN once."""

    def __init__(self, where: str) -> None:
        super().__init__(gymnasium.make("Pendulum-v1"))
        self._where, self._steps = where, 0

    def step(self, action: Any) -> Any:
        obs, reward, terminated, truncated, info = self.env.step(action)
        self._steps += 1
        if self._steps == 300 and self._where == "reward":
            reward = float("inf")
        if self._steps == 300 and self._where == "observation":
            obs = np.array([obs[0], np.nan, obs[2]], np.float32)
        return obs, reward, terminated, truncated, info


@pytest.mark.parametrize(
    ("where", "key", "value"),
    [("observation", "observation[1]", "nan"), ("reward", "reward", "inf")],
)
def test_the_first_number_that_is_not_finite_is_named(
    tmp_path: Path, where: str, key: str, value: str
) -> None:
    evidence = Evidence(tmp_path / "run")
    # What becomes of the networks is Stable-Baselines3's affair.
    with contextlib.suppress(ValueError):
        small(TD3, env=Breaks(where)).learn(600, callback=evidence)
    status = json.loads((evidence.directory / "status.json").read_text())
    expected = {"step": 300, "part": where, "key": key, "value": value}
    assert status["environment_fault"] == expected
    gate = load_gate("5k")
    judged = judge(evidence.directory, gate=gate, stage="5k", planned_steps=600, cross_check=False)
    first = judged.result.diagnoses[0]
    assert first.cause == "environment_not_finite"
    assert first.evidence[0] == f"The environment returned {value} in {key} at step 300."
