"""A policy outside its training: the file acts as the checkpoint does, bit for bit."""

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest

from trainer import __main__ as command_line
from trainer.policy import load_policy as loader_module
from trainer.policy.saved import load_saved

ROUTES = {
    "episodes": 2,
    "training": {"first_seed": 1000},
    "held_out": {"first_seed": 2000, "env": {"road_seed": 7}},
}
DRIVE = {"id": "drive", "camera_size": 32, "max_episode_steps": 40, "roads": 2}
PENDULUM = {"id": "gym:Pendulum-v1"}
TRAIN = {
    "num_envs": 2,
    "encoder": "small",
    "features_dim": 8,
    "hidden_sizes": [16, 16],
    "batch_size": 16,
    "learning_starts": 50,
    "train_freq": 10,
    "eval_every_steps": 100,
    "eval_episodes": 2,
    "checkpoint_every_steps": 100,
}
RECIPES = {
    "drive with LayerNorm": (DRIVE, {"layer_norm": True}, ROUTES),
    "drive": (DRIVE, {}, ROUTES),
    "nature": (DRIVE | {"camera_size": 40}, {"encoder": "nature", "layer_norm": True}, ROUTES),
    "large layers": (DRIVE, {"hidden_sizes": [512, 512]}, ROUTES),
    "one picture at a time": (DRIVE | {"frame_stack": 1}, {"layer_norm": True}, ROUTES),
    "without a camera": (PENDULUM, {}, None),
}

IN_A_PROCESS = ("nature", "without a camera")
"""Recipes whose file is always loaded in a process of its own, too."""


@pytest.fixture(scope="module", params=list(RECIPES))
def run(request, tmp_path_factory):
    env, changes, routes = RECIPES[request.param]
    folder = tmp_path_factory.mktemp("runs")
    content = {
        "format": 1,
        "preset": "test",
        "stage": "tiny",
        "planned_steps": 200,
        "seed": 3,
        "env": env,
        "train": TRAIN | changes,
    }
    content |= {"routes": routes} if routes else {}
    (folder / "request.json").write_text(json.dumps(content))
    assert command_line.main(["run", "--run", str(folder)]) == 0
    return folder


def export(run, capsys, *options):
    out = run / "policy.npz"
    code = command_line.main(["export", "--run", str(run), "--out", str(out), *options])
    said = capsys.readouterr()
    return code, out, said


def observations(spec, count):
    rng = np.random.default_rng(count)
    obs = {"vector": rng.normal(size=(count, spec.vector_dim)).astype(np.float32)}
    if spec.camera_shape:
        obs["camera"] = rng.integers(0, 256, (count, *spec.camera_shape), dtype=np.uint8)
    return obs


@pytest.mark.parametrize("checkpoint", ["best", "last", "100"])
def test_the_file_acts_as_the_checkpoint_does_bit_for_bit(run, checkpoint, capsys):
    code, out, said = export(run, capsys, "--checkpoint", checkpoint, "--episodes", "3")
    assert code == 0
    answer = json.loads(said.out)
    assert answer["largest_difference"] == 0.0
    about, act = loader_module.load_policy(out)
    saved = load_saved(run, checkpoint)
    assert about["training"]["step"] == saved.step
    for count in (1, 2, 10):
        obs = observations(saved.task.spec, count)
        actions = act(**obs)
        assert actions.shape == (count, saved.task.spec.action_dim)
        assert actions.tobytes() == saved.act(obs).tobytes()


def test_fresh_episodes_are_neither_of_the_evaluations(run, capsys):
    answer = json.loads(export(run, capsys, "--episodes", "3")[2].out)
    request = json.loads((run / "request.json").read_text())
    kinds = ["training", "held_out"] if "routes" in request else ["training"]
    assert list(answer["evaluations"]) == kinds
    assert all(values["episodes"] == 3 for values in answer["evaluations"].values())
    assert answer["first_seed"] > 2_000
    best = json.loads((run / "checkpoints" / "best.json").read_text())
    assert answer["chosen_by_return"] == best["mean_return"]


def test_the_file_holds_no_pickle_and_says_what_it_takes(run, capsys):
    _, out, _ = export(run, capsys, "--episodes", "1")
    with np.load(out, allow_pickle=False) as file:
        about = json.loads(str(file["about"]))
        assert all(file[name].dtype != object for name in file.files)
    seen = about["observation"]
    kinds = {kind for kind in ("camera", "vector") if seen[kind] and seen[kind]["shape"][0]}
    assert kinds | {"action"} <= set(about["meaning"])
    if "low" in about["meaning"]:
        assert about["meaning"]["high"] == [2.0]


@pytest.mark.parametrize(
    ("checkpoint", "said"),
    [("7", "there are best, last and the steps"), ("x", "no checkpoint 'x'")],
)
def test_a_checkpoint_that_is_not_there_is_a_mistake(run, checkpoint, said, capsys):
    code, _, output = export(run, capsys, "--checkpoint", checkpoint)
    assert code == 2
    assert said in output.err


@pytest.mark.parametrize(
    "run",
    [
        pytest.param(recipe, marks=() if recipe in IN_A_PROCESS else pytest.mark.slow)
        for recipe in RECIPES
    ],
    indirect=True,
)
def test_the_loader_needs_nothing_but_torch_and_numpy(run, tmp_path, capsys):
    _, policy, _ = export(run, capsys, "--episodes", "1")
    shutil.copy(loader_module.__file__, tmp_path / "theirs.py")
    obs = observations(load_saved(run, "best").task.spec, count=3)
    np.savez(tmp_path / "obs.npz", **obs)
    program = f"""
import sys
import json, numpy, torch
before = set(sys.modules)
sys.path.insert(0, {str(tmp_path)!r})
import theirs
print(*(set(sys.modules) - before))
_, act = theirs.load_policy({str(policy)!r})
with numpy.load("obs.npz") as file:
    print(act(**dict(file)).tobytes().hex())
"""
    done = subprocess.run(
        [sys.executable, "-I", "-c", program], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    imported, actions = done.stdout.split()
    assert imported == "theirs"
    assert actions == load_saved(run, "best").act(obs).tobytes().hex()


def test_a_file_calls_no_function_but_those_of_layers(run, tmp_path, capsys):
    _, policy, _ = export(run, capsys, "--episodes", "1")
    with np.load(policy, allow_pickle=False) as file:
        stored = dict(file)
    about = json.loads(str(stored["about"]))
    about["steps"] = [["action", "load", ["somewhere"]]]
    np.savez(tmp_path / "evil.npz", **(stored | {"about": np.array(json.dumps(about))}))
    _, act = loader_module.load_policy(tmp_path / "evil.npz")
    with pytest.raises(KeyError):
        act()
