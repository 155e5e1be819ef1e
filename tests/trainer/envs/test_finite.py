"""NaN and infinity from an environment are named as its own, before anything learns from them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces

from gates.checks.gate_file import load_gate
from gates.judge import judge
from trainer.__main__ import main
from trainer.envs.errors import NotFiniteError
from trainer.envs.finite import refuse_not_finite
from trainer.envs.gym.observation import ObservationAdapter


class Breaks(gymnasium.Env[Any, Any]):
    """Returns one number that is not finite, at its 150th step or in an evaluation."""

    observation_space = spaces.Dict(
        {"speed": spaces.Box(-1, 1, (2,)), "turn": spaces.Box(-1, 1, (1,))}
    )
    action_space = spaces.Box(-1, 1, (1,), np.float32)

    def __init__(self, where: str = "speed", value: float = float("nan")) -> None:
        self._where, self._value, self._steps = where, value, 0

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        super().reset(seed=seed)
        return self._obs(), {}

    def step(self, action: Any) -> Any:
        self._steps += 1
        reward = self._value if self._where == "reward" and self._steps == 150 else 0.5
        return self._obs(), reward, False, self._steps % 20 == 0, {}

    def _obs(self) -> dict[str, np.ndarray]:
        bad = self._where == "speed" and self._steps == 150
        speed = self.np_random.uniform(-1, 1, 2).astype(np.float32)
        if bad:
            speed[1] = self._value
        return {"speed": speed, "turn": np.zeros(1, np.float32)}


gymnasium.register("Breaks-v0", entry_point=Breaks)


@pytest.mark.parametrize(
    ("kwargs", "part", "key", "value"),
    [
        ({"where": "speed"}, "observation", "observation.speed[1]", "nan"),
        ({"where": "speed", "value": float("inf")}, "observation", "observation.speed[1]", "inf"),
        ({"where": "reward"}, "reward", "reward", "nan"),
        ({"where": "reward", "value": float("-inf")}, "reward", "reward", "-inf"),
    ],
)
def test_the_run_says_what_came_from_where_and_when(
    tmp_path: Path, kwargs: dict[str, Any], part: str, key: str, value: str
) -> None:
    request = {
        "format": 1,
        "preset": "breaks",
        "stage": "5k",
        "planned_steps": 400,
        "seed": 0,
        # Infinity is not JSON, so it is set from outside.
        "env": {"id": "gym:Breaks-v0", "kwargs": {"where": kwargs["where"]}},
        "train": {
            "hidden_sizes": [16], "batch_size": 16, "buffer_size": 1000, "learning_starts": 100,
            "eval_every_steps": 400, "eval_episodes": 1, "checkpoint_every_steps": 400, "threads": 1,
        },
    }  # fmt: skip
    (tmp_path / "request.json").write_text(json.dumps(request))
    before = Breaks.__init__.__defaults__
    Breaks.__init__.__defaults__ = ("speed", kwargs.get("value", float("nan")))
    try:
        code = main(["run", "--run", str(tmp_path)])
    finally:
        Breaks.__init__.__defaults__ = before
    assert code == 4
    status = json.loads((tmp_path / "status.json").read_text())
    assert (status["phase"], status["step"]) == ("failed", 150)
    assert status["environment_fault"] == {"step": 150, "part": part, "key": key, "value": value}
    assert status["message"] == f"the environment returned {value} in {key} at step 150"


def test_what_the_gate_makes_of_it(tmp_path: Path) -> None:
    test_the_run_says_what_came_from_where_and_when(
        tmp_path, {"where": "speed"}, "observation", "observation.speed[1]", "nan"
    )
    judged = judge(tmp_path, gate=load_gate("5k"), stage="5k", planned_steps=400, cross_check=False)
    finding = next(f for f in judged.result.findings if f.check == "run_finished")
    assert finding.fact == "the environment returned nan in observation.speed[1] at step 150"
    first = judged.result.diagnoses[0]
    assert first.cause == "environment_not_finite"
    assert first.evidence == ("The environment returned nan in observation.speed[1] at step 150.",)


def test_finite_numbers_are_let_through() -> None:
    obs = {"vector": np.zeros((2, 3), np.float32)}
    refuse_not_finite(object(), obs, np.zeros(2))
    obs["vector"][1, 2] = -np.inf
    with pytest.raises(NotFiniteError, match=r"-inf in observation.vector\[2\]"):
        refuse_not_finite(object(), obs)


def test_columns_are_named_as_the_space_names_them() -> None:
    flat = ObservationAdapter(spaces.Box(-1, 1, (3,)), 16)
    assert flat.key_of(2) == "observation[2]"
    nested = ObservationAdapter(
        spaces.Dict({"a": spaces.Box(-1, 1, (1,)), "b": spaces.Tuple([spaces.Discrete(3)])}), 16
    )
    assert [nested.key_of(i) for i in range(4)] == [
        *("observation.a", "observation.b.0[0]", "observation.b.0[1]", "observation.b.0[2]")
    ]
