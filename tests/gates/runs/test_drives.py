"""The record of the evaluation at the end of a run, whole, missing and broken."""

import json

import pytest

from gates.errors import InputError
from gates.runs.drives import FINAL, read_final_evaluation

EPISODE = {
    "seed": 1,
    "return": 12.5,
    "ending": "off_road",
    "steps": 30,
    "success": False,
    "route_completion": 0.25,
    "mean_speed_mps": 6.0,
    "comfortable_share": 0.5,
    "driving_score_2_0": 20.0,
    "driving_score_2_1": 20.0,
    "of_a_later_trainer": "anything",
}
DRIVES = {
    "driver": "policy",
    "routes": "held_out",
    "conditions": {"town": "Town02", "weather": ["ClearNoon", "WetNoon"], "vehicles": 20},
    "missing": "",
    "episodes": [EPISODE],
}


def write(run, content):
    path = run / FINAL
    path.parent.mkdir(parents=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return run


def test_a_run_without_one_has_none(tmp_path):
    assert read_final_evaluation(tmp_path) is None


def test_what_was_recorded_is_read(tmp_path):
    found = read_final_evaluation(write(tmp_path, {"format": 1, "step": 9, "drives": [DRIVES]}))
    (drives,) = found.drives
    assert drives.conditions["weather"] == ["ClearNoon", "WetNoon"]
    assert (drives.episodes[0].total, drives.episodes[0].ending) == (12.5, "off_road")


@pytest.mark.parametrize(
    "content",
    [
        "{",
        "[]",
        {"format": 2, "step": 9, "drives": []},
        {"format": 1, "step": -1, "drives": []},
        {"format": 1, "step": 9, "drives": [DRIVES | {"driver": "ghost"}]},
        {"format": 1, "step": 9, "drives": [DRIVES | {"episodes": [EPISODE | {"ending": "x"}]}]},
        {
            "format": 1,
            "step": 9,
            "drives": [DRIVES | {"episodes": [EPISODE | {"route_completion": 1.5}]}],
        },
        '{"format": 1, "step": 9, "drives": [{"driver": NaN}]}',
    ],
)
def test_what_cannot_be_understood_is_said_in_a_sentence(tmp_path, content):
    with pytest.raises(InputError, match=r"final\.json cannot be understood: \S"):
        read_final_evaluation(write(tmp_path, content))
