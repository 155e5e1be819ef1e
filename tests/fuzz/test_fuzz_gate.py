"""A short fuzz of the gate; `fuzz_gate.py` makes the long one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fuzz.event_directories import Case
from tests.fuzz.fuzz_gate import fuzz, judge_case


@pytest.mark.parametrize("cases", [range(8), pytest.param(range(8, 64), marks=pytest.mark.slow)])
def test_random_directories_end_with_a_verdict_or_one_sentence(
    tmp_path: Path, cases: range
) -> None:
    tally = fuzz(1, cases, tmp_path)
    assert tally.wrong == []
    assert len(tally.counts) >= 2


def test_the_fuzz_notices_a_traceback_and_a_wrong_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.flows.judged_runs import write_events

    folder = write_events(tmp_path / "run")
    case = Case(folder=folder, stage="5k", planned_steps=400)

    def boom(*_: object, **__: object) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr("gates.judgement.decide", boom)
    ((kind, words),) = judge_case(case, cross_check=False)
    assert kind == "traceback"
    assert "ZeroDivisionError: a bug" in words
