"""The product imports its own packages, whatever PYTHONPATH holds; so do the processes that it starts."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import types
from pathlib import Path

import pytest

from flows.settings.trainers.own_trainer import callers_environment
from gonogo import start
from tests.flows.cockpit.served import Cockpit, wait_for, write_small_recipe
from tests.flows.judged_runs import write_events
from tests.gonogo.hostile import ROOT, command, gonogo, hostile_path


def test_the_folders_are_hostile(tmp_path: Path) -> None:
    path = hostile_path(tmp_path / "users")
    done = subprocess.run(
        [sys.executable, "-m", "flows", "--help"],
        env={**os.environ, "PYTHONPATH": path},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (1, "user's\n")


@pytest.mark.parametrize("arguments", [("--version",), ("--help",), ("carla-double", "--help")])
def test_it_introduces_itself(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    done = gonogo(tmp_path, *arguments)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert "gonogo" in done.stdout


def test_it_judges_compares_and_backtests(tmp_path: Path) -> None:
    for name, loss in (("a", 1.0), ("b", 2.0)):
        write_events(tmp_path / "logs" / name, loss=loss)
    judged = gonogo(tmp_path, "gate", "logs/a", "--stage", "5k", "--json")
    assert judged.returncode == 3, judged.stderr
    assert judged.stderr == ""
    findings = {f["check"]: f for f in json.loads(judged.stdout)["findings"]}
    assert findings["independent_reader"]["outcome"] == "PASS", "the second reader's process works"
    history = gonogo(tmp_path, "history", "gonogo-reports")
    assert history.returncode == 0, history.stderr
    assert "NO_GO" in history.stdout
    report = gonogo(tmp_path, "report", "gonogo-reports/a", "--format", "html")
    assert report.returncode == 0, report.stderr
    compared = gonogo(tmp_path, "compare", "logs/a", "logs/b", "--stage", "5k")
    assert compared.returncode == 0, compared.stderr
    replayed = gonogo(
        tmp_path, "backtest", "logs", "--gate", "5k", "--against", "50k", "--jobs", "2"
    )
    assert replayed.returncode in (0, 3), replayed.stderr
    assert replayed.stderr == ""


def test_it_trains(tmp_path: Path) -> None:
    options = write_small_recipe(tmp_path / "recipe")
    preset, stage = (str(tmp_path / "recipe" / f"{name}.yaml") for name in ("small", "first"))
    assert preset in options
    done = gonogo(tmp_path, "run", "--preset", preset, "--stages", stage, "--out", "out")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    assert json.loads((tmp_path / "out/first/run-001/gate.json").read_text())["verdict"] == "GO"


def test_the_caller_s_modules_stay_in_reach(tmp_path: Path) -> None:
    path = hostile_path(tmp_path / "users")
    (tmp_path / "users" / "probe.py").write_text(
        "import egg, flows, json, sys\n"
        "print(json.dumps([egg.FRESH, flows.__file__, sys.argv[1:], sys.path[:2]]))\n"
    )
    done = subprocess.run(
        [sys.executable, str(ROOT / "gonogo" / "start.py"), "probe", "--seed", "1"],
        env={**os.environ, "PYTHONPATH": path},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    fresh, ours, argv, search = json.loads(done.stdout)
    assert fresh
    assert ours == str(ROOT / "flows" / "__init__.py")
    assert argv == ["--seed", "1"]
    assert search == path.split(os.pathsep), "PYTHONPATH is searched as the caller wrote it"


def test_a_recipe_is_hashed_over_our_trainer(tmp_path: Path) -> None:
    code = (
        "import gonogo\n"
        "from flows.records.source_closure import imported_sources\n"
        "print(imported_sources(['trainer.loop'])['trainer'])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": hostile_path(tmp_path / "users")},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == str(ROOT / "trainer" / "__init__.py")


def test_a_trainer_gets_the_pythonpath_of_the_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", "/eggs/carla-0.9.16-py3.10-linux-x86_64.egg")
    assert callers_environment()["PYTHONPATH"] == os.environ["PYTHONPATH"]


@pytest.mark.slow
def test_the_doctor_checks_every_preset(tmp_path: Path) -> None:
    done = gonogo(tmp_path, "doctor")
    assert done.stderr == ""
    assert "user's" not in done.stdout
    assert re.search(r"ok +│ preset drive +│ Drive a closed", done.stdout), done.stdout


@pytest.mark.carla
def test_the_double_of_carla_serves(tmp_path: Path) -> None:
    pytest.importorskip("msgpack", reason="pip install 'gonogo[carla]' for the double of CARLA")
    path = hostile_path(tmp_path / "users")
    with subprocess.Popen(
        [*command(tmp_path), "carla-double", "--port", "0"],
        env={**os.environ, "PYTHONPATH": path},
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    ) as double:
        assert double.stdout is not None
        said = [double.stdout.readline() for _ in range(4)]
        double.send_signal(signal.SIGINT)
        assert double.stdout.read() == "The double has ended.\n"
    assert "listens on 127.0.0.1" in said[0]
    assert double.returncode == 0


@pytest.mark.slow
def test_the_cockpit_serves_and_runs(tmp_path: Path) -> None:
    options = write_small_recipe(tmp_path / "recipe")
    environment = {"PYTHONPATH": hostile_path(tmp_path / "users")}
    with Cockpit(tmp_path / "work", *options, environment=environment) as cockpit:
        begun = cockpit.start("staged-validation", preset="small", stages=["first"])
        wait_for(lambda: cockpit.state(begun) in ("COMPLETED", "FAILED", "CRASHED"))
        assert cockpit.run(begun)["state"]["name"] == "GO", cockpit.said()


def test_a_package_of_the_user_that_came_first_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    users = types.ModuleType("gates")
    users.__path__ = ["/users/gates"]
    monkeypatch.setitem(sys.modules, "gates", users)
    with pytest.raises(ImportError, match=r"own package 'gates'.*/users/gates"):
        start.load_packages("gates")
