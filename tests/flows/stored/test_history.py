"""The table of judged runs: what it shows, what it reads, and what it does with broken files."""

from __future__ import annotations

import json
import os
import re
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len
from typer.testing import CliRunner, Result

from flows.cli.every_command import app
from flows.commands.history import show_history
from flows.records.group_record import GroupRecord, JointRecord, StageJoints
from flows.records.json_file import write_state
from flows.stored.history import read_history
from gates.findings import Verdict
from tests.flows import judged_runs as build


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A GO, a later NO_GO after it, and another preset's GO between them."""
    monkeypatch.chdir(tmp_path)
    gate = build.write_gate(tmp_path / "5k.yaml")
    folder = tmp_path / "runs"
    build.write_run(folder / "one", started_at="2026-01-01T10:00:00+00:00", gate=gate)
    build.write_run(
        folder / "one",
        number=2,
        started_at="2026-01-03T10:00:00Z",
        loss=99.0,
        actor_lr=0.5,
        gate=gate,
    )
    build.write_run(
        folder / "two", preset="pendulum", seed=7, started_at="2026-01-02T10:00:00+00:00", gate=gate
    )
    return folder


def gonogo(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["history", *arguments])


def as_json(*arguments: str) -> dict[str, Any]:
    result = gonogo(*arguments, "--json")
    assert result.exit_code == 0, result.output
    return dict(json.loads(result.stdout))


def test_the_newest_run_comes_first_with_all_that_is_asked(runs: Path) -> None:
    newest, middle, oldest = as_json()["runs"]
    assert newest["run"] == "run-002"
    assert newest["verdict"] == "NO_GO"
    assert newest["deciding_check"] == "critic_loss"
    assert newest["started_at"] == "2026-01-03T10:00:00+00:00"
    assert newest["config_sha256"].startswith("0500000")
    assert newest["steps_per_s"] == build.STEPS / 4.0
    assert (middle["preset"], middle["seed"], middle["stage"]) == ("pendulum", 7, "5k")
    assert (oldest["verdict"], oldest["deciding_check"], oldest["cause"]) == ("GO", "", "")


def test_the_plain_table_has_one_line_a_run_and_aligned_columns(runs: Path) -> None:
    lines = gonogo().output.splitlines()
    assert len(lines) == 4
    assert lines[0].split()[:3] == ["started", "(UTC)", "preset"]
    assert lines[1].startswith("2026-01-03 10:00  drive ")
    assert "NO_GO" in lines[1]
    assert "critic_loss" in lines[1]
    assert len({line.index("5k") for line in lines[1:]}) == 1


def test_filters_and_limit(runs: Path) -> None:
    assert [row["preset"] for row in as_json("--preset", "pendulum")["runs"]] == ["pendulum"]
    assert as_json("--stage", "1m")["runs"] == []
    limited = as_json("--limit", "1")
    assert [row["run"] for row in limited["runs"]] == ["run-002"]
    assert limited["older"] == 2
    assert len(as_json("--preset", "drive", "--limit", "2")["runs"]) == 2


def test_seeds_that_were_judged_together_are_a_row_of_their_own(runs: Path) -> None:
    joint = JointRecord(
        joint="joint-001",
        verdict=Verdict.NO_GO,
        deciding="1 of 3 seeds passed, all are needed",
        judged_at="2026-01-02T12:00:00+00:00",
        seeds_needed="all",
        runs={0: "run-001", 1: "run-001", 2: "run-001"},
    )
    group = GroupRecord(preset="drive", preset_source="drive", seeds=(0, 1, 2), created_at="")
    (runs / "group").mkdir()
    stage = StageJoints(planned_steps=5_000, gate="5k", joints=(joint,))
    write_state(runs / "group" / "group.json", group.with_stage("5k", stage))
    rows = as_json()["runs"]
    assert [row["run"] for row in rows] == ["run-002", "joint-001", "run-001", "run-001"]
    assert rows[1]["seeds"] == [0, 1, 2]
    assert "NO_GO" in gonogo().output.splitlines()[2]
    assert "0-2" in gonogo().output.splitlines()[2]
    assert [row["run"] for row in as_json("--limit", "2")["runs"]] == ["run-002", "joint-001"]
    assert as_json("--limit", "2")["older"] == 2
    assert [row["run"] for row in as_json("--preset", "pendulum")["runs"]] == ["run-001"]


def test_a_later_judgement_is_a_row_of_its_own(runs: Path, tmp_path: Path) -> None:
    run = runs / "one" / "5k" / "run-001"
    strict = build.write_gate(tmp_path / "strict.yaml", fail=0.1)
    build.judge_into(run, strict, out=run / "rejudged-001")
    rows = as_json()["runs"]
    assert [(row["run"], row["verdict"]) for row in rows if row["run"].startswith("run-001 ")] == [
        ("run-001 rejudged-001", "NO_GO")
    ]
    assert len(rows) == 4


def test_a_judged_folder_of_another_trainer_is_named_after_what_was_judged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    logs = build.write_events(tmp_path / "logs" / "td3")
    gate = build.write_gate(tmp_path / "5k.yaml")
    build.judge_into(logs, gate, out=tmp_path / "gonogo-reports" / "td3")
    (row,) = as_json("gonogo-reports")["runs"]
    assert (row["run"], row["preset"], row["steps_per_s"]) == ("td3", "", None)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"{", "not a gate.json"),
        (b"[1]", "not a gate.json"),
        (b'{"format": 99}', "format 1"),
        (b'{"format": 1, "verdict": "MAYBE"}', "not a gate.json"),
        (b"\xff\xfe", "no JSON text"),
        (b"[" * 200_000, "no JSON text"),
        (b"", "not a gate.json"),
    ],
)
def test_a_gate_json_that_cannot_be_read_is_listed_with_one_sentence(
    runs: Path, content: bytes, reason: str
) -> None:
    path = runs / "one" / "5k" / "run-001" / "gate.json"
    path.write_bytes(content)
    told = as_json()
    assert len(told["runs"]) == 2
    ((unreadable),) = told["unreadable"]
    assert unreadable["path"] == str(path.relative_to(Path.cwd()))
    assert reason in unreadable["reason"]
    lines = [line for line in gonogo().output.splitlines() if line.startswith("Not readable: ")]
    assert len(lines) == 1


def test_a_damaged_pipeline_json_hides_no_run(runs: Path) -> None:
    (runs / "one" / "pipeline.json").write_text("{")
    told = as_json()
    assert len(told["runs"]) == 3
    assert len(told["unreadable"]) == 1
    assert [row["steps_per_s"] for row in told["runs"]] == [None, 100.0, None]


def test_a_damaged_run_json_hides_no_run(runs: Path) -> None:
    (runs / "one" / "5k" / "run-002" / "run.json").write_text('{"started_at": 3')
    assert len(as_json()["runs"]) == 3


def test_runs_without_a_verdict_are_counted(runs: Path) -> None:
    run = build.write_run(runs / "one", number=3)
    build.record_run(runs / "one", run, None)
    assert as_json()["without_verdict"] == 1
    assert "1 recorded without a verdict" in gonogo().output


def test_no_judged_run_is_said_and_no_folder_is_a_mistake(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    missing = gonogo()
    assert missing.exit_code == 2
    assert missing.stderr == "gonogo: runs: no such folder. Name a folder that holds runs.\n"
    (tmp_path / "runs").mkdir()
    assert gonogo().output == "No judged run below runs.\n"
    assert gonogo("--preset", "x").output == "No judged run below runs of preset x.\n"
    assert gonogo("--limit", "0").exit_code == 2


def test_the_terminal_table_fits_100_columns(
    runs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = runs / "one" / "5k" / "run-002" / "gate.json"
    told = json.loads(path.read_text())
    told["diagnoses"] = [
        {
            "cause": "actor_gradient_past_the_policy_output",
            "title": "t",
            "evidence": [],
            "refuted_by": "",
            "fix": {"text": "f"},
        }
    ]
    told["preset"] = "drive-with-a-rather-long-name"
    told["verdict"] = "CONDITIONAL"
    path.write_text(json.dumps(told))
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "100")
    show_history(runs, preset=None, stage=None, limit=None, as_json=False)
    shown = re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out)
    assert max(cell_len(line.rstrip()) for line in shown.splitlines()) <= 100
    squeezed = "".join(shown.split())
    assert "CONDITIONAL" in shown
    assert "run-002" in shown
    assert "critic_loss" in squeezed


def test_control_characters_of_a_gate_json_never_reach_the_terminal(runs: Path) -> None:
    path = runs / "one" / "5k" / "run-002" / "gate.json"
    told = json.loads(path.read_text())
    told["preset"] = "\x1b[2Jevil\nline"
    path.write_text(json.dumps(told))
    output = gonogo().output
    assert "\x1b" not in output
    assert len(output.splitlines()) == 4


def test_a_thousand_runs_cost_one_look_at_each_file_and_no_event_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = build.write_gate(tmp_path / "5k.yaml")
    pattern = build.write_run(tmp_path / "pattern", gate=gate)
    record = (tmp_path / "pattern" / "pipeline.json").read_bytes()
    root = tmp_path / "runs"
    for number in range(1000):
        run = root / f"p{number // 10:03d}" / "5k" / f"run-{number % 10:03d}"
        (run / "events").mkdir(parents=True)
        (run / "checkpoints").mkdir()
        for name in ("gate.json", "run.json"):
            os.link(pattern / name, run / name)
    for folder in root.iterdir():
        (folder / "pipeline.json").write_bytes(record)
    looked_at: Counter[str] = Counter()
    listed: Counter[str] = Counter()

    def opened(event: str, arguments: tuple[Any, ...]) -> None:
        # A hook stays for good, and may be handed any object of any later test.
        if not watching or event not in ("open", "os.scandir"):
            return
        path = str(arguments[0])
        if path.startswith(str(root)):
            (looked_at if event == "open" else listed)[path] += 1

    watching = True
    sys.addaudithook(opened)
    try:
        history = read_history(root)
        every = Counter(looked_at)
        looked_at.clear()
        newest = read_history(root, limit=5)
        few = Counter(looked_at)
    finally:
        watching = False
    assert len(history.rows) == 1000
    assert set(every.values()) == {1}
    assert Counter(Path(p).name for p in every) == {
        "gate.json": 1000, "run.json": 1000, "pipeline.json": 100,
    }  # fmt: skip
    assert max(listed.values()) == 2
    assert not [path for path in listed if path.endswith(("events", "checkpoints"))]
    assert len(newest.rows) == 5
    assert newest.older == 995
    assert sum(Path(p).name == "gate.json" for p in few) == 5


def test_history_writes_nothing(runs: Path) -> None:
    before = build.snapshot(runs)
    gonogo()
    assert build.snapshot(runs) == before
