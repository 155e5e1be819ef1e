"""Stored runs judged again: what flips, which check made it flip, what labels say."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from flows.backtesting.judge_again import flip_causes
from flows.backtesting.labels import load_labels
from flows.cli.every_command import app
from gates.checks.gate_file import load_gate
from gates.findings import Finding, GateResult, Outcome, Verdict
from gates.judge import judge
from gates.verdict import decide
from tests.flows import judged_runs as build

ROOT = Path(__file__).resolve().parents[3]
SHARED_RUNS = ROOT.parent / "shared" / "runs"


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two GOs with critic losses of 1 and 6, and a NO_GO with 99."""
    monkeypatch.chdir(tmp_path)
    gate = build.write_gate(tmp_path / "stored.yaml")
    for name, loss in (("calm", 1.0), ("near", 6.0), ("wild", 99.0)):
        build.write_run(tmp_path / "runs" / name, loss=loss, gate=gate)
    return tmp_path / "runs"


def gonogo(*arguments: str) -> Result:
    result = CliRunner().invoke(app, ["backtest", *arguments])
    assert "Traceback" not in result.output
    return result


def told(*arguments: str, code: int) -> dict[str, Any]:
    result = gonogo(*arguments, "--json")
    assert result.exit_code == code, result.output
    return dict(json.loads(result.stdout))


def by_run(content: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {Path(run["run"]).parts[-3]: run for run in content["runs"]}


def test_the_same_rules_flip_nothing(runs: Path) -> None:
    result = gonogo("--gate", "stored.yaml", "runs")
    assert result.exit_code == 0, result.output
    assert "3 runs: 3 as before, 0 flipped." in result.output


def test_a_lower_limit_flips_the_run_between_and_names_the_check(runs: Path) -> None:
    build.write_gate(Path("lower.yaml"), fail=5.0)
    content = told("--gate", "lower.yaml", "runs", code=3)
    assert {name: run["flipped"] for name, run in by_run(content).items()} == {
        "calm": False,
        "near": True,
        "wild": False,
    }
    (cause,) = by_run(content)["near"]["made_by"]
    assert cause["check"] == "critic_loss"
    assert (cause["before"]["outcome"], cause["after"]["outcome"]) == ("PASS", "FAIL")
    assert (cause["before"]["limit"], cause["after"]["limit"]) == (10.0, 5.0)
    text = gonogo("--gate", "lower.yaml", "runs").output
    assert "FLIP    GO -> NO_GO               runs/near/5k/run-001" in text
    assert "critic_loss: PASS -> FAIL, value 6, limit 10 -> 5" in text
    assert "3 runs: 2 as before, 1 flipped (1 GO -> NO_GO)." in text


def test_a_higher_limit_flips_the_other_way(runs: Path) -> None:
    build.write_gate(Path("higher.yaml"), fail=1000.0)
    content = by_run(told("--gate", "higher.yaml", "runs", code=3))
    assert content["wild"]["flipped"]
    assert content["wild"]["before"]["verdict"] == "NO_GO"
    assert [cause["check"] for cause in content["wild"]["made_by"]] == ["critic_loss"]


def test_two_gates_are_compared_whatever_is_stored(runs: Path) -> None:
    build.write_gate(Path("lower.yaml"), fail=5.0)
    build.write_gate(Path("lowest.yaml"), fail=0.5)
    content = told("--gate", "lowest.yaml", "--against", "lower.yaml", "runs", code=3)
    flipped = {name for name, run in by_run(content).items() if run["flipped"]}
    assert flipped == {"calm"}
    assert by_run(content)["near"]["before"]["verdict"] == "NO_GO"


def test_only_runs_of_the_gates_stage_are_judged(runs: Path) -> None:
    build.write_run(runs / "calm", stage="50k", loss=50.0)
    text = gonogo("--gate", "stored.yaml", "runs").output
    assert "3 runs: " in text
    assert "Left out: 1 of other stages." in text
    refused = gonogo("--gate", "stored.yaml", "--stage", "1m", "runs")
    assert refused.exit_code == 2
    assert "none of the 4 runs below is of stage 1m" in refused.stderr


def test_the_shipped_rules_judge_each_run_by_its_own_stage(runs: Path) -> None:
    build.write_run(runs / "calm", stage="50k")
    content = told("runs", code=3)
    assert {run["stage"]: run["gate"] for run in content["runs"]} == {"5k": "5k", "50k": "50k"}


def test_a_folder_of_another_trainer_is_judged_and_finds_its_stored_verdict(
    runs: Path, tmp_path: Path
) -> None:
    logs = build.write_events(tmp_path / "logs" / "td3", loss=6.0)
    lower = build.write_gate(tmp_path / "lower.yaml", fail=5.0)
    assert told("--gate", "stored.yaml", "logs", code=0)["runs"][0]["before"] is None
    assert "new     GO" in gonogo("--gate", "stored.yaml", "logs").output
    build.judge_into(logs, tmp_path / "stored.yaml", out=tmp_path / "gonogo-reports" / "td3")
    (run,) = told("--gate", str(lower), "logs", code=3)["runs"]
    assert (run["before"]["verdict"], run["after"]["verdict"]) == ("GO", "NO_GO")


def test_a_folder_of_another_trainer_needs_a_stage(tmp_path: Path) -> None:
    build.write_events(tmp_path / "logs")
    refused = gonogo(str(tmp_path / "logs"))
    assert refused.exit_code == 2
    assert "--stage 5k" in refused.stderr


def test_event_files_in_an_events_folder_are_the_run_above(tmp_path: Path) -> None:
    build.write_events(tmp_path / "logs" / "mine" / "events")
    gate = build.write_gate(tmp_path / "5k.yaml")
    (run,) = told("--gate", str(gate), str(tmp_path / "logs"), code=0)["runs"]
    assert run["run"] == str(tmp_path / "logs" / "mine")


def test_nothing_is_written(runs: Path) -> None:
    before = build.snapshot(runs.parent)
    gonogo("--gate", "stored.yaml", "runs")
    assert build.snapshot(runs.parent) == before


def test_several_processes_say_the_same(runs: Path) -> None:
    build.write_gate(Path("lower.yaml"), fail=5.0)
    alone = told("--gate", "lower.yaml", "runs", code=3)
    assert told("--gate", "lower.yaml", "--jobs", "2", "runs", code=3) == alone


def test_a_run_that_cannot_be_judged_is_listed_and_is_no_success(runs: Path) -> None:
    for path in (runs / "near" / "5k" / "run-001" / "events").iterdir():
        path.unlink()
    result = gonogo("--gate", "stored.yaml", "runs")
    assert result.exit_code == 3
    (line,) = [line for line in result.output.splitlines() if line.startswith("FAILED")]
    assert "run-001: " in line
    assert "no event files" in line
    assert "1 could not be judged" in result.output


def test_changed_event_files_are_noticed(runs: Path) -> None:
    build.write_events(runs / "calm" / "5k" / "run-001" / "events", loss=1.0)
    content = by_run(told("--gate", "stored.yaml", "runs", code=3))
    assert content["calm"]["notes"] == ["its event files are not those that were judged before"]
    assert content["near"]["notes"] == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("nowhere",), "nowhere: no such folder"),
        (("runs", "--gate", "missing.yaml"), "missing.yaml: cannot be read"),
        (("runs", "--against", "6k"), "no gate named '6k'"),
        (("runs", "--labels", "missing.yaml"), "missing.yaml: cannot be read"),
        (("runs", "--stage", "missing.yaml"), "there is no such file"),
        (("empty",), "no run below"),
    ],
)
def test_wrong_usage_exits_with_2(runs: Path, arguments: tuple[str, ...], words: str) -> None:
    Path("empty").mkdir()
    refused = gonogo(*arguments)
    assert refused.exit_code == 2
    assert words in refused.stderr
    assert refused.stdout == ""


def labels(text: str) -> str:
    Path("labels.yaml").write_text(text, encoding="utf-8")
    return "labels.yaml"


def test_labels_that_are_met(runs: Path) -> None:
    file = labels(
        "runs/calm/5k/run-001: {verdict: GO, cause: none, note: fine}\n"
        "runs/near/5k/run-001: {verdict_not: NO_GO}\n"
        "runs/wild/5k/run-001: {verdict: NO_GO}\n"
    )
    result = gonogo("--gate", "stored.yaml", "--labels", file, "runs")
    assert result.exit_code == 0, result.output
    assert "Labels: 3 of 3 verdicts right, 1 of 1 causes right." in result.output


def test_labels_that_are_not_met_are_named(runs: Path) -> None:
    file = labels(
        "runs/calm/5k/run-001: {verdict: NO_GO, cause: dead_actor}\n"
        "runs/near/5k/run-001: {verdict_not: GO}\n"
    )
    result = gonogo("--gate", "stored.yaml", "--labels", file, "runs")
    assert result.exit_code == 3
    assert "Labels: 0 of 2 verdicts right, 0 of 1 causes right." in result.output
    assert "verdict GO, labelled NO_GO" in result.output
    assert "cause none, labelled dead_actor" in result.output
    assert "verdict GO, labelled any verdict but GO" in result.output


def test_labels_may_be_relative_to_the_judged_folder(runs: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    file = tmp_path / "elsewhere" / "labels.yaml"
    file.write_text("calm/5k/run-001: {verdict: GO}\n", encoding="utf-8")
    summary = told("--gate", "stored.yaml", "--labels", str(file), "runs", code=0)["summary"]
    assert (summary["verdicts_right"], summary["verdicts_labelled"]) == (1, 1)


def test_a_label_without_a_run_is_not_met(runs: Path) -> None:
    file = labels("runs/clam/5k/run-001: {verdict: GO}\n")
    result = gonogo("--gate", "stored.yaml", "--labels", file, "runs")
    assert result.exit_code == 3
    assert "Labels without a run: runs/clam/5k/run-001." in result.output


def test_a_label_outside_the_judged_folders_is_left_alone(runs: Path) -> None:
    file = labels("runs/wild/5k/run-001: {verdict: NO_GO}\n")
    result = gonogo("--gate", "stored.yaml", "--labels", file, "runs/calm")
    assert result.exit_code == 0, result.output


def test_a_label_says_stage_and_steps_of_another_trainers_run(tmp_path: Path) -> None:
    build.write_events(tmp_path / "logs" / "td3")
    file = tmp_path / "labels.yaml"
    file.write_text("logs/td3: {verdict_not: GO, stage: 5k, planned_steps: 4000}\n")
    (run,) = told("--labels", str(file), str(tmp_path / "logs"), code=0)["runs"]
    assert run["stage"] == "5k"
    assert run["after"]["verdict"] == "NO_GO"


def test_mistakes_in_labels_are_all_named(runs: Path) -> None:
    file = labels(
        "a: {verdict: MAYBE}\nb: {verdit: GO}\nc: 3\nd: {verdict: GO, planned_steps: -1}\n"
    )
    refused = gonogo("--gate", "stored.yaml", "--labels", file, "runs")
    assert refused.exit_code == 2
    assert "gonogo: 4 mistakes:" in refused.stderr
    assert "b: one of verdict, verdict_not and cause must be there" in refused.stderr


def finding(check: str, outcome: Outcome, **more: Any) -> Finding:
    fields = {"title": check, "required": True, "reason": "r.", **more}
    return Finding(check=check, outcome=outcome, **fields)


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> GateResult:
    folder = tmp_path_factory.mktemp("one")
    gate = build.write_gate(folder / "5k.yaml")
    logs = build.write_events(folder / "logs")
    return judge(logs, gate=load_gate(gate), stage="5k", cross_check=False).result


FAIL, WARN, PASS, UNKNOWN = Outcome.FAIL, Outcome.WARN, Outcome.PASS, Outcome.INCONCLUSIVE


@pytest.mark.parametrize(
    ("before", "after", "causes"),
    [
        ([finding("x", PASS)], [finding("x", FAIL)], ["x"]),
        ([finding("x", FAIL)], [finding("x", PASS)], ["x"]),
        ([finding("x", PASS)], [finding("x", UNKNOWN)], ["x"]),
        ([finding("x", FAIL, required=False)], [finding("x", FAIL)], ["x"]),
        ([finding("x", FAIL, dry_run=True), finding("y", PASS)], [finding("x", FAIL)], ["x"]),
        ([finding("x", PASS)], [finding("x", PASS), finding("new", FAIL)], ["new"]),
        ([finding("x", PASS), finding("old", FAIL)], [finding("x", PASS)], ["old"]),
        ([finding("x", PASS), finding("y", PASS)], [finding("x", WARN), finding("y", FAIL)], ["y"]),
        ([finding("x", FAIL), finding("y", FAIL)], [finding("x", WARN), finding("y", PASS)], ["x", "y"]),
        ([finding("x", PASS), finding("x", PASS)], [finding("x", PASS), finding("x", FAIL)], ["x"]),
        ([finding("x", FAIL)], [finding("x", FAIL)], []),
        ([finding("x", PASS), finding("y", FAIL)], [finding("x", FAIL), finding("y", PASS)], []),
    ],
)  # fmt: skip
def test_which_checks_made_a_verdict_flip(
    result: GateResult, before: list[Finding], after: list[Finding], causes: list[str]
) -> None:
    old, new = (
        replace(result, findings=tuple(findings), verdict=decide(findings).verdict)
        for findings in (before, after)
    )
    assert [cause.check for cause in flip_causes(old, new)] == causes
    assert bool(causes) == (old.verdict is not new.verdict)


def test_the_examples_of_the_guide_can_be_used(tmp_path: Path) -> None:
    guide = (ROOT / "docs" / "backtests.md").read_text(encoding="utf-8")
    gate, labels = re.findall(r"```yaml\n(.*?)```", guide, re.DOTALL)
    (tmp_path / "my-5k.yaml").write_text(gate, encoding="utf-8")
    (tmp_path / "labels.yaml").write_text(labels, encoding="utf-8")
    changed, shipped = load_gate(tmp_path / "my-5k.yaml"), load_gate("5k")
    assert changed.name == "5k"
    assert {check.id for check in changed.checks} == {check.id for check in shipped.checks}
    assert len(load_labels(tmp_path / "labels.yaml").by_name) == 3


def test_the_labelled_runs_are_judged_as_labelled() -> None:
    file = SHARED_RUNS / "labels.yaml"
    if not file.is_file():
        pytest.skip("the labelled runs are not here")
    real = str(SHARED_RUNS / "real" / "d-diagnostic")
    content = told("--stage", "5k", "--labels", str(file), real, code=0)
    assert content["summary"]["verdicts_right"] == content["summary"]["causes_right"] == 1
    assert content["runs"][0]["after"]["verdict"] == Verdict.NO_GO.value
