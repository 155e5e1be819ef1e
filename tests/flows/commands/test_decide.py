"""What people decide: recorded, shown as what it is, and never more than it is."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from flows.cli.every_command import app
from flows.decisions import waiting as deciding
from flows.decisions.judged import Judged
from flows.errors import UsageError
from flows.pipeline import stage as stages
from flows.pipeline.kept import kept_outcome, override_no_go
from flows.pipeline.outcome import StageOutcome
from flows.pipeline.request import RunRequest
from flows.records.decisions import (
    Decision,
    Signed,
    gate_json_sha256,
    newest_decision,
    read_decisions,
    write_decision,
)
from flows.records.run_dir import PipelineDirectory, read_record
from flows.stored.history import read_history
from flows.training.progress import SilentReporter

Opened = Callable[..., tuple[RunRequest, PipelineDirectory]]
MakeRequest = Callable[..., RunRequest]
HOSTILE = "fine</td><script>alert(1)</script> | `x` [a](javascript:b) \x1b[31m\n# GO"


def gonogo(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def ended(opened: Opened, loss: float) -> tuple[StageOutcome, PipelineDirectory, RunRequest]:
    """Train and judge stage one; the pipeline directory stays open."""
    request, directory = opened(f"train.loss={loss}")
    stage = request.plan().stages[0]
    return (
        stages.judge(stage, stages.train(stage, directory, SilentReporter()), directory),
        directory,
        request,
    )


@pytest.fixture
def conditional(opened: Opened) -> Path:
    """Run folder of a stage that ended CONDITIONAL; nobody has its pipeline open."""
    outcome, directory, _ = ended(opened, 7.0)
    directory.close()
    return outcome.run


def decision(folder: Path, **changes: object) -> Decision:
    content = {
        "kind": "approved",
        "by": "Ada",
        "reason": "known spike",
        "decided_at": "2026-01-01T00:00:00+00:00",
        "way": "command line",
        "verdict": "CONDITIONAL",
        "gate_json_sha256": gate_json_sha256(folder),
    }
    return Decision.model_validate({**content, **changes})


def settled(
    outcome: StageOutcome,
    request: RunRequest,
    directory: PipelineDirectory,
    say: Callable[[str], None],
) -> StageOutcome:
    judged = Judged(directory, outcome.stage, outcome.run.name)
    deciding.settle(judged, request, say)
    return StageOutcome.of(judged, kept=outcome.kept)


def next_run(opened: Opened, loss: float) -> str | None:
    request, directory = opened(f"train.loss={loss}")
    return stages.reason_to_train(request.plan().stages[0], directory)


def test_an_approval_lets_the_next_stage_start_and_never_turns_into_a_go(
    conditional: Path, opened: Opened
) -> None:
    gate_json = (conditional / "gate.json").read_bytes()
    done = gonogo("approve", str(conditional), "--reason", "known spike", "--name", "Ada")
    assert done.exit_code == 0, done.output
    assert "one/run-001: CONDITIONAL, approved by Ada: known spike" in done.stdout
    assert "Go on with two:  gonogo run --out " in done.stdout

    assert (conditional / "gate.json").read_bytes() == gate_json, "the gate's own words stay"
    text = "CONDITIONAL, approved by Ada: known spike"
    report = (conditional / "report.md").read_text()
    assert report.startswith("# CONDITIONAL at one")
    assert text in report
    pipeline = (conditional.parents[1] / "report.md").read_text()
    assert f"**{text}**" in pipeline
    assert pipeline.splitlines()[0] == f"# one {text}"
    record = read_record(conditional.parents[1])
    assert record is not None
    run = record.last("one")
    assert run is not None
    assert run.state.value == "CONDITIONAL"
    assert run.decision == newest_decision(conditional)
    (row,) = read_history(conditional.parents[1]).rows
    assert (row.verdict, row.decision, row.decision_reason) == (
        "CONDITIONAL",
        "approved by Ada",
        "known spike",
    )

    assert next_run(opened, 7.0) is None
    _, directory = opened("train.loss=7.0")
    kept = kept_outcome(directory, "one")
    assert kept.entry.may_go_on
    assert kept.verdict_text == text


def test_without_a_decision_a_conditional_is_neither_trained_again_nor_passed(
    conditional: Path, opened: Opened
) -> None:
    assert next_run(opened, 7.0) is None
    _, directory = opened("train.loss=7.0")
    kept = kept_outcome(directory, "one")
    assert Judged(directory, "one", "run-001").undecided
    assert not kept.entry.may_go_on
    assert kept.verdict_text == "CONDITIONAL"


def test_a_rejected_conditional_is_trained_again(conditional: Path, opened: Opened) -> None:
    done = gonogo("reject", str(conditional.parents[1]), "--reason", "it grows", "--name", "Bo")
    assert done.exit_code == 0, done.output
    assert "Train it again, after a fix:  gonogo stage one" in done.stdout
    assert next_run(opened, 7.0) == "Bo rejected run-001: it grows"
    assert "two (800 steps) does not start" in (conditional / "report.md").read_text()


def test_the_last_decision_counts_and_all_of_them_stay(conditional: Path) -> None:
    for command, reason in (("approve", "fine"), ("reject", "no, it is not")):
        assert gonogo(command, str(conditional), "--reason", reason).exit_code == 0
    assert [d.kind for d in read_decisions(conditional)] == ["approved", "rejected"]
    newest = newest_decision(conditional)
    assert newest is not None
    assert not newest.goes_on
    report = (conditional / "report.md").read_text()
    assert "approved by" in report
    assert "rejected by" in report


def test_a_decision_is_about_one_judgement_only(conditional: Path) -> None:
    write_decision(conditional, decision(conditional))
    assert newest_decision(conditional) is not None
    gate = json.loads((conditional / "gate.json").read_text())
    (conditional / "gate.json").write_text(json.dumps({**gate, "deciding": "something else"}))
    assert newest_decision(conditional) is None


def test_decisions_made_at_once_are_all_kept(conditional: Path) -> None:
    threads = [
        threading.Thread(
            target=write_decision, args=(conditional, decision(conditional, by=f"p{i}"))
        )
        for i in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {d.by for d in read_decisions(conditional)} == {f"p{i}" for i in range(8)}
    assert not list(conditional.glob(".decision*")), "nothing half-written is left"


@pytest.mark.parametrize(
    ("changes", "counts"),
    [
        ({"by": " "}, False),
        ({"reason": "\n\t"}, False),
        ({"kind": "GO"}, False),
        ({"verdict": "GO"}, False),
        ({"gate_json_sha256": ""}, False),
        ({"unknown": 1}, True),
    ],
)
def test_what_is_no_whole_decision_counts_for_nothing(
    conditional: Path, changes: dict[str, object], counts: bool
) -> None:
    content = {**json.loads(decision(conditional).model_dump_json()), **changes}
    (conditional / "decision-001.json").write_text(json.dumps(content))
    assert (newest_decision(conditional) is not None) == counts
    (conditional / "decision-002.json").write_text('{"kind": "appr')
    assert (newest_decision(conditional) is not None) == counts


def test_words_of_a_person_are_harmless_wherever_they_are_shown(conditional: Path) -> None:
    done = gonogo("approve", str(conditional), "--reason", HOSTILE, "--name", HOSTILE)
    assert done.exit_code == 0, done.output
    assert "\x1b" not in done.stdout
    assert gonogo("report", str(conditional), "--format", "html").exit_code == 0
    assert gonogo("report", str(conditional), "--format", "latex").exit_code == 0
    for path in (conditional, conditional.parents[1]):
        for report in path.glob("report.*"):
            text = report.read_text()
            assert "alert(1)" in text, report
            assert "<script>" not in text or report.suffix == ".tex", report
            assert "[a](javascript" not in text or report.suffix != ".md", report
            assert not any(line.startswith("# GO") for line in text.splitlines())
            assert "\x1b" not in text
    listed = gonogo("history", str(conditional.parents[1]))
    assert "\x1b" not in listed.stdout
    assert len([line for line in listed.stdout.splitlines() if "run-001" in line]) == 1


@pytest.mark.parametrize("command", ["approve", "reject"])
def test_only_a_conditional_can_be_decided_about(
    opened: Opened, command: str, tmp_path: Path
) -> None:
    for loss, word in ((1.0, "ended GO"), (70.0, "--override-no-go one")):
        outcome, directory, _ = ended(opened, loss)
        directory.close()
        done = gonogo(command, str(outcome.run), "--reason", "please")
        assert done.exit_code == 2
        assert word in done.stderr
        assert not list(outcome.run.glob("decision-*"))
    (tmp_path / "empty").mkdir()
    assert "no verdict" in gonogo(command, str(tmp_path / "empty"), "--reason", "x").stderr
    assert gonogo(command, str(tmp_path / "empty")).exit_code == 2, "a reason is needed"
    assert "--reason: " in gonogo(command, str(outcome.run.parents[1]), "--reason", " ").stderr or (
        "exactly one" in gonogo(command, str(outcome.run.parents[1]), "--reason", " ").stderr
    )


def override(request: RunRequest, directory: PipelineDirectory, stage: str = "one") -> None:
    signature = Signed(by="Ada", reason="the check is wrong here")
    override_no_go(directory, request.plans(), stage, signature)


def test_a_no_go_that_stands_can_be_overridden_and_stays_a_no_go(opened: Opened) -> None:
    outcome, directory, request = ended(opened, 70.0)
    override(request, directory)
    override(request, directory)
    assert len(read_decisions(outcome.run)) == 1, "the same order again is the same decision"
    stage = request.plan().stages[0]
    assert stages.reason_to_train(stage, directory) is None
    kept = kept_outcome(directory, "one")
    assert kept.entry.may_go_on
    assert kept.verdict_text == "NO_GO, overridden by Ada: the check is wrong here"
    assert "overridden by Ada" in outcome.report.read_text()
    pipeline = (directory.path / "report.md").read_text()
    assert "**NO-GO, overridden by Ada: the check is wrong here**" in pipeline


def test_nobody_overrides_a_no_go_that_does_not_stand(opened: Opened, files: Path) -> None:
    request, directory = opened()
    for stage, why in (("one", "it was not judged yet"), ("three", "There is no stage three")):
        with pytest.raises(UsageError, match=why):
            override(request, directory, stage)
    ended(opened, 1.0)
    request, directory = opened("train.loss=1.0")
    with pytest.raises(UsageError, match="run-001 ended GO"):
        override(request, directory)
    ended(opened, 70.0)
    request, directory = opened("train.loss=71.0")
    with pytest.raises(UsageError, match="the recipe is not that of run-002"):
        override(request, directory)


def test_an_override_needs_a_reason() -> None:
    done = gonogo("run", "--override-no-go", "5k")
    assert done.exit_code == 2
    assert "--override-no-go needs --reason" in done.stderr
    done = gonogo("run", "--reason", "just so")
    assert "belong to --override-no-go" in done.stderr
    assert gonogo("run", "--wait-h", "0").exit_code == 2


@pytest.mark.parametrize(
    ("on_timeout", "text"),
    [("stop", "CONDITIONAL"), ("continue", "CONDITIONAL, approved by nobody: 1e-05 h went by")],
)
def test_waiting_ends_after_its_time(
    opened: Opened, make_request: MakeRequest, on_timeout: str, text: str
) -> None:
    outcome, directory, _ = ended(opened, 7.0)
    request = make_request(on_conditional="wait", wait_h=1e-5, on_timeout=on_timeout)
    after = settled(outcome, request, directory, lambda _: None)
    assert after.verdict_text.startswith(text)
    assert after.entry.may_go_on == (on_timeout == "continue")
    run = directory.record.last("one")
    assert run is not None
    assert run.waits is None


def test_a_pipeline_that_waits_goes_on_when_somebody_approves(
    opened: Opened, make_request: MakeRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deciding, "POLL_S", 0.05)
    outcome, directory, _ = ended(opened, 7.0)
    said: list[str] = []
    after: list[StageOutcome] = []
    request = make_request(on_conditional="wait")
    waiting = threading.Thread(
        target=lambda: after.append(settled(outcome, request, directory, said.append))
    )
    waiting.start()
    deadline = time.monotonic() + 120
    while not said and time.monotonic() < deadline:
        time.sleep(0.02)
    assert "gonogo approve " in said[0]
    assert (
        "**CONDITIONAL, waits for a decision until " in (directory.path / "report.md").read_text()
    )
    done = gonogo("approve", str(directory.path), "--reason", "seen before", "--name", "Ada")
    assert done.exit_code == 0, done.output
    assert "goes on by itself" in done.stdout
    waiting.join(120)
    assert after[0].verdict_text == "CONDITIONAL, approved by Ada: seen before"
    run = directory.record.last("one")
    assert run is not None
    assert run.waits is None
