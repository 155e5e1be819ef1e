"""The model card says both numbers, and what the file takes and does."""

import dataclasses

from reports.model_card import ExportedPolicy, model_card

DRIVEN = {
    "episodes": 50.0,
    "mean_return": 203.4,
    "std_return": 37.6,
    "success": 0.86,
    "route_completion": 0.99,
    "driving_score_2_1": 93.3,
    **{f"end_{name}": 0.0 for name in ("collision_other", "wrong_way", "off_road")},
    "end_collision_vehicle": 0.14,
}
POLICY = ExportedPolicy(
    about={
        "training": {
            "algorithm": "td3",
            "preset": "my|drive",
            "seed": 1,
            "stage": "1m",
            "step": 150_000,
        },
        "observation": {
            "camera": {"dtype": "uint8", "shape": [4, 32, 32], "preprocessing": "divided by 255"},
            "vector": {"dtype": "float32", "shape": [53], "preprocessing": "none"},
        },
        "action": {"dtype": "float32", "shape": [2], "low": -1.0, "high": 1.0},
        "meaning": {"camera": "a view", "vector": "speed and way", "action": "steering, pedal"},
        "step_s": 0.1,
        "env": {"id": "drive", "note": "```"},
    },
    sha256="ab" * 32,
    bytes=250_664,
    chosen_by_return=212.3,
    first_seed=500_000,
    evaluations={"training": DRIVEN, "held_out": DRIVEN | {"mean_return": 199.0}},
    largest_difference=0.0,
    loader="def load_policy(path):\n    pass\n",
)


def card(**changes):
    policy = dataclasses.replace(POLICY, **changes)
    return model_card(policy, file="policy.npz", result=None, final=None)


def test_both_numbers_are_said():
    text = card()
    assert "| chose this checkpoint | | 212.3 |" in text
    assert (
        "| fresh, like those of the training | 50 | 203.4 ± 37.6 | 86% (73.8% to 93%) | 14% |"
        in text
    )
    assert "| fresh, held out | 50 | 199 " in text
    assert "too favourable" in text


def test_the_loader_and_the_call_can_be_copied():
    text = card()
    assert 'load_policy("policy.npz")' in text
    assert "```python\ndef load_policy(path):\n    pass\n```" in text
    assert "actions = act(camera=camera, vector=vector)" in text
    assert "float32[n, 53]" in text


def test_names_cannot_break_the_card():
    text = card()
    assert "my|drive" not in text
    assert '  "note": "```"\n}\n````' in text


def test_a_task_without_driving_has_no_columns_of_driving():
    plain = {"episodes": 10.0, "mean_return": -150.0, "std_return": 80.0}
    text = card(evaluations={"training": plain}, chosen_by_return=None)
    assert "| fresh, like those of the training | 10 | -150 ± 80 |\n" in text
    assert "Success" not in text
    assert "too favourable" not in text


def test_a_difference_is_said():
    assert "at most 3.1e-08." in card(largest_difference=3.1e-8)
    assert "bit for bit" in card()
