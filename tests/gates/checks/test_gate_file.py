from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from gates.checks.gate_file import gate_names, load_gate, parse_gate
from gates.checks.types.registry import CHECK_TYPES
from gates.errors import GateConfigError
from gates.runs.config_files import parse_yaml

CHECK: dict[str, Any] = {
    "id": "q",
    "title": "Q",
    "type": "limit",
    "group": "critic",
    "tag": "train/q1_value",
    "max": {"warn": 1, "fail": 2},
    "rationale": "Because.",
    "source": "s",
}
GATE: dict[str, Any] = {"name": "g", "description": "d", "checks": [CHECK]}


def mistakes(*checks: dict[str, Any], **top: Any) -> str:
    with pytest.raises(GateConfigError) as caught:
        parse_gate({**GATE, "checks": list(checks or [CHECK]), **top}, "g.yaml")
    assert all(m.startswith("g.yaml: ") for m in caught.value.mistakes)
    return "\n".join(caught.value.mistakes)


def test_the_shipped_gates_load() -> None:
    assert gate_names() == ("1m", "50k", "5k")
    for name in gate_names():
        gate = load_gate(name)
        assert gate.name == name
        assert gate.not_decided


def test_each_stage_keeps_what_the_shorter_one_asks_for() -> None:
    ids = [{c.id for c in load_gate(name).checks} for name in ("5k", "50k", "1m")]
    assert ids[0] <= ids[1] < ids[2]
    learning = [[c for c in load_gate(n).checks if c.group == "learning"] for n in ("5k", "50k")]
    assert all(c.dry_run for c in learning[0]), "5,000 steps need not show learning"
    assert not all(c.dry_run for c in learning[1])


def test_a_stage_may_replace_a_check_of_its_base() -> None:
    def collapse(name: str) -> bool:
        return next(c.required for c in load_gate(name).checks if c.id == "episode_collapse")

    assert (collapse("5k"), collapse("50k")) == (False, True)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"type": "limmit"}, "unknown type 'limmit', did you mean 'limit'?"),
        ({"rational": "x"}, "rational: unknown key, did you mean 'rationale'?"),
        ({"max": {"fial": 3}}, "max.fial: unknown key"),
        ({"max": {}}, "give warn, fail or both"),
        ({"max": None}, "give max, min or both"),
        ({"max": {"warn": 3, "fail": 2}}, "warn (3) must be reached before fail (2)"),
        ({"max": {"fail": float("nan")}}, "max.fail"),
        ({"max": {"fail": float("inf")}}, "max.fail"),
        ({"max": {"fail": 1}, "min": {"fail": 2}}, "nothing could pass"),
        ({"statistic": "meen"}, "'meen' is not allowed, did you mean 'mean'?"),
        ({"group": "critics"}, "'critics' is not allowed, did you mean 'critic'?"),
        ({"window": {"last_share": 2}}, "window.last_share"),
        ({"window": {"last_share": 0.5, "last_points": 3}}, "not both"),
        ({"patience": {"breaches": 3, "of": 2}}, "breaches (3) cannot exceed of (2)"),
        ({"min_points": 0}, "min_points"),
        ({"id": "Not An Id"}, "id"),
        ({"tag": "train/q1_vlaue"}, "did you mean 'train/q1_value'?"),
    ],
)
def test_a_mistake_is_named_with_its_key(change: dict[str, Any], words: str) -> None:
    text = mistakes({k: v for k, v in {**CHECK, **change}.items() if v is not None})
    assert words in text
    assert "checks[0]" in text


def test_a_missing_type_lists_the_types() -> None:
    text = mistakes({k: v for k, v in CHECK.items() if k != "type"})
    assert "type is missing" in text
    assert all(name in text for name in CHECK_TYPES)


def test_all_mistakes_come_at_once() -> None:
    text = mistakes({**CHECK, "tagg": 1, "min_points": -1}, {**CHECK, "type": "x"}, nmae="y")
    assert len(text.splitlines()) == 4


@pytest.mark.parametrize(
    ("gate", "words"),
    [
        ({**GATE, "checks": []}, "at least 1"),
        ({"name": "g", "description": "d"}, "checks: is missing"),
        ([CHECK], "g.yaml"),
        (None, "g.yaml"),
        ({**GATE, "checks": [CHECK, CHECK]}, "used twice: q"),
        ({**GATE, "checks": [{**CHECK, "dry_run": True}]}, "every check is a dry run"),
    ],
)
def test_a_gate_that_cannot_decide_is_an_error(gate: object, words: str) -> None:
    with pytest.raises(GateConfigError) as caught:
        parse_gate(gate, "g.yaml")
    assert words in "\n".join(caught.value.mistakes)


def test_a_relative_check_must_name_another_one() -> None:
    relative = {k: v for k, v in CHECK.items() if k != "tag"} | {"id": "r", "type": "relative"}
    assert "there is no check 'p'" in mistakes(CHECK, {**relative, "check": "p"})


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"type": "derived_limit", "bound": "q_value", "fail_share": None}, "give warn_share"),
        ({"type": "derived_limit", "bound": "q_value", "warn_share": 2.0}, "must not exceed"),
        ({"type": "consistency", "law": "gravity"}, "'gravity' is not allowed"),
    ],
)
def test_each_type_checks_its_own_keys(keys: dict[str, Any], words: str) -> None:
    base = {k: v for k, v in CHECK.items() if k != "max"}
    if keys["type"] == "consistency":
        base = {k: v for k, v in base.items() if k != "tag"} | {"max": {"fail": 1}}
    assert words in mistakes({**base, **keys})


def test_an_unknown_gate_lists_the_shipped_ones() -> None:
    with pytest.raises(GateConfigError, match="no gate named '7k'; there are 1m, 50k, 5k"):
        load_gate("7k")


@pytest.mark.parametrize("text", ["a: [", "!!python/object/apply:os.system ['true']", "\x00"])
def test_a_file_that_is_no_yaml(tmp_path: Path, text: str) -> None:
    path = tmp_path / "g.yaml"
    path.write_text(text)
    with pytest.raises(GateConfigError, match=r"g\.yaml"):
        load_gate(path)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(GateConfigError, match=r"none\.yaml: cannot be read"):
        load_gate(tmp_path / "none.yaml")


def test_a_gate_of_ones_own_may_build_on_a_shipped_one(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    own = {**GATE, "based_on": "5k", "checks": [{**CHECK, "id": "mine"}]}
    path.write_text(yaml.safe_dump(own))
    assert len(load_gate(path).checks) == len(load_gate("5k").checks) + 1


@pytest.mark.parametrize(
    ("base", "words"), [("g", "builds on this gate itself"), ("7k", "no gate")]
)
def test_a_base_must_be_another_gate(tmp_path: Path, base: str, words: str) -> None:
    path = tmp_path / "g.yaml"
    path.write_text(yaml.safe_dump({**GATE, "based_on": base}))
    with pytest.raises(GateConfigError, match=words):
        load_gate(path)


def test_the_hash_follows_the_rules_and_not_the_file(tmp_path: Path) -> None:
    path = tmp_path / "g.yaml"
    path.write_text("# a comment\n" + yaml.safe_dump(GATE))
    assert load_gate(path).sha256 == parse_gate(GATE, "elsewhere").sha256
    other = {**GATE, "checks": [{**CHECK, "max": {"warn": 1, "fail": 3}}]}
    assert parse_gate(other, "g").sha256 != parse_gate(GATE, "g").sha256


def test_deep_nesting_is_an_error_and_no_crash() -> None:
    with pytest.raises((yaml.YAMLError, RecursionError)):
        parse_yaml("[" * 100_000)
