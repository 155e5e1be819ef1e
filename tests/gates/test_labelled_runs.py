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


RECIPES = {
    "007-50k": ("50k", None, "none"),
    "015-50k": ("50k", None, "none"),
    "013-5k": ("5k", "NO_GO", "dead_actor"),
}
"""Recipes drawn at random for our own trainer: stage, verdict (None: anything but NO_GO) and first cause."""


@pytest.mark.parametrize("name", RECIPES)
def test_recipes_drawn_at_random(name: str) -> None:
    stage, verdict, cause = RECIPES[name]
    result = judge(RUNS / "recipes" / name, gate=load_gate(stage), stage=stage).result
    assert result.verdict.value == verdict if verdict else result.verdict.value != "NO_GO"
    assert causes(result)[0] == cause


def test_a_recipe_without_an_actor_update_is_named_as_such() -> None:
    result = judge(RUNS / "recipes" / "000-5k", gate=load_gate("5k"), stage="5k").result
    assert result.verdict.value == "NO_GO"
    assert causes(result) == ["none"]
    reason = next(f for f in result.findings if f.check == "tags_logged").reason
    assert "no actor update by step 5,000: warm-up of 100 updates, 80 made" in reason
    assert "6,900 steps" in reason


@pytest.mark.parametrize("name", ["sb3_diverged", "tianshou_diverged"])
def test_values_beyond_what_rolling_means_allow(name: str) -> None:
    result = judge(
        RUNS / "field" / "made" / name, gate=load_gate("50k"), stage="50k", planned_steps=50_000
    ).result
    assert result.verdict.value == "NO_GO"
    assert causes(result)[0] == "critic_divergence"


def test_success_that_shortens_episodes_is_no_collapse() -> None:
    folder = RUNS / "field" / "made" / "cleanrl_goal_reached"
    result = judge(folder, gate=load_gate("50k"), stage="50k", planned_steps=50_000).result
    assert result.verdict.value != "NO_GO"
    assert causes(result) == ["none"]
