"""Run directories that gonogo 0.1 wrote work with every command of today."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from flows.commands.backtest import backtest_directories
from flows.commands.compare import compare_runs
from flows.commands.decide import decide
from flows.commands.gate import judge_with, render_report
from flows.commands.history import show_history
from flows.errors import UsageError
from flows.judging.rules import Asked
from flows.pipeline.kept import kept_joint
from flows.pipeline.request import RunRequest
from flows.pipeline.stage import reason_to_train
from flows.records.group_dir import read_group
from flows.records.recipe import recipe_hash
from flows.records.run_dir import PipelineDirectory, read_record
from flows.settings.plan import StagePlan
from flows.training.interrupted import interrupted_run
from gates.checks.gate_file import load_gate

FIXTURE = Path(__file__).parents[2] / "fixtures" / "runs-0.1"
WRITTEN_BELOW = "/srv/gonogo"
VERDICTS = {
    "conditional/careful/run-001": "CONDITIONAL",
    "early/early/run-001": "GO",
    "group/5k/joint-001": "GO",
    "group/careful/joint-001": "CONDITIONAL",
    "group/seed-0/5k/run-001": "GO",
    "group/seed-0/careful/run-001": "CONDITIONAL",
    "group/seed-1/5k/run-001": "GO",
    "group/seed-1/careful/run-001": "CONDITIONAL",
    "single/50k/run-001": "NO_GO",
    "single/5k/run-001": "GO",
    "stopped/hot/run-001": "NO_GO",
}


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy in another place, with the settings files where the state files say they are."""
    folder = tmp_path / "runs-0.1"
    shutil.copytree(FIXTURE, folder)
    for path in (*folder.rglob("pipeline.json"), *folder.rglob("group.json")):
        path.write_text(path.read_text().replace(WRITTEN_BELOW, str(folder)))
    monkeypatch.chdir(tmp_path)
    return folder


def request(runs: Path, name: str, stage: str, *seeds: int, **changes: object) -> RunRequest:
    content = {
        "preset": str(runs / "small.yaml"),
        "stages": (str(runs / f"{stage}.yaml"),),
        "seeds": seeds,
        "out": runs / name,
    }
    return RunRequest.model_validate({**content, **changes})


def renew(pipeline: Path, stage: StagePlan) -> None:
    """Record the recipe and the rules of today: they name the trainer's source and absolute paths."""
    record = json.loads((pipeline / "pipeline.json").read_text())
    for run in record["stages"][stage.name]["runs"]:
        run["recipe"] = recipe_hash(stage)
        run["gate_sha256"] = load_gate(stage.gate).sha256
    (pipeline / "pipeline.json").write_text(json.dumps(record))


def test_history_lists_every_verdict(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert show_history(runs, preset=None, stage=None, limit=None, as_json=True) == 0
    told = json.loads(capsys.readouterr().out)
    rows = {str(Path(row["folder"]).relative_to(runs)): row for row in told["runs"]}
    assert {name: row["verdict"] for name, row in rows.items()} == VERDICTS
    assert rows["conditional/careful/run-001"]["decision"] == "approved by the reviewer"
    assert rows["single/50k/run-001"]["deciding_check"] == "learning_return"
    assert rows["stopped/hot/run-001"]["deciding"].startswith("Stopped at step 3,103 of 200,000")
    assert not told["unreadable"]
    assert told["without_verdict"] == 1, "the interrupted one"


@pytest.mark.parametrize("name", ["stopped/hot/run-001", "early/early/run-001"])
def test_judged_again_by_its_own_gate_a_run_gets_the_same_verdict(runs: Path, name: str) -> None:
    before = json.loads((runs / name / "gate.json").read_text())
    after = judge_with(runs / name, Asked(cross_check=False)).judgement.result
    assert after.verdict.value == before["verdict"] == VERDICTS[name]
    assert (runs / name / "rejudged-001" / "gate.json").is_file(), "the first one is never replaced"


@pytest.mark.parametrize("form", ["md", "html", "latex"])
def test_every_report_can_be_written_again(
    runs: Path, form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("single/50k/run-001", "conditional/careful/run-001", "stopped/hot/run-001"):
        assert render_report(runs / name, form) == 0
        written = Path(capsys.readouterr().out.strip())
        assert VERDICTS[name].replace("_", "-").split("-")[0] in written.read_text()


def test_the_pipeline_report_still_tells_of_the_decision(
    runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert render_report(runs / "conditional", "md") == 0
    report = Path(capsys.readouterr().out.strip()).read_text()
    assert "CONDITIONAL, approved by the reviewer: critic loss of a small network" in report


def test_two_runs_can_be_compared(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    seeds = [runs / "group" / f"seed-{seed}" / "5k" for seed in (0, 1)]
    assert compare_runs(*seeds, stage=None, out=runs / "compared", as_json=True) == 0
    told = json.loads(capsys.readouterr().out)
    assert [told[side]["verdict"] for side in ("a", "b")] == ["GO", "GO"]
    assert (runs / "compared" / "report.md").is_file()


def test_a_backtest_with_their_own_gates_flips_nothing(
    runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folders = [runs / "conditional", runs / "early"]
    for folder, gate in zip(folders, ("careful", "early"), strict=True):
        options = {"against": None, "stage": None, "labels": None, "jobs": 1}
        code = backtest_directories(
            [folder], as_json=True, gate=str(runs / f"{gate}-gate.yaml"), **options
        )
        told = json.loads(capsys.readouterr().out)
        assert (code, told["summary"]["flipped"], told["summary"]["not_judged"]) == (0, 0, 0)


@pytest.mark.parametrize(("name", "stage", "seed"), [("early", "early", 5), ("single", "5k", 0)])
def test_a_go_of_the_same_recipe_is_kept(runs: Path, name: str, stage: str, seed: int) -> None:
    asked = request(runs, name, stage, seed)
    plan = asked.plan()
    with asked.open(plan) as directory:
        assert "recipe" in (reason_to_train(plan.stages[0], directory) or "")
    renew(runs / name, plan.stages[0])
    with asked.open(plan) as directory:
        assert reason_to_train(plan.stages[0], directory) is None


def test_a_joint_go_of_the_same_runs_is_kept(runs: Path) -> None:
    path = runs / "group" / "group.json"
    record = json.loads(path.read_text())
    asked = request(runs, "group", "5k", 0, 1)
    stages = {seed: plan.stages[0] for seed, plan in asked.plans().items()}
    for seed, stage in stages.items():
        renew(runs / "group" / f"seed-{seed}", stage)
    record["stages"]["5k"]["joints"][0]["gate_sha256"] = load_gate(stages[0].gate).sha256
    path.write_text(json.dumps(record))
    with asked.open_group(asked.plans()[0]) as group:
        kept = kept_joint(stages, group, asked)
    assert kept is not None
    assert (kept.joint, kept.verdict.value) == ("joint-001", "GO")


def test_an_interrupted_training_can_be_resumed(runs: Path) -> None:
    asked = request(runs, "interrupted", "hot", 6, existing="resume", live="off")
    plan = asked.plan()
    with asked.open(plan) as directory:
        run = interrupted_run(plan.stages[0], directory)
    assert run is not None
    assert (run.run, run.state.value) == ("run-001", "cancelled")


def test_an_approval_is_recorded_for_a_run_and_for_several_seeds(
    runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert decide(runs / "group", kind="approved", reason="known", name="the reviewer") == 0
    assert "careful/joint-001: CONDITIONAL, approved by the reviewer" in capsys.readouterr().out
    one = runs / "group" / "seed-0"
    assert decide(one, kind="rejected", reason="too high", name="the reviewer") == 0
    record = read_record(one)
    run = record.last("careful") if record else None
    assert run is not None
    assert run.decision is not None
    assert run.decision.text == "CONDITIONAL, rejected by the reviewer: too high"
    assert "rejected by the reviewer: too high" in (one / "report.md").read_text()


def _without_what_is_new(record: dict[str, object]) -> dict[str, object]:
    """Leave out what 0.1 did not write: a live stop's short fact, whether an attempt can go on, seeds auto."""
    new = (("fact", ""), ("resumable", False), ("auto_seeds", False))
    return {key: value for key, value in record.items() if (key, value) not in new}


def test_state_files_say_the_same_after_they_were_written_again(runs: Path) -> None:
    def without(text: str, *keys: str) -> dict[str, object]:
        record = json.loads(text, object_hook=_without_what_is_new)
        return {key: value for key, value in record.items() if key not in keys}

    cases: list[tuple[Path, Callable[[Path], object]]] = [
        *((path, read_record) for path in runs.rglob("pipeline.json")),
        *((path, read_group) for path in runs.rglob("group.json")),
    ]
    assert len(cases) == 8
    for path, read in cases:
        record = read(path.parent)
        assert record is not None
        assert without(record.model_dump_json()) == without(path.read_text())  # type: ignore[attr-defined]


def test_a_folder_is_opened_for_reading_without_a_lock(runs: Path) -> None:
    directory = PipelineDirectory.view(runs / "stopped")
    assert directory is not None
    run = directory.record.last("hot")
    assert run is not None
    assert run.live_stop is not None
    assert (run.live_stop.check, run.live_stop.step) == ("critic_loss", 3_103)
    assert not (runs / "stopped" / ".lock").exists()


def test_the_report_of_several_seeds_is_written_again(
    runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = runs / "group" / "report.md"
    report.unlink()
    assert render_report(runs / "group", "md") == 0
    assert capsys.readouterr().out.strip() == str(report)
    assert "small, seeds 0,1" in report.read_text()
    with pytest.raises(UsageError, match="exists as md only"):
        render_report(runs / "group", "html")
