"""The verdict and the first cause of runs that other trainers really logged."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from gates.checks.gate_file import load_gate
from gates.findings import GateResult, Outcome
from gates.judge import judge

RUNS = Path(__file__).resolve().parents[3] / "shared" / "runs"
LABELS: dict[str, dict[str, Any]] = (
    yaml.safe_load((RUNS / "labels.yaml").read_text(encoding="utf-8"))
    if (RUNS / "labels.yaml").is_file()
    else {}
)
pytestmark = pytest.mark.skipif(not LABELS, reason="the labelled runs are not on this machine")


def judged(name: str, gate: str = "5k", **keys: Any) -> GateResult:
    return judge(
        RUNS / name,
        gate=load_gate(gate),
        stage=gate,
        planned_steps=LABELS[name]["planned_steps"],
        **{"cross_check": False, **keys},
    ).result


def causes(result: GateResult) -> list[str]:
    return [diagnosis.cause for diagnosis in result.diagnoses] or ["none"]


@pytest.mark.parametrize("name", LABELS)
def test_verdict_and_first_cause(name: str) -> None:
    label, result = LABELS[name], judged(name, cross_check=True)
    if "verdict" in label:
        assert result.verdict.value == label["verdict"]
    else:
        assert result.verdict.value != label["verdict_not"]
    assert causes(result)[0] == label["cause"]
    reader = next(f for f in result.findings if f.check == "independent_reader")
    assert reader.outcome is Outcome.PASS


@pytest.mark.parametrize("name", [n for n, label in LABELS.items() if "also" in label])
def test_what_else_is_wrong(name: str, tmp_path: Path) -> None:
    label, keys = LABELS[name], {}
    expected = set(label["also"])
    if "claimed" in label:
        config = tmp_path / "claimed.yaml"
        config.write_text(yaml.safe_dump(label["claimed"]))
        keys["config"] = config
    else:
        expected -= {"config_not_applied"}
    assert expected <= set(causes(judged(name, **keys)))


@pytest.mark.parametrize("gate", ["5k", "50k", "1m"])
@pytest.mark.parametrize("name", [n for n, label in LABELS.items() if label["cause"] == "none"])
def test_a_healthy_run_passes_every_stage(name: str, gate: str) -> None:
    result = judged(name, gate)
    assert result.verdict.value == "GO", result.deciding
    assert result.gate_warnings == ()


@pytest.mark.parametrize("name", [n for n in LABELS if n.endswith("d-diagnostic")])
def test_the_leak_is_shown_not_to_be_overestimation(name: str) -> None:
    first = judged(name).diagnoses[0]
    (text,) = first.does_not_explain
    assert "replay Q never exceeds 70.89" in text
    assert "TD target never exceeds 279.6" in text
    assert "L2" in text
    assert "encode" in first.fix.text
    assert first.fix.config == {}
