"""Alert levels of the live checks: what raises them, how often, and what they leave alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from flows.settings.supervision import LiveSettings
from flows.training.live.alerts import AlertLog, read_alerts
from gates.checks.gate_file import load_gate
from gates.findings import Finding, LimitOrigin, Outcome

GATE = load_gate("5k")
BOUND = 100.0


def q(value: float, outcome: Outcome = Outcome.PASS, check: str = "actor_q_mean_bound") -> Finding:
    """A finding on the bound of Q, as the 5k gate makes it: WARN at the bound, FAIL at 1.5 of it."""
    return Finding(
        check=check,
        title="Mean actor Q within its bound",
        outcome=outcome,
        required=True,
        reason=f"Q is {value:g}.",
        value=value,
        limit=1.5 * BOUND,
        warn_limit=BOUND,
        limit_origin=LimitOrigin(factor=1.5, bound=BOUND, formula="max|r|", numbers="100"),
    )


def other(outcome: Outcome, *, required: bool = True) -> Finding:
    return Finding(
        check="actor_alive",
        title="Actor can still learn",
        outcome=outcome,
        required=required,
        reason="0.9 above 0.8.",
        value=0.9,
        limit=0.8,
    )


def log(run: Path, judgements: int = 1, **shares: float) -> AlertLog:
    return AlertLog(run, GATE, LiveSettings(judgements=judgements, **shares))


@pytest.mark.parametrize(
    ("finding", "level", "limit"),
    [
        (q(49.0), None, None),
        (q(51.0), "warning", 50.0),
        (q(-51.0), "warning", 50.0),
        (q(101.0, Outcome.WARN), "critical", 100.0),
        (q(1e9, Outcome.FAIL), "critical", 100.0),
        (q(float("nan"), Outcome.INCONCLUSIVE), None, None),
        (other(Outcome.PASS), None, None),
        (other(Outcome.WARN), "warning", 0.8),
        (other(Outcome.FAIL), "critical", 0.8),
        # What cannot fail the gate is never critical.
        (other(Outcome.FAIL, required=False), "warning", 0.8),
    ],
)
def test_levels(tmp_path: Path, finding: Finding, level: str | None, limit: float | None) -> None:
    found = log(tmp_path).observe([finding], step=700)
    assert [a.level for a in found] == ([level] if level else [])
    assert [a.limit for a in found] == ([limit] if level else [])
    assert read_alerts(tmp_path) == tuple(found)


def test_the_shares_are_settings(tmp_path: Path) -> None:
    alerts = log(tmp_path, warning_share=0.9, critical_share=2.0)
    assert alerts.observe([q(89.0)], step=1) == []
    assert [a.level for a in alerts.observe([q(150.0)], step=1)] == ["warning"]


def test_an_alert_needs_judgements_in_a_row_and_is_raised_once(tmp_path: Path) -> None:
    alerts = log(tmp_path, judgements=3)
    raised = [alerts.observe([q(v)], step=n) for n, v in enumerate([60, 60, 1, 60, 60, 60, 60])]
    assert [len(one) for one in raised] == [0, 0, 0, 0, 0, 1, 0]
    assert alerts.words == "1 warning"
    assert len(alerts.observe([q(120.0)], step=9)) == 0
    alerts.observe([q(120.0)], step=10)
    (worse,) = alerts.observe([q(120.0)], step=11)
    assert worse.sentence == "critical at step 11: Mean actor Q within its bound: Q is 120."
    assert alerts.words == "1 critical, 1 warning"


def test_a_run_that_is_lost_waits_for_nothing(tmp_path: Path) -> None:
    alerts = log(tmp_path, judgements=3)
    found = alerts.observe([q(200.0), other(Outcome.FAIL)], step=5, sure="actor_alive")
    assert [a.check for a in found] == ["actor_alive"]


def test_another_attempt_repeats_no_alert(tmp_path: Path) -> None:
    assert log(tmp_path).observe([q(60.0)], step=1)
    again = log(tmp_path)
    assert again.observe([q(60.0)], step=1) == []
    assert again.words == "1 warning"


def test_lines_that_are_no_alerts_are_passed_over(tmp_path: Path) -> None:
    (raised,) = log(tmp_path).observe([q(float("inf"), Outcome.FAIL)], step=1)
    assert raised.value is None
    with (tmp_path / "alerts.jsonl").open("a") as file:
        file.write('{"at": "half a li')
    assert read_alerts(tmp_path) == (raised,)


def test_only_a_live_gate_with_a_bound_asks_for_its_share() -> None:
    found = {c.id for c in GATE.checks if getattr(c, "bound", "") == "q_value" and c.live}
    assert {"actor_q_mean_bound", "actor_q_max_bound", "replay_q_bound"} <= found
