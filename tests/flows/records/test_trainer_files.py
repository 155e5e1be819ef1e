from __future__ import annotations

import json
from pathlib import Path

import pytest

from flows.records.trainer_files import log_tail, printable, read_status

LOG = """\
starting
Traceback (most recent call last):
  File "loop.py", line 1, in train
    step()
ValueError: bad reward
ValueError: bad reward
"""


def test_a_traceback_is_shown_only_when_asked_for(tmp_path: Path) -> None:
    (tmp_path / "trainer.log").write_text(LOG)
    assert log_tail(tmp_path) == ("starting", "ValueError: bad reward", "ValueError: bad reward")
    assert log_tail(tmp_path, traceback=True) == tuple(LOG.splitlines())


def test_a_flood_of_log_is_read_from_its_end(tmp_path: Path) -> None:
    (tmp_path / "trainer.log").write_text("x" * 70 + "\n" + "noise\n" * 100_000 + "last\n")
    assert log_tail(tmp_path, lines=2) == ("noise", "last")


def test_a_missing_log_has_no_lines(tmp_path: Path) -> None:
    assert log_tail(tmp_path) == ()


@pytest.mark.parametrize("value", [None, "12", True, float("nan")])
def test_episodes_that_are_no_numbers_are_unknown(tmp_path: Path, value: object) -> None:
    content = {"phase": "training", "mean_episode_length": value, "mean_episode_return": -3}
    (tmp_path / "status.json").write_text(json.dumps(content))
    status = read_status(tmp_path)
    assert status is not None
    assert (status.episode_length, status.episode_return) == (None, -3.0)


@pytest.mark.parametrize("text", ["", "{", "[]", "null"])
def test_a_missing_or_half_heartbeat_is_none(tmp_path: Path, text: str) -> None:
    assert read_status(tmp_path) is None
    (tmp_path / "status.json").write_text(text)
    assert read_status(tmp_path) is None


def test_a_heartbeat_with_odd_values_does_not_break_us(tmp_path: Path) -> None:
    (tmp_path / "status.json").write_text('{"step": "x", "steps_per_s": null, "phase": 3}')
    status = read_status(tmp_path)
    assert status is not None
    assert (status.phase, status.step, status.steps_per_s) == ("3", 0, None)


def test_a_terminal_never_sees_control_characters() -> None:
    assert printable("a\x1b[31mred\x1b[0m\x07\x9b2Jb\tc") == "ared2Jb\tc"
