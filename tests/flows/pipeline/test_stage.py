from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

import flows.records.recipe
from flows.errors import OutputError
from flows.pipeline import stage as stages
from flows.pipeline.kept import kept_outcome
from flows.pipeline.outcome import StageOutcome
from flows.pipeline.request import RunRequest
from flows.records.run_dir import PipelineDirectory
from flows.records.stored_result import GATE_FILE
from flows.training.progress import SilentReporter
from gates.findings import Verdict
from gates.progress import StageState

Opened = Callable[..., tuple[RunRequest, PipelineDirectory]]
LOSS = {Verdict.GO: 1.0, Verdict.CONDITIONAL: 7.0, Verdict.NO_GO: 70.0}


def run_one(
    opened: Opened, *overrides: str, note: str = ""
) -> tuple[StageOutcome, PipelineDirectory]:
    request, directory = opened(*overrides)
    stage = request.plan().stages[0]
    run = stages.train(stage, directory, SilentReporter(), note=note)
    return stages.judge(stage, run, directory), directory


@pytest.mark.parametrize("verdict", list(Verdict))
def test_a_stage_ends_with_verdict_gate_json_and_report(opened: Opened, verdict: Verdict) -> None:
    outcome, directory = run_one(opened, f"train.loss={LOSS[verdict]}")
    assert outcome.verdict is verdict
    assert outcome.entry.may_go_on == (verdict is Verdict.GO)
    assert json.loads((outcome.run / GATE_FILE).read_text())["verdict"] == verdict.value
    assert "Critic loss bounded" in outcome.report.read_text()
    record = directory.record.last("one")
    assert record is not None
    assert record.state is StageState(verdict.value)
    assert record.deciding == outcome.deciding
    pipeline = (directory.path / "report.md").read_text()
    assert "one/run-001/report.md" in pipeline


def reason(opened: Opened, *overrides: str) -> str | None:
    request, directory = opened(*overrides)
    stage = request.plan().stages[0]
    return stages.reason_to_train(stage, directory)


def test_only_a_go_of_the_same_recipe_and_rules_is_kept(opened: Opened, files: Path) -> None:
    assert reason(opened) == "it was not run yet"
    outcome, _ = run_one(opened)
    assert reason(opened) is None
    _, directory = opened()
    kept = kept_outcome(directory, "one")
    assert (kept.kept, kept.verdict, kept.run) == (True, Verdict.GO, outcome.run)
    assert kept.entry.may_go_on

    assert reason(opened, "train.loss=2.0") == "the recipe is not that of run-001"
    gate = files / "loss.yaml"
    gate.write_text(gate.read_text().replace("fail: 10", "fail: 11"))
    assert reason(opened, "train.loss=1.0") == "the gate's rules changed since run-001"


def test_a_changed_trainer_is_another_recipe(
    opened: Opened, monkeypatch: pytest.MonkeyPatch, files: Path
) -> None:
    run_one(opened)
    (files / "trainer.py").write_text("")
    monkeypatch.setattr(
        flows.records.recipe, "imported_sources", lambda code: {"x.py": files / "trainer.py"}
    )
    assert reason(opened) == "the recipe is not that of run-001"


def test_a_no_go_is_never_kept(opened: Opened) -> None:
    run_one(opened, "train.loss=70.0")
    assert reason(opened, "train.loss=70.0") == "run-001 ended NO_GO"


def test_a_verdict_that_was_tampered_with_is_not_kept(opened: Opened) -> None:
    outcome, _ = run_one(opened)
    gate = json.loads((outcome.run / GATE_FILE).read_text())
    (outcome.run / GATE_FILE).write_text(json.dumps({**gate, "verdict": "NO_GO"}))
    assert reason(opened) == "run-001 holds no verdict that agrees with pipeline.json"
    (outcome.run / GATE_FILE).unlink()
    assert reason(opened) is not None


@pytest.mark.parametrize(
    ("loss", "command"),
    [
        (1.0, "gonogo run --out "),
        (7.0, "gonogo approve "),
        (70.0, "gonogo stage one --out "),
    ],
)
def test_reports_say_what_to_do_next(opened: Opened, loss: float, command: str) -> None:
    outcome, directory = run_one(opened, f"train.loss={loss}")
    for report in (outcome.report, directory.path / "report.md"):
        assert command in report.read_text(), report


def test_a_second_run_reports_what_was_changed_and_leaves_the_first_alone(opened: Opened) -> None:
    first, _ = run_one(opened, "train.loss=70.0")
    before = {p: p.read_bytes() for p in first.run.rglob("*") if p.is_file()}
    second, directory = run_one(opened, "train.loss=2.0", note="smaller steps")
    assert second.run.name == "run-002"
    report = second.report.read_text()
    assert "train.loss" in report
    assert "run-001" in report
    assert "smaller steps" in report
    assert before == {p: p.read_bytes() for p in first.run.rglob("*") if p.is_file()}
    assert len(directory.record.stages["one"].runs) == 2


def test_a_full_disk_while_a_report_is_written_is_no_verdict(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    request, directory = opened()
    stage = request.plan().stages[0]
    run = stages.train(stage, directory, SilentReporter())
    import reports.stage.markdown

    def full(path: Path, content: object) -> None:
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(reports.stage.markdown, "write_atomically", full)
    with pytest.raises(OutputError, match=r"cannot be written to .*: No space left on device\.$"):
        stages.judge(stage, run, directory)
    assert not (run / "report.md").exists()
    record = directory.record.last("one")
    assert record is not None
    assert record.state is StageState.CRASHED
    assert "No space left on device" in record.message
    assert stages.reason_to_train(stage, directory) == "run-001 ended crashed"
