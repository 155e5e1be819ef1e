"""The section that says how sure a verdict is."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from gates.findings import Certainty, Finding, Nearness, Outcome, Side
from reports.stage.sections.certainty import certainty_view

OPEN = Certainty(
    claim="a policy no better", p=0.21, model="signs of 10 pairs", decided=False, more=24
)


def result(*findings: Finding, nearness: tuple[Nearness, ...] = ()) -> SimpleNamespace:
    return SimpleNamespace(findings=findings, nearness=nearness, deciding_finding=None)


def finding(certainty: Certainty | None, **keys: object) -> Finding:
    given = {"check": "c", "title": "Better", "outcome": Outcome.PASS, "required": True}
    return Finding(**{**given, "reason": "", "certainty": certainty, **keys})


@pytest.mark.parametrize(
    ("keys", "chance", "decides"),
    [
        ({}, "21% (signs of 10 pairs)", "about 24 more episodes of each policy"),
        ({"more": 1}, "21% (signs of 10 pairs)", "about 1 more episode of each policy"),
        ({"more": None}, "21% (signs of 10 pairs)", "more episodes would not"),
        ({"p": 2e-5, "decided": True}, "below 0.01% (signs of 10 pairs)", "decided"),
        ({"p": None, "model": "2 standard errors"}, "2 standard errors", None),
    ],
)
def test_a_row_says_what_luck_explains_and_what_would_decide(keys, chance, decides):
    (row,) = certainty_view(result(finding(Certainty(**{**vars(OPEN), **keys})))).rows
    assert row.chance == chance
    assert decides is None or row.decides == decides


def test_only_what_has_a_model_has_a_row():
    assert certainty_view(result(finding(None), finding(OPEN, dry_run=True))).rows == ()


def near(share: float, sound: float) -> Nearness:
    return Nearness(check="c", title="Bound", share=share, sound_share=sound, sound_runs=70)


def test_a_check_nearer_to_its_level_than_sound_runs_is_named():
    said = certainty_view(result(nearness=(near(0.9, 0.5), near(0.2, 0.5)))).nearest
    assert "1 required check passed, but came nearer" in said
    assert "Bound, at 90% of the level (70 sound runs: at most 50%)" in said
    said = certainty_view(result(nearness=(near(0.2, 0.5),))).nearest
    assert said.startswith("None of 1 required check")
    assert certainty_view(result()).nearest == ""


@pytest.mark.parametrize(
    ("value", "sides", "share"),
    [
        (5.0, (Side(direction="max", warn=8.0, fail=10.0),), 0.625),
        (5.0, (Side(direction="max", warn=None, fail=10.0),), 0.5),
        (5.0, (Side(direction="min", warn=None, fail=1.0),), 0.2),
        (0.0, (Side(direction="max", warn=None, fail=10.0),), 0.0),
        (5.0, (Side(direction="min", warn=3.0, fail=-3.0),), 0.6),
        (5.0, (Side(direction="min", warn=None, fail=-3.0),), None),
        (5.0, (), None),
    ],
)
def test_the_share_of_the_level(value, sides, share):
    found = finding(None, value=value, sides=sides).share_of_level
    assert found == (None if share is None else pytest.approx(share))
