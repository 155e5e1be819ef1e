"""Routes of evaluations: fixed seeds on the way, and training and held-out routes at the end."""

import json
from typing import get_args

import pytest

from gates.events.reader import read_events
from gates.runs.drives import read_final_evaluation, read_pictures
from gates.tags import Ending
from trainer import __main__ as command_line
from trainer.envs.drive.env import DriveVectorEnv
from trainer.envs.driving.trace import ENDINGS
from trainer.envs.errors import SimulatorLostError
from trainer.loop import ENDED_EARLY, Trainer
from trainer.run import checkpoint

ROUTES = {
    "episodes": 3,
    "training": {"first_seed": 1000},
    "held_out": {"first_seed": 2000, "env": {"road_seed": 7}},
}
TRAIN = {
    "num_envs": 2,
    "encoder": "small",
    "features_dim": 8,
    "hidden_sizes": [16],
    "batch_size": 16,
    "learning_starts": 50,
    "train_freq": 10,
    "eval_every_steps": 100,
    "eval_episodes": 2,
    "checkpoint_every_steps": 100,
}


def request(folder, **changes):
    folder.mkdir()
    content = {
        "format": 1,
        "preset": "test",
        "stage": "tiny",
        "planned_steps": 200,
        "seed": 0,
        "env": {"id": "drive", "camera_size": 16, "max_episode_steps": 40, "roads": 2},
        "train": TRAIN,
        "routes": ROUTES,
    }
    (folder / "request.json").write_text(json.dumps(content | changes))
    return folder


def train(folder, *options, **changes):
    run = folder if folder.exists() else request(folder, **changes)
    return run, command_line.main(["run", "--run", str(run), *options])


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    run, code = train(tmp_path_factory.mktemp("runs") / "run")
    assert code == 0
    return run


def drives(run, name="final.json"):
    return json.loads((run / "evaluations" / name).read_text())["drives"]


def assert_same_drives(few, many):
    """Compare but for rounding, which depends on how many observations a network gets at once."""
    for one, other in zip(few, many, strict=False):
        assert (one["seed"], one["ending"], one["steps"]) == (
            other["seed"],
            other["ending"],
            other["steps"],
        )
        assert one["distance_m"] == pytest.approx(other["distance_m"], rel=1e-3)


def test_every_driver_drives_the_held_out_routes(finished):
    assert [(d["driver"], d["routes"]) for d in drives(finished)] == [
        ("policy", "training"),
        ("policy", "held_out"),
        ("untrained", "held_out"),
        ("random", "held_out"),
        ("rule_based", "held_out"),
    ]
    for each in drives(finished):
        held_out = each["routes"] == "held_out"
        assert each["conditions"] == {"roads": 2, "road_seed": 7 * held_out, "vehicles": 4}
        first = 2000 if held_out else 1000
        assert [e["seed"] for e in each["episodes"]] == [first, first + 1, first + 2]
        assert each["missing"] == ""
    assert all(e["ending"] == "time_limit" for e in drives(finished)[-1]["episodes"])


def test_evaluations_on_the_way_drive_the_same_routes(finished):
    names = sorted(path.name for path in (finished / "evaluations").iterdir())
    assert names == [
        "final.json",
        "pictures.npz",
        "step-000000000.json",
        "step-000000100.json",
        "step-000000200.json",
    ]
    (last,) = drives(finished, "step-000000200.json")
    assert [e["seed"] for e in last["episodes"]] == [1000, 1001]
    # The same policy on the same routes: what it drove there at the end is the same again.
    assert_same_drives(last["episodes"], drives(finished)[0]["episodes"])


def test_untrained_policy_is_the_one_that_the_run_began_with(tmp_path):
    same = ROUTES | {"held_out": {"first_seed": 1000, "env": {}}}
    run, _ = train(tmp_path / "run", routes=same)
    (first,) = drives(run, "step-000000000.json")
    untrained = next(d for d in drives(run) if d["driver"] == "untrained")
    assert_same_drives(first["episodes"], untrained["episodes"])


def test_records_agree_with_the_tags(finished):
    series = read_events(finished).series
    policy = drives(finished)[1]["episodes"]
    for name in ("success", "route_completion", "driving_score_2_1"):
        tag = series[f"held_out_driving/{name}"]
        assert tag.values[-1] == pytest.approx(sum(e[name] for e in policy) / 3, rel=1e-6)
    assert series["held_out_driving/episodes"].values.tolist() == [3]
    assert series["final_driving/episodes"].steps.tolist() == [200]


def test_gates_read_what_was_recorded(finished):
    found = read_final_evaluation(finished)
    assert found.step == 200
    assert [(d.driver, d.routes, len(d.episodes)) for d in found.drives] == [
        (d["driver"], d["routes"], 3) for d in drives(finished)
    ]
    assert found.drives[0].episodes[0].total == drives(finished)[0]["episodes"][0]["return"]
    assert get_args(Ending) == ENDINGS


def agent_of(run):
    manifest, _ = checkpoint.newest_good(run / "checkpoints")
    return checkpoint.load(manifest, "cpu")["agent"]


def flat(value, where=""):
    items = value.items() if isinstance(value, dict) else enumerate(value)
    if not isinstance(value, dict | list):
        return {}
    found = {}
    for key, each in items:
        nested = isinstance(each, dict | list)
        found |= flat(each, f"{where}/{key}") if nested else {f"{where}/{key}": each}
    return found


def test_routes_change_nothing_that_is_learned(finished, tmp_path):
    plain, _ = train(tmp_path / "plain", routes=None)
    assert not (plain / "evaluations").exists()
    ours, theirs = flat(agent_of(finished)), flat(agent_of(plain))
    assert ours.keys() == theirs.keys()
    assert len(ours) > 20
    for key, value in ours.items():
        same = value == theirs[key]
        assert same.all() if hasattr(same, "all") else same, key


def test_a_simulator_that_is_lost_at_the_end_costs_only_its_routes(tmp_path, monkeypatch):
    reset = DriveVectorEnv.reset

    def lost(env, **options):
        if env.config.road_seed == 7 and options.get("seed", 0) == [2000, 2001, 2002]:
            raise SimulatorLostError("gone")
        return reset(env, **options)

    monkeypatch.setattr(DriveVectorEnv, "reset", lost)
    run, code = train(tmp_path / "run")
    assert code == 0
    assert json.loads((run / "status.json").read_text())["phase"] == "finished"
    assert [d["missing"] for d in drives(run)] == ["", "gone", "gone", "gone", "gone"]
    series = read_events(run).series
    assert "held_out_driving/success" not in series
    assert "final_driving/success" in series


def test_a_request_to_stop_ends_the_last_evaluation_and_resuming_makes_it_again(
    finished, tmp_path, monkeypatch
):
    evaluate = Trainer._evaluate_finally
    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "_evaluate_finally", lambda t, _: evaluate(t, lambda: True))
        run, code = train(tmp_path / "run")
    assert code == command_line.STOPPED
    assert not (run / "evaluations" / "final.json").exists()
    assert train(run, "--resume")[1] == 0
    assert drives(run) == drives(finished)


@pytest.mark.parametrize("early", [True, False])
def test_a_run_that_is_ended_early_is_evaluated_for_the_last_time(tmp_path, monkeypatch, early):
    run = request(tmp_path / "run", planned_steps=10_000)
    learn = Trainer._learn

    def ask_to_stop(trainer):
        learn(trainer)
        trainer._stop_requested = lambda: trainer.step >= 100
        if early:
            (run / ENDED_EARLY).write_text("{}")

    monkeypatch.setattr(Trainer, "_learn", ask_to_stop)
    assert train(run)[1] == command_line.STOPPED
    assert (run / "evaluations" / "final.json").exists() == early


def test_records_after_the_checkpoint_are_made_again(finished, tmp_path, monkeypatch):
    interact = Trainer._interact

    def killed(trainer, obs):
        if trainer.step >= 190:
            raise RuntimeError("killed")
        return interact(trainer, obs)

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "_interact", killed)
        run, code = train(tmp_path / "run", train=TRAIN | {"eval_every_steps": 30})
    assert code == command_line.BROKEN
    assert (run / "evaluations" / "step-000000180.json").exists()
    stale = run / "evaluations" / "step-000000199.json"
    stale.write_text("{}")
    assert train(run, "--resume")[1] == 0
    assert not stale.exists()
    assert drives(run) == drives(finished)


def test_wrong_routes_are_a_mistake_of_the_request(tmp_path, capsys):
    wrong = ROUTES | {"held_out": {"first_seed": 1, "env": {"roads": 0, "town": "Town02"}}}
    run = request(tmp_path / "run", routes=wrong)
    assert command_line.main(["check", str(run / "request.json")]) == command_line.BAD_CONFIG
    keys = [m["key"] for m in json.loads(capsys.readouterr().out)["mistakes"]]
    assert sorted(keys) == ["routes.held_out.env.roads", "routes.held_out.env.town"]


def test_lines_are_kept_of_the_policy_and_the_driver_by_rules_only(finished):
    for each in drives(finished):
        kept = each["driver"] in ("policy", "rule_based")
        for episode in each["episodes"]:
            assert ("line_m" in episode) is kept
            if kept:
                (ahead, left), *_ = episode["line_m"]
                assert abs(left) < 0.1
                assert 0.0 < ahead < 2.0
    (last,) = drives(finished, "step-000000200.json")
    assert all("line_m" not in episode for episode in last["episodes"])


def test_pictures_are_kept_of_the_best_and_the_worst_held_out_route(finished):
    seen = read_pictures(finished)
    episodes = next(
        d for d in drives(finished) if (d["driver"], d["routes"]) == ("policy", "held_out")
    )
    by_return = sorted(episodes["episodes"], key=lambda e: e["return"])
    for array, episode in ((seen.worst, by_return[0]), (seen.best, by_return[-1])):
        # One picture in three steps, and the last one.
        assert array.shape == (-(-episode["steps"] // 3) + 1, 16, 16)
        assert array.any()
