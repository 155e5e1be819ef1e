from __future__ import annotations

import pytest

from flows.settings.overrides import apply_overrides, parse_overrides


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 0.001),
        ("1E5", 100000.0),
        ("1.0e-3", 0.001),
        ("-2e+2", -200.0),
        ("1_000_000", 1_000_000),
        ("true", True),
        ("null", None),
        ("td3", "td3"),
        ("gym:Pendulum-v1", "gym:Pendulum-v1"),
        ("e5", "e5"),
        ("[256, 256]", [256, 256]),
        ("'1e3'", "1e3"),
    ],
)
def test_values_are_typed_as_people_write_them(text: str, value: object) -> None:
    (override,), mistakes = parse_overrides([f"train.x={text}"])
    assert mistakes == ()
    assert override.value == value
    assert type(override.value) is type(value)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("train.x", "needs the form key=value"),
        ("x=1", "keys start with env., train. or trainer."),
        ("train=1", "names no key below train"),
        ("train..x=1", "names no key below train"),
        ("train.x=nan()[", ""),
        ("train.x=.nan", "NaN and infinity"),
        ("train.x=[1, .inf]", "NaN and infinity"),
        ("train.x=1e999", "NaN and infinity"),
        ("train.x=!!python/name:os.system", "not YAML"),
        ("train.x=*y", "not YAML"),
    ],
)
def test_what_cannot_be_used_is_said(text: str, why: str) -> None:
    overrides, mistakes = parse_overrides([text])
    if not why:
        assert overrides or mistakes
        return
    assert overrides == ()
    assert len(mistakes) == 1
    assert mistakes[0].startswith(f"--set {text}: ")
    assert why in mistakes[0]


def test_a_key_set_twice_is_a_mistake() -> None:
    _, mistakes = parse_overrides(["train.x=1", "train.x=2"])
    assert mistakes == ("--set train.x=2: train.x is set twice",)


def test_applying_adds_replaces_and_leaves_the_original_alone() -> None:
    preset = {"env": {"id": "drive", "reward": {"comfort": 1}}, "train": {}}
    overrides, _ = parse_overrides(["env.reward.comfort=2", "env.new.key=3", "env.id.x=4"])
    result, mistakes = apply_overrides(preset, overrides)
    assert result["env"] == {"id": "drive", "reward": {"comfort": 2}, "new": {"key": 3}}
    assert preset["env"] == {"id": "drive", "reward": {"comfort": 1}}
    assert mistakes == ("--set env.id.x=4: env.id is a value, not a group of keys",)
