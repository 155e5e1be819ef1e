"""All mistakes of a request are reported at once, each with its key and what to do."""

import itertools
import json

import pytest

from trainer.config import TrainConfig
from trainer.mistakes import ConfigMistakesError
from trainer.run.request import read_task, resolved


def _request(tmp_path, **changes):
    content = {
        "format": 1,
        "preset": "test",
        "stage": "5k",
        "planned_steps": 100,
        "seed": 0,
        "env": {"id": "drive"},
        "train": {"encoder": "small"},
    }
    path = tmp_path / "request.json"
    path.write_text(json.dumps(content | changes))
    return path


def _mistakes(path) -> str:
    with pytest.raises(ConfigMistakesError) as caught:
        read_task(path)
    return str(caught.value)


def test_every_field_is_documented_where_it_is_declared():
    import ast
    import inspect

    body = ast.parse(inspect.getsource(TrainConfig)).body[0].body
    for field, following in itertools.pairwise(body):
        if isinstance(field, ast.AnnAssign):
            documented = isinstance(following, ast.Expr) and isinstance(
                following.value, ast.Constant
            )
            assert documented, f"{field.target.id} has no doc string"


def test_several_mistakes_are_reported_at_once(tmp_path):
    train = {"actor_lrr": 1e-3, "gamma": 1.5, "batch_size": 0}
    text = _mistakes(_request(tmp_path, train=train, seed=-1))
    assert "train.actor_lrr: unknown key; did you mean train.actor_lr?" in text
    assert "train.gamma: input should be less than 1, got 1.5" in text
    assert "train.batch_size: " in text
    assert "seed: " in text
    assert len(text.splitlines()) == 4


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"train": {"actor_lr": "NaN"}}, "train.actor_lr"),
        ({"train": {"actor_lr": "inf"}}, "train.actor_lr"),
        ({"planned_steps": 101, "train": {"num_envs": 2}}, "multiple of train.num_envs (2)"),
        ({"train": {"buffer_size": 5}}, "buffer_size (5) must hold at least one batch (256)"),
        (
            {"train": {"exploration_noise_final": 0.5}},
            "exploration_noise_final (0.5) must not exceed",
        ),
        (
            {"train": {"encoder": "nature"}, "env": {"id": "drive", "camera_size": 32}},
            "nature needs a camera of 36",
        ),
        ({"env": {"id": "drvie"}}, "env.id: 'drvie' is unknown"),
        ({"env": {"id": "gym:Pendlum-v1"}}, "did you mean gym:Pendulum-v1?"),
        ({"train": {"algorithm": "dt3"}}, "train.algorithm: 'dt3' is unknown"),
        ({"stage": ""}, "stage"),
    ],
)
def test_wrong_values_are_refused(tmp_path, changes, sentence):
    assert sentence in _mistakes(_request(tmp_path, **changes))


def test_unreadable_requests_are_refused(tmp_path):
    assert "cannot be read" in _mistakes(tmp_path / "request.json")
    (tmp_path / "request.json").write_text("{")
    assert "not valid JSON" in _mistakes(tmp_path / "request.json")


def test_ddpg_fills_in_its_defaults_but_keeps_what_is_set():
    assert TrainConfig(algorithm="ddpg").twin_critics is False
    assert TrainConfig(algorithm="ddpg", policy_delay=3).policy_delay == 3
    assert TrainConfig().twin_critics is True


def test_hash_follows_the_recipe_and_not_the_stage(tmp_path):
    def digest(**changes):
        return resolved(read_task(_request(tmp_path, **changes)))["config_sha256"]

    assert digest() == digest(stage="50k", planned_steps=200, seed=7)
    assert digest() == digest(train={"encoder": "small", "eval_every_steps": 7})
    assert digest() != digest(train={"encoder": "small", "gamma": 0.9})
