"""Every command takes a folder of any name, on any terminal, and the commands that it prints name that folder."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flows import cli
from flows.cli import exit as leaving
from flows.settings.shell_path import shell_path

RUNS = Path(__file__).resolve().parents[1] / "fixtures" / "runs-0.1"
NAMES = (
    "lr=[1e-3] (b) {run} {{ %s $HOME `id` $(id) 'q' \"d\" \\ <b>&amp;|;~#!*?",
    "-rf\n\t\x01\x1b[31m\x7f ",
    os.fsdecode("ü-α-🚗\u202e\u2028".encode() + b"\xff\xfe"),
    "run-001 tfevents events",
)
COMMANDS = (
    ("gate", "{logs}", "--stage", "5k"),
    ("gate", "{run}"),
    ("tags", "{logs}"),
    ("report", "{run}", "--format", "html"),
    ("report", "{run}", "--format", "latex"),
    ("report", "{pipeline}"),
    ("history", "{top}"),
    ("history", "{top}", "--json"),
    ("compare", "{run}", "{run}"),
    ("backtest", "{top}", "--gate", "5k"),
    ("rollback", "{run}", "--to", "100"),
    ("reject", "{run}", "--reason", "a test"),
)
PLACES = ("{top}", "{logs}", "{pipeline}", "{run}")
ANY_NAME = st.binary(min_size=1, max_size=60).filter(
    lambda name: b"/" not in name and b"\0" not in name and name not in (b".", b"..")
)


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch) -> Iterator[object]:
    """Call the command line in this process, with a terminal of some encoding."""

    def call(*arguments: str, encoding: str) -> tuple[int, str]:
        said = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stdout", said)
            patch.setattr(sys, "stderr", said)
            patch.setattr(sys, "argv", ["gonogo", *arguments])
            with pytest.raises(SystemExit) as ended:
                cli.main()
        said.flush()
        assert isinstance(ended.value.code, int)
        return ended.value.code, said.buffer.getvalue().decode(encoding)

    yield call
    # This process goes on after the command.
    leaving.process_ends_with_the_command = False


def places(top: Path) -> dict[str, str]:
    shutil.copytree(RUNS / "early", top / "p")
    (run,) = top.glob("p/*/run-*")
    shutil.copytree(run / "events", top / "logs")
    return {"top": str(top), "logs": str(top / "logs"), "pipeline": str(top / "p"), "run": str(run)}


def filled(command: tuple[str, ...], found: dict[str, str]) -> list[str]:
    return [part.format(**found) if part in PLACES else part for part in command]


@pytest.mark.parametrize("name", NAMES, ids=("punctuation", "control", "no text", "misleading"))
def test_every_command_takes_any_folder(
    tmp_path: Path, called, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What gonogo says must fit a terminal that knows ASCII alone.
    monkeypatch.chdir(tmp_path)
    found = places(tmp_path / name)
    for command in COMMANDS:
        code, said = called(*filled(command, found), encoding="ascii")
        assert code in (0, 2, 3, 4), said
        assert "broke" not in said
        assert "Traceback" not in said


@settings(
    max_examples=4,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(name=ANY_NAME)
def test_looking_at_a_folder_of_any_name(tmp_path_factory, called, name: bytes) -> None:
    # Neither command writes into the current folder.
    top = tmp_path_factory.mktemp("any") / os.fsdecode(name)
    top.mkdir()
    found = places(top)
    for command in (("tags", "{logs}"), ("history", "{top}")):
        code, said = called(*filled(command, found), encoding="utf-8")
        assert code in (0, 2), said
        assert "broke" not in said


@settings(max_examples=60, deadline=None)
@given(name=ANY_NAME)
def test_a_shell_reads_a_printed_path_as_that_path(name: bytes) -> None:
    text = shell_path(Path(os.fsdecode(name)))
    assert "\n" not in text
    assert "\x1b" not in text
    read = subprocess.run(
        ["bash", "-c", f"printf %s {os.fsdecode(os.fsencode(text))}"],
        capture_output=True,
        check=True,
        env={"LC_ALL": "C"},
    ).stdout
    assert os.path.normpath(read) == os.path.normpath(name)
    assert not read.startswith(b"-")
