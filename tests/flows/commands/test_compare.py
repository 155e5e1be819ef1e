"""Two runs side by side: which folders are taken, what is printed, what is written and what is not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from flows.cli.every_command import app
from tests.flows import judged_runs as build


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A GO and a NO_GO after it, with another learning rate."""
    monkeypatch.chdir(tmp_path)
    gate = build.write_gate(tmp_path / "5k.yaml")
    pipeline = tmp_path / "runs"
    build.write_run(pipeline, loss=2.0, gate=gate)
    build.write_run(pipeline, number=2, loss=50.0, actor_lr=0.1, gate=gate)
    return pipeline


def gonogo(*arguments: str) -> Result:
    result = CliRunner().invoke(app, ["compare", *arguments])
    assert "Traceback" not in result.output
    return result


def told(*arguments: str) -> dict[str, Any]:
    result = gonogo(*arguments, "--json")
    assert result.exit_code == 0, result.output
    return dict(json.loads(result.stdout))


A, B = "runs/5k/run-001", "runs/5k/run-002"


def test_what_became_worse_is_said_with_its_numbers(runs: Path) -> None:
    content = told(A, B)
    assert (content["a"]["verdict"], content["b"]["verdict"]) == ("GO", "NO_GO")
    assert content["worse"] == ["critic_loss"]
    assert content["better"] == []
    assert content["same_rules"]
    (check,) = [check for check in content["checks"] if check["check"] == "critic_loss"]
    assert (check["a"]["value"], check["b"]["value"]) == (2.0, 50.0)
    assert (check["difference"], check["relative"]) == (48.0, 24.0)
    assert check["toward_limit"] is True
    assert content["config"] == [{"key": "train.actor_lr", "before": 0.001, "after": 0.1}]
    assert [point["mean_return"] for point in content["b"]["evaluations"]] == [50.0, 250.0, 450.0]


def test_the_other_way_round_it_is_better(runs: Path) -> None:
    content = told(B, A)
    assert (content["worse"], content["better"]) == ([], ["critic_loss"])


def test_the_terminal_says_it_in_lines_and_where_the_report_is(runs: Path) -> None:
    result = gonogo(A, B)
    assert result.exit_code == 0, result.output
    assert "Worse in B: 1" in result.output
    assert "critic_loss: PASS 2 -> FAIL 50, +48 (x 25)" in result.output
    assert "train.actor_lr: 0.001 -> 0.1" in result.output
    assert "Last evaluation, mean return: A 402 at step 400, B 450 at step 400" in result.output
    report = Path(result.output.splitlines()[-1].removeprefix("Report: "))
    assert report.read_text(encoding="utf-8").startswith("# A GO, B NO-GO: 1 check worse in B")
    assert (report.parent / "plots" / "comparison.png").read_bytes().startswith(b"\x89PNG")
    assert json.loads((report.parent / "comparison.json").read_text())["worse"] == ["critic_loss"]


def test_a_stage_folder_means_its_newest_run(runs: Path) -> None:
    assert told("runs/5k", A)["a"]["run"] == B


def test_a_pipeline_is_refused_with_what_to_name(runs: Path) -> None:
    refused = gonogo("runs", A)
    assert refused.exit_code == 2
    assert "runs is a pipeline with several stages" in refused.stderr
    assert "runs/5k" in refused.stderr


def test_a_run_without_a_verdict_is_judged_and_left_as_it_is(runs: Path) -> None:
    third = build.write_run(runs, number=3, stage="5k", loss=3.0)
    before = build.snapshot(runs)
    content = told(A, str(third))
    assert content["b"]["judged_now"]
    assert not content["a"]["judged_now"]
    assert not content["same_rules"]
    text = gonogo(A, str(third)).output
    assert "judged now" in text
    assert "different rules" in text
    assert build.snapshot(runs) == before


def test_a_damaged_gate_json_is_said_and_judged_anew(runs: Path) -> None:
    (runs / "5k" / "run-002" / "gate.json").write_text("{")
    content = told(A, B)
    assert content["b"]["judged_now"]
    assert content["b"]["remark"] == "its gate.json cannot be read."


def test_a_folder_of_another_trainer_takes_the_stage_of_the_other_run(
    runs: Path, tmp_path: Path
) -> None:
    logs = build.write_events(tmp_path / "logs")
    content = told(A, str(logs))
    assert content["b"]["stage"] == "5k"
    assert not content["config_known"]
    assert "Configuration: unknown" in gonogo(A, str(logs)).output
    before = build.snapshot(logs)
    assert gonogo(str(logs), A).exit_code == 0
    assert build.snapshot(logs) == before


def test_two_folders_of_another_trainer_need_a_stage(tmp_path: Path) -> None:
    logs = [str(build.write_events(tmp_path / name)) for name in ("x", "y")]
    refused = gonogo(*logs)
    assert refused.exit_code == 2
    assert "--stage 5k" in refused.stderr
    assert gonogo(*logs, "--stage", "5k", "--json").exit_code == 0


def test_stored_verdicts_are_compared_when_the_events_are_gone(runs: Path) -> None:
    for path in (runs / "5k" / "run-002" / "events").iterdir():
        path.unlink()
    content = told(A, B)
    assert content["worse"] == ["critic_loss"]
    assert content["b"]["evaluations"] == []
    assert content["b"]["remark"].startswith("its events cannot be drawn: ")
    assert gonogo(A, B).exit_code == 0


def test_json_writes_a_report_only_when_told_where(runs: Path, tmp_path: Path) -> None:
    told(A, B)
    assert not Path("gonogo-reports").exists()
    told(A, B, "--out", "here")
    assert (tmp_path / "here" / "report.md").is_file()


def test_other_runs_of_like_names_keep_their_report(runs: Path, tmp_path: Path) -> None:
    first = gonogo(A, B).output.splitlines()[-1]
    assert gonogo(A, B).output.splitlines()[-1] == first
    gate = tmp_path / "5k.yaml"
    for number in (1, 2):
        build.write_run(tmp_path / "more" / "runs", number=number, gate=gate)
    other = gonogo("more/" + A, "more/" + B).output.splitlines()[-1]
    assert other == first.replace("/report.md", "-2/report.md")


@pytest.mark.parametrize("pair", [("nowhere", A), (A, "5k.yaml")])
def test_what_is_no_folder_is_refused(runs: Path, pair: tuple[str, str]) -> None:
    refused = gonogo(*pair)
    assert refused.exit_code == 2
    assert "Name a folder that holds runs." in refused.stderr


def test_a_folder_that_cannot_be_written_is_said_in_one_sentence(runs: Path) -> None:
    refused = gonogo(A, B, "--out", "5k.yaml")
    assert refused.exit_code == 1
    assert refused.stderr.startswith("gonogo: The comparison cannot be written to ")


def drove(successes: int) -> dict[str, Any]:
    episode = {
        "return": 200.0,
        "ending": "time_limit",
        "route_completion": 1.0,
        "mean_speed_mps": 7.0,
        "comfortable_share": 0.5,
        "driving_score_2_0": 60.0,
        "driving_score_2_1": 59.0,
    }
    return {
        "driver": "policy",
        "routes": "held_out",
        "conditions": {},
        "missing": "",
        "episodes": [episode | {"success": number < successes} for number in range(20)],
    }


def test_how_both_drove_stands_side_by_side(runs: Path, tmp_path: Path) -> None:
    for name, successes in ((A, 19), (B, 3)):
        folder = Path(name) / "evaluations"
        folder.mkdir()
        content = {"format": 1, "step": 9, "drives": [drove(successes)]}
        (folder / "final.json").write_text(json.dumps(content))
    result = gonogo(A, B, "--out", str(tmp_path / "out"))
    assert "Driving, A: 95% of 20 held-out routes succeed" in result.output
    report = (tmp_path / "out" / "report.md").read_text()
    assert "| A | this policy | held-out | 20 | 95% (76.4% to 99.1%)" in report
    assert "| B | this policy | held-out | 20 | 15% (5.24% to 36%)" in report
    (row,) = told(A, B)["b"]["driving"]
    assert row["success"]["estimate"] == 0.15


def test_a_record_that_cannot_be_read_costs_no_comparison(runs: Path) -> None:
    (Path(A) / "evaluations").mkdir()
    (Path(A) / "evaluations" / "final.json").write_text("{")
    assert told(A, B)["a"]["driving"] == []
