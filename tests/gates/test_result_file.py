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
