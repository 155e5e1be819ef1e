"""A judgement with the second reader beside it is the judgement without; only sooner."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from typer.testing import CliRunner

from flows.cli.every_command import app
from flows.judging.judge_run import Judged, judge_directory
from flows.judging.rules import Asked, Rules
from gates.findings import Outcome, Verdict
from gates.second_reader.process import SecondReader
from gates.second_reader.tbparse_reader import FileToRead, Reading, read_files
from reports.context import StageContext
from reports.stage import markdown as stage_report
from tests.flows.judged_runs import write_events, write_gate

CONTEXT = StageContext(title="a run", generated_at="2026-01-01T00:00:00+00:00")
ONE_MORE = """\
  - id: actor_loss
    title: Actor loss bounded
    type: limit
    group: actor_loss
    required: false
    tag: train/actor_loss
    statistic: last
    min: {fail: -1.0}
    min_points: 3
    rationale: A test needs another number.
    source: this test
"""


class Here(SecondReader):
    """Reads in this process, where it can be broken."""

    def __init__(self) -> None:
        pass

    def read(self, files: Sequence[FileToRead]) -> Reading:
        return read_files(files)


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("no such thing")

    monkeypatch.setattr("tbparse.SummaryReader", fail)


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Verdicts of the judgements that plots were drawn for."""
    verdicts: list[str] = []
    draw = stage_report.draw_stage_plots

    def noted(result, *more):  # type: ignore[no-untyped-def]
        verdicts.append(result.deciding)
        return draw(result, *more)

    monkeypatch.setattr(stage_report, "draw_stage_plots", noted)
    return verdicts


def judged(folder: Path, reader: SecondReader | None, *, required: bool) -> Judged:
    run = folder.parent / "run"
    if not run.exists():
        write_events(run, loss=20.0)
        write_gate(folder.parent / "gate.yaml", required=required, more=ONE_MORE)
    return judge_directory(
        run,
        Rules(stage="5k", gate=folder.parent / "gate.yaml", planned_steps=400),
        Asked(second_reader=reader),
        out=folder,
        context=lambda _: CONTEXT,
    )


def content(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_every_file_is_the_same_to_the_byte(tmp_path: Path, drawn: list[str]) -> None:
    judged(tmp_path / "serial", None, required=True)
    with SecondReader() as reader:
        beside = judged(tmp_path / "beside", reader, required=True)
    assert content(tmp_path / "beside") == content(tmp_path / "serial")
    assert {"report.md", "gate.json", "plots/critic-loss.png"} <= content(
        tmp_path / "beside"
    ).keys()
    assert len(drawn) == 2  # once each
    findings = {f.check: f.outcome for f in beside.judgement.result.findings}
    assert findings["independent_reader"] is Outcome.PASS


@pytest.mark.parametrize("required", [True, False])
@pytest.mark.usefixtures("broken")
def test_a_second_reader_that_breaks_is_no_go(tmp_path: Path, required: bool) -> None:
    result = judged(tmp_path / "beside", Here(), required=required).judgement.result
    assert result.verdict is Verdict.NO_GO
    finding = next(f for f in result.findings if f.check == "independent_reader")
    assert finding.outcome is Outcome.INCONCLUSIVE
    assert "RuntimeError: no such thing" in finding.reason
    judged(tmp_path / "serial", None, required=required)
    assert content(tmp_path / "beside") == content(tmp_path / "serial")


@pytest.mark.usefixtures("broken")
def test_plots_are_drawn_again_when_the_second_reader_changes_their_order(
    tmp_path: Path, drawn: list[str]
) -> None:
    """The advisory failure decided alone; beside a broken reader it does not."""
    judged(tmp_path / "out", Here(), required=False)
    assert len(drawn) == 2
    assert drawn[0].startswith("actor loss is -200, below -1")
    assert drawn[1].startswith("not decided, 8 differences between two readers")


def test_an_error_while_it_reads_is_the_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(stage_report, "draw_stage_plots", interrupted)
    with pytest.raises(KeyboardInterrupt), SecondReader() as reader:
        judged(tmp_path / "out", reader, required=True)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("options", [[], ["--no-cross-check"]])
def test_the_command_cross_checks_unless_told_not_to(tmp_path: Path, options: list[str]) -> None:
    run = write_events(tmp_path / "run")
    gate = write_gate(tmp_path / "gate.yaml")
    command = ["gate", str(run), "--stage", "5k", "--gate", str(gate), "--out", str(tmp_path / "o")]
    done = CliRunner().invoke(app, [*command, "--planned-steps", "400", *options])
    assert done.exit_code == 0, done.output
    told = (tmp_path / "o" / "gate.json").read_text()
    assert ("independent_reader" in told) is not bool(options)
    assert done.output.count("\n") == 2
