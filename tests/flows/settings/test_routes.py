"""The shipped routes of evaluations."""

from pathlib import Path

import pytest
import yaml

from flows.errors import ConfigError
from flows.settings import routes
from flows.settings.plan import resolve_plan
from flows.settings.routes import evaluation_routes
from gates.runs.config_files import config_dir

FILES = sorted((config_dir() / "routes").glob("*.yaml"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_file_is_named_after_its_environment_and_keeps_its_sets_apart(path):
    content = yaml.safe_load(path.read_text())
    assert content["env"] == path.stem
    found = evaluation_routes({"id": path.stem}, 1000)
    assert found["held_out"]["env"], "other seeds alone are not another kind of route"
    distance = abs(found["held_out"]["first_seed"] - found["training"]["first_seed"])
    assert distance > found["episodes"]


def test_stages_say_how_many_routes_are_driven_at_the_end():
    plan = resolve_plan(stages=("5k", "50k", "1m"))
    counts = {stage.name: stage.request["routes"]["episodes"] for stage in plan.stages}
    assert counts == {"5k": 5, "50k": 50, "1m": 100}
    assert {"train", "env", "config_sha256"} == set(plan.stages[0].resolved)


def test_a_set_that_is_what_the_training_drives_is_not_held_out():
    assert "held_out" in evaluation_routes({"id": "drive"}, 10)
    assert "held_out" not in evaluation_routes({"id": "drive", "road_seed": 1_000_000}, 10)
    assert "held_out" not in evaluation_routes({"id": "carla", "town": "Town02"}, 10)


def test_a_real_simulator_drives_few_routes():
    assert evaluation_routes({"id": "carla"}, 100)["episodes"] == 10


def test_other_environments_have_none():
    assert evaluation_routes({"id": "gym:Pendulum-v1"}, 10) is None
    assert evaluation_routes({}, 10) is None
    plan = resolve_plan(preset="pendulum", stages=("5k",))
    assert "routes" not in plan.stages[0].request


def test_a_file_with_mistakes_is_refused_in_a_sentence(tmp_path, monkeypatch):
    folder = tmp_path / "routes"
    folder.mkdir()
    Path(folder / "drive.yaml").write_text("env: drive\ntraining: {first_seed: -1, town: x}\n")
    monkeypatch.setattr(routes, "config_dir", lambda: tmp_path)
    with pytest.raises(ConfigError) as refused:
        evaluation_routes({"id": "drive"}, 10)
    text = str(refused.value)
    assert "training.first_seed" in text
    assert "training.town" in text
