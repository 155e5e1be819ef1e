"""Whatever decorates a verdict may break: the verdict is written all the same, and the report says what is missing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flows.judging import judge_run, pipeline_report
from flows.judging.judge_run import Judged, judge_directory
from flows.judging.pipeline_report import save_pipeline_report
from flows.judging.rules import Asked, Rules
from flows.judging.stage_context import stage_context
from flows.records.run_dir import PipelineDirectory
from gates.findings import Verdict
from gates.result_file import from_json
from gates.second_reader.process import SecondReader
from reports.context import StageContext
from reports.plots import draw
from reports.stage import markdown, plots, view
from tests.flows.judged_runs import write_events, write_gate, write_run

SHARED = Path(__file__).parents[3].parent / "shared" / "runs"
CONTEXT = StageContext(title="a run", generated_at="2026-01-01T00:00:00+00:00")


def boom(*_: object, **__: object) -> Any:
    raise ValueError("it broke")


def judged(
    folder: Path,
    *,
    context: Callable[..., StageContext] = lambda _: CONTEXT,
    reader: SecondReader | None = None,
) -> Judged:
    run = write_events(folder / "run", loss=20.0)
    gate = write_gate(folder / "gate.yaml")
    return judge_directory(
        run,
        Rules(stage="5k", gate=gate, planned_steps=400),
        Asked(second_reader=reader),
        out=folder / "out",
        context=context,
    )


def stands(found: Judged) -> str:
    """Return the report of a run whose loss is too large, after a look at the verdict."""
    assert from_json(found.gate_json.read_text(encoding="utf-8")).verdict is Verdict.NO_GO
    text = found.report.read_text(encoding="utf-8")
    assert text.startswith("# NO-GO at 5k: critic loss is 20, above 10 since step 20")
    return text


@pytest.mark.parametrize(
    ("module", "name", "missing"),
    [
        (draw, "overview_picture", "The plot of `the whole run`"),
        (draw, "panel_picture", "The plot of `critic_loss`"),
        (draw, "_draw", "The plot of `critic_loss`"),
        (plots, "overview_panels", "The plots could not be made"),
        (plots, "check_panels", "The plots could not be made"),
        (plots, "before_learning", "The plots could not be made"),
        (markdown, "build_stage_view", "The full report"),
        (markdown, "markdown_environment", "The full report"),
        (view, "reward_split", "The full report"),
        (view, "episode_quarters", "The full report"),
        (view, "integrity_rows", "The full report"),
        (view, "describe_changes", "The full report"),
        (view, "next_stage_cost", "The full report"),
    ],
)
def test_a_part_of_the_report_that_breaks_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: Any, name: str, missing: str
) -> None:
    monkeypatch.setattr(module, name, boom)
    text = stands(judged(tmp_path))
    assert missing in text
    assert "ValueError: it broke" in text


def test_a_context_that_breaks_is_named(tmp_path: Path) -> None:
    text = stands(judged(tmp_path, context=boom))
    assert (
        "What the report shows besides the verdict could not be made (ValueError: it broke)" in text
    )
    assert "## Integrity" in text  # the rest of the report is there


def test_nothing_is_missing_from_a_sound_report(tmp_path: Path) -> None:
    assert "Missing in this report" not in stands(judged(tmp_path))


@pytest.mark.parametrize("name", ["supervision_rows", "interim_gates", "raised_alerts"])
def test_what_a_training_left_behind_may_be_unreadable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    gate = write_gate(tmp_path / "gate.yaml")
    folder = write_run(tmp_path / "pipeline", loss=20.0, gate=gate)
    directory = PipelineDirectory.view(tmp_path / "pipeline")
    assert directory is not None
    run = directory.record.stages["5k"].runs[-1]
    monkeypatch.setattr(f"flows.judging.supervision_rows.{name}", boom)
    found = judge_directory(
        folder,
        Rules(stage="5k", gate=gate, planned_steps=400),
        Asked(),
        out=folder,
        context=lambda judgement: stage_context("5k", run, directory, judgement),
    )
    text = stands(found)
    assert "could not be made (ValueError: it broke)" in text
    assert "drive, seed 0, 5k" in text


@pytest.mark.parametrize("name", ["render_pipeline_markdown", "pipeline_context"])
def test_the_pipelines_report_falls_back_to_its_verdicts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    write_run(tmp_path / "p", loss=20.0, gate=write_gate(tmp_path / "gate.yaml"))
    directory = PipelineDirectory.view(tmp_path / "p")
    assert directory is not None
    monkeypatch.setattr(pipeline_report, name, boom)
    text = save_pipeline_report(directory).read_text(encoding="utf-8")
    assert "The full report could not be made (ValueError: it broke)." in text
    assert "5k run-001 NO_GO" in text


class Gone(SecondReader):
    """A second reader whose process is not there."""

    def __init__(self) -> None:
        pass

    def read(self, files: object) -> Any:
        del files
        raise BrokenPipeError("no such process")


def test_a_second_reader_that_is_gone_is_a_finding(tmp_path: Path) -> None:
    found = judged(tmp_path, reader=Gone())
    reader = next(f for f in found.judgement.result.findings if f.check == "independent_reader")
    assert "BrokenPipeError" in reader.reason
    assert found.report.is_file()


def test_a_run_whose_name_is_no_utf_8_is_judged(tmp_path: Path) -> None:
    run = write_events(tmp_path / "run\udc80", loss=20.0)
    found = judge_directory(
        run,
        Rules(stage="5k", gate=write_gate(tmp_path / "gate.yaml"), planned_steps=400),
        Asked(),
        out=tmp_path / "out",
        context=lambda _: CONTEXT,
    )
    stands(found)
    assert from_json(found.gate_json.read_text(encoding="utf-8")).run == str(run)


def test_tiny_values_of_a_real_run_are_judged_and_drawn(tmp_path: Path) -> None:
    run = SHARED / "recipes" / "013-5k"
    if not run.is_dir():
        pytest.skip("reference runs are not there")
    rules = Rules(stage="5k", gate="5k", planned_steps=5000)
    found = judge_run.judge_directory(run, rules, Asked(), out=tmp_path, context=lambda _: CONTEXT)
    result = found.judgement.result
    assert (result.verdict, result.diagnoses[0].cause) == (Verdict.NO_GO, "dead_actor")
    assert "Missing in this report" not in found.report.read_text(encoding="utf-8")
    assert (tmp_path / "plots" / "overview.png").stat().st_size > 1000
