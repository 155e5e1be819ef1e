"""Options, exit codes and what a person reads when something is wrong."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from flows.cli.every_command import app
from flows.pipeline.request import RunRequest, merge_overrides
from gates.findings import Verdict

ROOT = Path(__file__).resolve().parents[2]
REAL_RUNS = ROOT.parent / "shared" / "runs" / "real"
MakeRequest = Callable[..., RunRequest]


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cwd").mkdir()
    monkeypatch.chdir(tmp_path / "cwd")


def gonogo(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def refused(*arguments: str, code: int = 2) -> str:
    """Run a command that must be refused in plain words, and return them."""
    result = gonogo(*arguments)
    assert result.exit_code == code, result.output
    assert "Traceback" not in result.output
    assert result.stdout == ""
    return result.stderr


@pytest.fixture
def events(tmp_path: Path, files: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Event files of another trainer: no run.json beside them."""
    monkeypatch.syspath_prepend(Path(__file__).parent)
    from fake_trainer import log

    log(tmp_path / "logs", 500, 1.0)
    return tmp_path / "logs"


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys, flows.cli\n"
        "from flows.cli.every_command import app\n"
        "try: app(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'prefect', 'pandas', 'matplotlib', 'torch', 'numpy', 'pydantic', 'jinja2'}\n"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True
    )
    assert done.stderr == "[]\n"
    assert "gonogo doctor" in done.stdout


@pytest.mark.parametrize("command", ["run", "stage", "gate", "report", "doctor"])
def test_every_command_explains_itself(command: str) -> None:
    result = gonogo(command, "--help")
    assert result.exit_code == 0
    assert command in result.output


def test_a_usage_error_exits_with_2() -> None:
    assert gonogo("run", "--speed", "3").exit_code == 2
    assert gonogo("gate").exit_code == 2
    assert gonogo("report", "x", "--format", "pdf").exit_code == 2


def test_an_unknown_preset_is_refused_with_the_nearest_one() -> None:
    text = refused("run", "--preset", "drvie", "--stages", "5k")
    assert text.startswith("gonogo: unknown preset 'drvie'; did you mean drive? There are carla,")
    assert not Path("runs").exists()


def test_several_mistakes_are_listed_together() -> None:
    text = refused("run", "--preset", "drvie", "--stages", "5k,6k", "--set", "x")
    assert text.startswith("gonogo: 3 mistakes:\n")
    assert len(text.splitlines()) == 4


def test_a_seed_out_of_range_is_refused() -> None:
    assert "--seeds -1: give numbers and ranges" in refused("run", "--seed", "-1")
    text = refused("run", "--seed", str(2**31), "--preset", "pendulum")
    assert "must be at least 0 and below 2147483648" in text


def test_a_missing_directory_is_refused() -> None:
    assert refused("gate", "nowhere", "--stage", "5k") == (
        "gonogo: nowhere: no such folder. Name the folder that holds the event files.\n"
    )


def test_a_file_in_place_of_a_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "events.out.tfevents.1").write_bytes(b"")
    text = refused("gate", str(tmp_path / "events.out.tfevents.1"), "--stage", "5k")
    assert "a file, not a folder" in text


def test_an_empty_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    text = refused("gate", str(tmp_path / "empty"), "--stage", "5k")
    assert str(tmp_path / "empty") in text
    assert not Path("gonogo-reports").exists()


def test_a_text_file_that_bears_an_event_files_name_is_refused(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "events.out.tfevents").write_text("hello, this is text\n" * 20)
    text = refused("gate", str(tmp_path / "logs"), "--stage", "5k")
    assert "events.out.tfevents" in text
    assert not Path("gonogo-reports").exists()


def test_a_directory_without_a_stage_asks_for_one(events: Path) -> None:
    assert "--stage 5k" in refused("gate", str(events))


def test_an_unknown_stage_or_gate_is_refused(events: Path) -> None:
    assert "unknown stage '5kk'; did you mean 5k?" in refused("gate", str(events), "--stage", "5kk")
    text = refused("gate", str(events), "--stage", "5k", "--gate", "no.yaml")
    assert "no.yaml" in text


def test_another_trainers_directory_is_judged_and_left_as_it_is(events: Path, files: Path) -> None:
    before = sorted(events.iterdir())
    arguments = ("gate", str(events), "--stage", "mine", "--gate", str(files / "loss.yaml"))
    result = gonogo(*arguments)
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[-1].startswith("GO  mine: ")
    assert sorted(events.iterdir()) == before
    folder = Path("gonogo-reports") / "logs"
    assert {"gate.json", "report.md"} <= {path.name for path in folder.iterdir()}

    as_json = gonogo(*arguments, "--json", "--no-cross-check", "--out", "here")
    assert as_json.exit_code == 0
    assert as_json.stdout == Path("here/gate.json").read_text()
    assert json.loads(as_json.stdout)["verdict"] == "GO"


@pytest.mark.parametrize(
    ("limits", "code"), [("{warn: 0.5}", 4), ("{fail: 0.5}", 3), ("{fail: 2}", 0)]
)
def test_the_exit_code_is_the_verdict(events: Path, files: Path, limits: str, code: int) -> None:
    gate = files / "loss.yaml"
    gate.write_text(gate.read_text().replace("{warn: 5, fail: 10}", limits))
    result = gonogo("gate", str(events), "--stage", "mine", "--gate", str(gate), "--out", "o")
    assert result.exit_code == code, result.output


def test_the_planned_steps_decide(events: Path) -> None:
    result = gonogo("gate", str(events), "--stage", "5k", "--out", "o", "--no-cross-check")
    assert result.exit_code == 3
    assert json.loads(Path("o/gate.json").read_text())["planned_steps"] == 5000
    gonogo("gate", str(events), "--stage", "5k", "--out", "o", "--planned-steps", "700")
    assert json.loads(Path("o/gate.json").read_text())["planned_steps"] == 700
    assert gonogo("gate", str(events), "--stage", "5k", "--planned-steps", "0").exit_code == 2


def test_an_output_directory_that_cannot_be_written_is_one_sentence(
    events: Path, files: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    text = refused(
        *("gate", str(events), "--stage", "m", "--gate", str(files / "loss.yaml")),
        *("--out", str(tmp_path / "file" / "out")),
        code=1,
    )
    assert text.startswith("gonogo: The report cannot be written to ")
    assert text.endswith(": Not a directory.\n")


def test_a_full_disk_is_one_sentence_and_leaves_nothing_half_written(
    events: Path, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import gates.files

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(gates.files.os, "fsync", full)
    text = refused(
        *("gate", str(events), "--stage", "m", "--gate", str(files / "loss.yaml"), "--out", "o"),
        code=1,
    )
    assert "No space left on device" in text
    assert "o" in text
    assert [path for path in Path("o").rglob("*") if path.is_file()] == []


def test_debug_shows_the_traceback() -> None:
    result = gonogo("gate", "nowhere", "--stage", "5k", "--debug")
    assert result.exit_code == 2
    assert "Traceback (most recent call last)" in result.stderr


def test_a_bug_is_not_shown_as_a_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(request: RunRequest) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(RunRequest, "completed", broken)
    assert refused("run", code=1) == (
        "gonogo broke: RuntimeError: a bug. Run again with --debug to see where.\n"
    )


def test_a_report_needs_something_judged(tmp_path: Path) -> None:
    assert "judge it first with gonogo gate" in refused("report", str(tmp_path))


@pytest.mark.parametrize("form", ["md", "html", "latex"])
def test_a_judged_directory_is_rendered_in_every_form(events: Path, files: Path, form: str) -> None:
    gate = files / "loss.yaml"
    gonogo("gate", str(events), "--stage", "m", "--gate", str(gate), "--out", "o")
    verdict = Path("o/gate.json").read_bytes()
    result = gonogo("report", "o", "--format", form)
    assert result.exit_code == 0, result.output
    assert "Critic loss bounded" in Path(result.stdout.strip()).read_text()
    assert Path("o/gate.json").read_bytes() == verdict


def test_an_existing_pipeline_gives_what_is_not_said(
    make_request: MakeRequest, files: Path
) -> None:
    request = make_request("train.loss=2.0", seeds=(3,))
    request.open(request.plan()).close()

    def asked(**options: object) -> RunRequest:
        return RunRequest.asked({"out": request.out, **options}).completed()

    assert asked() == request
    assert asked(overrides=["train.loss=3", "env.x=1"]).overrides == ("train.loss=3", "env.x=1")
    fresh = RunRequest.asked({"preset": "drive"}).completed()
    assert fresh.out.parent == Path("runs").absolute()
    assert fresh.out.name.startswith("drive-seed0-")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--stages", ""), "--stages: name at least one stage"),
        (("--stages", " , "), "--stages: name at least one stage"),
        (("--seeds", ""), "--seeds : give numbers and ranges"),
        (("--wait-h", "0"), "--wait-h 0: must be above 0 and at most 8,760"),
        (("--wait-h", "nan"), "--wait-h: input should be a finite number"),
        (("--reason", "none"), "--reason and --name belong to --override-no-go"),
        (("--override-no-go", "5k", "--reason", "known"), "--override-no-go needs --out"),
        (("--jobs", "2"), "--jobs, --engine and --dask-address need several --seeds"),
    ],
)
def test_options_that_say_nothing_or_contradict_each_other_are_refused(
    options: tuple[str, ...], says: str
) -> None:
    assert says in refused("run", "--preset", "pendulum", *options)
    assert not Path("runs").exists()


def test_new_overrides_replace_old_ones_of_the_same_key() -> None:
    assert merge_overrides(["train.a=1", "train.b=2"], ["train.a=3"]) == ("train.b=2", "train.a=3")


@pytest.mark.skipif(not REAL_RUNS.is_dir(), reason="the recorded runs are not beside the project")
def test_a_recorded_run_of_another_trainer_ends_no_go() -> None:
    result = gonogo("gate", str(REAL_RUNS / "d-diagnostic"), "--stage", "5k")
    assert result.exit_code == 3, result.output
    assert result.stdout.splitlines()[-1].startswith(f"{Verdict.NO_GO.value}  5k: ")
    assert (Path("gonogo-reports") / "d-diagnostic" / "report.md").is_file()


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("gate", "--stage", "5k", "--no-cross-check"), 3),
        (("tags",), 0),
        (("history", "--json"), 1),
    ],
)
def test_nobody_has_to_read_to_the_end(
    events: Path, tmp_path: Path, arguments: tuple[str, ...], code: int
) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "gonogo", arguments[0], str(events), *arguments[1:]],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=writer,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    finally:
        os.close(writer)
    assert (done.returncode, done.stderr) == (code, "")


@pytest.mark.parametrize("option", ["--out", "--note"])
def test_a_training_needs_names_that_are_text(option: str) -> None:
    said = refused("run", "--preset", "pendulum", "--stages", "5k", option, "a\udcff")
    assert f"{option}: " in said
    assert "no UTF-8" in said
