"""A report shows how other runs drove the same routes: the stage's last GO, and other algorithms on the same task."""

import json

import pytest

from flows.judging.driven_beside import driven_beside
from flows.records.run_dir import PipelineDirectory
from tests.flows.judged_runs import write_gate, write_run

ROUTES = {"episodes": 1, "training": {"first_seed": 1}, "held_out": {"first_seed": 2}}


@pytest.fixture
def trained(tmp_path):
    """Write a judged run of an algorithm that drove one route at its end."""
    gate = write_gate(tmp_path / "gate.yaml")

    def write(name, algorithm="td3", *, number=1, score=50.0, env="drive", routes=ROUTES):
        run = write_run(tmp_path / "runs" / name, number=number, gate=gate)
        told = json.loads((run / "run.json").read_text())
        told |= {"algorithm": algorithm, "env": {"id": env}}
        (run / "run.json").write_text(json.dumps(told))
        (run / "request.json").write_text(json.dumps({"routes": routes}))
        episode = {
            "return": score,
            "ending": "time_limit",
            "success": True,
            "route_completion": 1.0,
            "mean_speed_mps": 7.0,
            "comfortable_share": 1.0,
            "driving_score_2_0": 60.0,
            "driving_score_2_1": 59.0,
        }
        drives = {
            "driver": "policy",
            "routes": "held_out",
            "conditions": {},
            "missing": "",
            "episodes": [episode],
        }
        (run / "evaluations").mkdir()
        (run / "evaluations" / "final.json").write_text(
            json.dumps({"format": 1, "step": 400, "drives": [drives]})
        )
        return run

    return write


def beside(run):
    directory = PipelineDirectory.view(run.parents[1])
    entry = next(r for r in directory.record.stages["5k"].runs if r.run == run.name)
    found = driven_beside("5k", entry, directory)
    return {other.driver: other.final.drives[0].episodes[0].total for other in found}


def test_the_newest_run_of_another_algorithm_and_the_last_go(trained):
    trained("mine", number=1, score=10.0)
    run = trained("mine", number=2)
    trained("theirs", "ddpg", number=1, score=20.0)
    trained("theirs", "ddpg", number=2, score=30.0)
    trained("more-of-ours", "td3")
    assert beside(run) == {"last GO, run-001": 10.0, "DDPG, theirs/run-002": 30.0}


def test_seeds_that_belong_together_lie_one_folder_deeper(trained):
    run = trained("group/seed-0")
    (run.parents[2] / "group.json").write_text("{}")
    trained("theirs/seed-3", "ddpg", score=20.0)
    assert beside(run) == {"DDPG, theirs/seed-3/run-001": 20.0}


def test_other_tasks_and_other_routes_are_not_compared(trained):
    run = trained("mine")
    trained("other-task", "ddpg", env="carla")
    trained("other-routes", "ddpg", routes=ROUTES | {"training": {"first_seed": 9}})
    assert beside(run) == {}


def test_without_routes_nothing_is_looked_for(trained):
    run = trained("mine", routes=None)
    trained("theirs", "ddpg", routes=None)
    assert beside(run) == {}
