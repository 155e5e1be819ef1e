from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from flows.errors import ConfigError
from flows.settings.plan import resolve_plan
from flows.settings.setting_files import load_stage
from flows.settings.stage_rules import shipped
from gates.runs.config_files import config_dir


@pytest.fixture
def two_stages(files: Path, fake_trainer: None) -> dict[str, Any]:
    return {
        "preset": str(files / "fake.yaml"),
        "stages": [str(files / "one.yaml"), str(files / "two.yaml")],
    }


def mistakes_of(**options: Any) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        resolve_plan(**options)
    return caught.value.mistakes


def test_a_request_holds_preset_then_cadence_then_overrides(two_stages: dict[str, Any]) -> None:
    plan = resolve_plan(
        **two_stages, seed=3, overrides=["train.loss=2e-1", "env.size=32", "train.eval_episodes=7"]
    )
    one, two = plan.stages
    assert one.request == {
        "format": 1,
        "preset": "fake",
        "stage": "one",
        "planned_steps": 400,
        "seed": 3,
        "env": {"id": "none", "size": 32},
        "train": {
            "act": "finish",
            "loss": 0.2,
            "eval_every_steps": 100,
            "eval_episodes": 7,
            "checkpoint_every_steps": 100,
        },
        "final_episodes": 1,
    }
    assert two.request["planned_steps"] == 800
    assert Path(one.gate).name == "loss.yaml"


def test_all_mistakes_are_reported_at_once(two_stages: dict[str, Any], files: Path) -> None:
    (files / "two.yaml").write_text("name: two\nsteps: 1e3\ngates: 5k\neval: {every_step: 1}\n")
    found = mistakes_of(
        preset=two_stages["preset"],
        stages=[*two_stages["stages"], "50kk"],
        seed=-1,
        overrides=["trian.loss=1", "train.typo=1", "train.loss=.inf", "noequals"],
    )
    text = "\n".join(found)
    assert (
        "--set trian.loss=1: keys start with env., train. or trainer.; did you mean train.loss?"
        in text
    )
    assert "--set train.loss=.inf: NaN and infinity are not accepted" in text
    assert "--set noequals: needs the form key=value" in text
    assert "--seed -1" in text
    assert "unknown stage '50kk'; did you mean 50k?" in text
    path = files / "two.yaml"
    assert f"{path}: gates: unknown key; did you mean gate?" in text
    assert f"{path}: eval.every_step: unknown key; did you mean every_steps?" in text
    assert f"{path}: steps: " in text
    assert f"{path}: checkpoint: missing" in text


def test_the_trainer_names_its_own_mistakes_with_their_origin(
    two_stages: dict[str, Any], files: Path
) -> None:
    assert mistakes_of(**two_stages, overrides=["train.typo=1"]) == (
        "--set train.typo=1: train.typo: unknown key; did you mean train.type?",
    )
    preset = files / "fake.yaml"
    preset.write_text("name: fake\nenv: {id: none}\ntrain: {typo: 1}\n")
    assert mistakes_of(**two_stages) == (
        f"{preset}: train.typo: unknown key; did you mean train.type?",
    )


def test_an_unknown_preset_suggests_the_nearest() -> None:
    (mistake,) = mistakes_of(preset="drvie", stages=["5k"])
    assert mistake.startswith("unknown preset 'drvie'; did you mean drive? There are carla,")


def test_a_missing_preset_file_is_named(tmp_path: Path) -> None:
    (mistake,) = mistakes_of(preset=str(tmp_path / "no.yaml"), stages=["5k"])
    assert mistake == f"preset file {tmp_path / 'no.yaml'}: there is no such file"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("- a\n- b\n", "must be a mapping of names to values"),
        ("name: [\n", "line 2"),
        ("name: a\nname: b\n", "line 2: the key 'name' stands here twice"),
        ("name: !!python/object/apply:os.system [echo]\n", "could not determine a constructor"),
        ("name: a\nenv: {x: .nan}\ntrain: {}\n", "env.x: NaN and infinity are not accepted"),
        ("name: a\nenv: {x: [1, -.inf]}\ntrain: {}\n", "env.x[1]: NaN and infinity"),
        ("name: Not A Slug\nenv: {}\ntrain: {}\n", "name: must be lower-case letters"),
        ("name: a\nenv: &x {}\ntrain: *x\n", "aliases (*name) are not supported"),
        ("\xff", "not UTF-8"),
    ],
)
def test_a_broken_preset_file_is_one_clear_sentence(
    tmp_path: Path, text: str, expected: str
) -> None:
    path = tmp_path / "broken.yaml"
    path.write_bytes(text.encode("latin-1"))
    (mistake,) = mistakes_of(preset=str(path), stages=["5k"])
    assert str(path) in mistake
    assert expected in mistake


def test_stages_named_twice_or_not_at_all(two_stages: dict[str, Any]) -> None:
    stage = two_stages["stages"][0]
    assert mistakes_of(preset=two_stages["preset"], stages=[stage, stage]) == (
        "--stages: the stage one is named twice",
    )
    assert mistakes_of(preset=two_stages["preset"], stages=[]) == (
        "--stages: name at least one stage",
    )


def test_a_gate_with_mistakes_is_found_before_anything_starts(
    two_stages: dict[str, Any], files: Path
) -> None:
    (files / "loss.yaml").write_text("name: loss\ndescription: x\nchecks: []\n")
    found = mistakes_of(**two_stages)
    assert len(found) == 2
    assert all("checks" in mistake for mistake in found)


@pytest.mark.parametrize("name", ["5k", "50k", "1m"])
def test_shipped_stages_load(name: str) -> None:
    path, stage = load_stage(name)
    assert path.parent == config_dir() / "stages"
    assert stage.name == name
    assert stage.steps == {"5k": 5_000, "50k": 50_000, "1m": 1_000_000}[name]
    assert stage.steps % stage.eval.every_steps == 0, "the last step is evaluated"


def test_shipped_presets_bear_the_name_of_their_file() -> None:
    assert {"drive", "drive-84", "drive-unstable", "pendulum"} <= set(shipped("preset"))
    for name in shipped("preset"):
        assert f"\nname: {name}\n" in (config_dir() / "presets" / f"{name}.yaml").read_text()
