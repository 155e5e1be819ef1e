from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from gates.checks.gate_file import load_gate
from gates.errors import InputError
from gates.findings import GateResult
from gates.judgement import judge_log
from gates.result_file import from_json, to_json, write
from tests.gates.synthetic_runs import FAULTS, Recipe, make


@pytest.fixture
def result() -> GateResult:
    run = make(Recipe(), FAULTS["actor_encoder_leak"])
    gate = load_gate("5k")
    return judge_log(run.log(), run=None, directory=Path("a|b"), gate=gate, stage="5k").result


def strict(text: str) -> dict[str, object]:
    def refuse(name: str) -> float:
        raise AssertionError(f"{name} is no JSON")

    data: dict[str, object] = json.loads(text, parse_constant=refuse)
    return data


def test_it_comes_back_as_it_was(result: GateResult) -> None:
    assert from_json(to_json(result)) == result


def test_it_is_strict_json_with_the_promised_keys(result: GateResult) -> None:
    assert any(f.value is not None and math.isinf(f.value) for f in result.findings)
    data = strict(to_json(result))
    assert data.keys() >= {"verdict", "stage", "run", "findings", "diagnoses", "inputs", "versions"}
    findings = data["findings"]
    assert isinstance(findings, list)
    promised = [
        "check",
        "outcome",
        "required",
        "value",
        "limit",
        "statistic",
        "first_step",
        "last_step",
        "points",
        "reason",
    ]
    assert all(f.keys() >= set(promised) for f in findings)
    assert "Infinity" in {f["value"] for f in findings}
    diagnoses = data["diagnoses"]
    assert isinstance(diagnoses, list)
    assert all(d.keys() >= {"cause", "evidence", "fix"} for d in diagnoses)


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"format": 1}', '{"format": 2}', "nonsense", '{"format": 1, "x": 1}']
)
def test_anything_else_is_refused_in_one_sentence(text: str) -> None:
    with pytest.raises(InputError, match=r"gate\.json"):
        from_json(text)


def test_writing_replaces_the_whole_file(tmp_path: Path, result: GateResult) -> None:
    path = tmp_path / "gate.json"
    path.write_text("old")
    write(result, path)
    assert from_json(path.read_text()) == result
    assert list(tmp_path.iterdir()) == [path]


NEW_KEYS = ("deciding_check", "not_applicable")
NEW_KEYS_OF_A_FINDING = ("type", "law", "fact", "parts", "sides", "limit_origin", "ended_early")


def test_a_file_of_before_tells_what_decided_and_what_did_not_apply(result: GateResult) -> None:
    data = strict(to_json(result))
    for key in NEW_KEYS:
        data.pop(key)
    findings = data["findings"]
    assert isinstance(findings, list)
    data["findings"] = [
        {k: v for k, v in f.items() if k not in NEW_KEYS_OF_A_FINDING} for f in findings
    ]
    data["not_decided"] = ["Whether it learns.", "Actor Q: does not apply, no: reason; at all."]
    read = from_json(json.dumps(data))
    assert read.deciding_check == result.deciding_check
    assert read.not_decided == ("Whether it learns.",)
    (skipped,) = read.not_applicable
    assert (skipped.title, skipped.reason) == ("Actor Q", "no: reason; at all")
    live_gate = {**findings[0], "check": "live_gate", "outcome": "FAIL", "required": True}
    data["findings"] = [live_gate, *findings]
    assert from_json(json.dumps(data)).deciding_check == "live_gate"
