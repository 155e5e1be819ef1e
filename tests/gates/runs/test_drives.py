"""The record of the evaluation at the end of a run, whole, missing and broken."""

import json

import numpy as np
import pytest

from gates.errors import InputError
from gates.runs.drives import FINAL, PICTURES, read_final_evaluation, read_pictures

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


SEEN = np.full((3, 8, 8), 7, np.uint8)


def save(run, **arrays):
    (run / PICTURES).parent.mkdir(parents=True)
    np.savez(run / PICTURES, **arrays)
    return run


def test_pictures_are_read_as_they_were_written(tmp_path):
    assert read_pictures(tmp_path) is None
    found = read_pictures(save(tmp_path, best=SEEN, worst=SEEN[:1]))
    assert (found.best.shape, found.worst.shape) == ((3, 8, 8), (1, 8, 8))


@pytest.mark.parametrize(
    "arrays",
    [
        {"best": SEEN},
        {"best": SEEN, "worst": SEEN.astype(float)},
        {"best": SEEN, "worst": SEEN[0]},
        {"best": SEEN, "worst": SEEN[:0]},
        {"best": SEEN, "worst": np.array([{"a": 1}], dtype=object)},
    ],
)
def test_what_are_no_pictures_is_one_sentence(tmp_path, arrays):
    with pytest.raises(InputError, match="pictures"):
        read_pictures(save(tmp_path, **arrays))


def test_a_damaged_file_of_pictures_is_one_sentence(tmp_path):
    path = save(tmp_path, best=SEEN, worst=SEEN) / PICTURES
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(InputError, match="cannot be understood"):
        read_pictures(tmp_path)
