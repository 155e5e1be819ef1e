"""`gonogo gate` without Typer takes exactly the command lines that Typer takes, and means the same by them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer
from hypothesis import example, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from flows.cli import gate, judge
from flows.cli.every_command import app

OPTIONS = (*gate.VALUES, *gate.FLAGS)
WORDS = st.one_of(
    st.sampled_from(
        (*OPTIONS, *(f"{name}=x" for name in OPTIONS), "--", "-", "--stag", "--help", "-h", "=", "")
    ),
    st.sampled_from(("logs", "5k", "400", "0", "007", "+5", "1_000", "٣", "9" * 19, "-1", "a b")),
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=4),
)


def by_typer(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> dict[str, Any] | None:
    asked: list[dict[str, Any]] = []

    def noted(directory: Path, **options: Any) -> int:
        asked.append({"directory": directory, **options})
        return 0

    with monkeypatch.context() as patch:
        patch.setattr(judge, "judge_and_show", noted)
        CliRunner().invoke(app, arguments)
    return asked[0] if asked else None


@example(words=["logs", "--stage", "5k", "--planned-steps", "400", "--json", "--out=a=b"])
@example(words=["logs", "--stage", "5k", "--stage", "50k", "--wait", "--wait"])
@settings(max_examples=150, deadline=None)
@given(words=st.lists(WORDS, max_size=5))
def test_what_it_takes_means_the_same_to_typer(words: list[str]) -> None:
    arguments = ["gate", *words]
    plain = gate.plain(arguments)
    if plain is None:
        return
    with pytest.MonkeyPatch.context() as monkeypatch:
        asked = by_typer(arguments, monkeypatch)
    assert asked is not None
    assert {**{key: asked[key] for key in asked if key not in plain}, **plain} == asked
    left = {key: value for key, value in asked.items() if key not in plain}
    assert not any(left.values()), "the defaults of both are nothing and no"


def test_it_knows_every_option() -> None:
    command = typer.main.get_command(app).get_command(None, "gate")  # type: ignore[attr-defined, arg-type]
    declared = {p.opts[0]: p.name for p in command.params if p.opts[0].startswith("--")}
    declared.pop("--help", None)
    assert declared == {n: key for n, (key, _) in gate.VALUES.items()} | dict(gate.FLAGS)


@pytest.mark.parametrize(
    "words", [(), ("--help",), ("logs", "--stage"), ("logs", "more"), ("logs", "--speed", "3")]
)
def test_help_and_mistakes_are_left_to_typer(words: tuple[str, ...]) -> None:
    assert gate.plain(["gate", *words]) is None
    assert gate.plain(["tags", *words]) is None


def test_a_mistake_ends_as_with_typer(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "gonogo", "gate", str(tmp_path / "none"), "--stage", "5k"]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ})
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("gonogo: ")
    assert len(done.stderr.splitlines()) == 1


def test_a_reader_that_leaves_is_no_error(tmp_path: Path) -> None:
    run = (
        Path(__file__).resolve().parents[1] / "fixtures" / "runs-0.1" / "single" / "5k" / "run-001"
    )
    command = [sys.executable, "-m", "gonogo", "gate", str(run), "--out", str(tmp_path), "--json"]
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, text=True)
    os.close(write)
    assert done.returncode == 1
    assert done.stderr == ""
