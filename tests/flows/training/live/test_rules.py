"""The live gate on growing event files: what it stops, and what it must never stop."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.event_file_writer import EventFileWriter

from flows.settings.supervision import LiveSettings
from flows.training.live.watch import RunWatch
from gates.checks.gate_file import load_gate, parse_gate
from gates.findings import Verdict

SETTINGS = LiveSettings(every_s=1.0, judgements=3, updates=10)


class Growing:
    """A run directory whose events grow, with a clock that moves a second per judgement."""

    def __init__(self, run: Path) -> None:
        self.run = run
        self.now = 0.0
        self.spent = 0.0
        self.step = 0
        self.writer = EventFileWriter(str(run / "events"))

    def log(self, **values: float) -> None:
        self.step += 10
        tags = {"train/critic_loss": 1.0, **{k.replace("__", "/"): v for k, v in values.items()}}
        summary = Summary(value=[Summary.Value(tag=t, simple_value=v) for t, v in tags.items()])
        self.writer.add_event(Event(wall_time=1e9 + self.step, step=self.step, summary=summary))
        self.writer.flush()

    def gate(self, name: str = "5k", settings: LiveSettings = SETTINGS, **levels: object):
        spec = load_gate(name) if not levels else parse_gate(_one_check(**levels), "test")
        return RunWatch(
            self.run,
            gate=spec,
            stage="5k",
            planned_steps=5000,
            settings=settings,
            clock=lambda: self.now,
            spent=lambda: self.spent,
        )

    def judged(self, gate: RunWatch):
        self.now += 1.0
        news = gate.look_when_due()
        return None if news is None else news.verdict


def _one_check(**changes: object) -> dict[str, object]:
    check = {
        "id": "critic_loss",
        "title": "Critic loss bounded",
        "type": "limit",
        "group": "critic",
        "live": True,
        "tag": "train/critic_loss",
        "statistic": "last",
        "max": {"fail": 10},
        "min_points": 1,
        "rationale": "A test needs a number.",
        "source": "this test",
    }
    return {"name": "one", "description": "One check.", "checks": [check | changes]}


@pytest.fixture
def growing(tmp_path: Path) -> Iterator[Growing]:
    run = Growing(tmp_path)
    yield run
    run.writer.close()


def test_nothing_logged_is_no_verdict(growing: Growing) -> None:
    gate = growing.gate()
    assert growing.judged(gate) is None
    assert gate.newest is None
    assert gate.broken == ""


def test_evidence_that_is_not_there_yet_says_nothing(growing: Growing) -> None:
    gate = growing.gate()
    for _ in range(30):
        growing.log()
        verdict = growing.judged(gate)
    assert verdict is not None
    assert (verdict.verdict, verdict.lost) == (Verdict.GO, None)
    assert verdict.text == "live checks pass"


def test_a_lasting_failure_needs_judgements_and_updates(growing: Growing) -> None:
    gate = growing.gate(statistic="median", window={"last_points": 1})
    lost = []
    for _ in range(15):
        growing.log(train__critic_loss=50.0)
        verdict = growing.judged(gate)
        assert verdict is not None
        assert verdict.verdict is Verdict.NO_GO
        assert verdict.text.startswith("if the gate ran now: NO_GO because critic loss is 50")
        lost.append(verdict.lost is not None)
    # It first failed at the first update and lasted ten more.
    assert lost == [False] * 10 + [True] * 5


def test_many_updates_at_once_are_no_substitute_for_judgements(growing: Growing) -> None:
    gate = growing.gate(statistic="median", window={"last_points": 1})
    lost = []
    for _ in range(4):
        for _ in range(50):
            growing.log(train__critic_loss=50.0)
        verdict = growing.judged(gate)
        assert verdict is not None
        lost.append(verdict.lost is not None)
    assert lost == [False, False, True, True]


def test_noise_never_stops_a_run(growing: Growing) -> None:
    gate = growing.gate(statistic="median", window={"last_points": 1})
    for number in range(60):
        growing.log(train__critic_loss=50.0 if number % 10 else 1.0)
        verdict = growing.judged(gate)
        assert verdict is not None
        assert verdict.lost is None


def test_a_stalled_log_is_not_judged_again(growing: Growing) -> None:
    gate = growing.gate(statistic="median", window={"last_points": 1})
    for _ in range(12):
        growing.log(train__critic_loss=50.0)
    assert growing.judged(gate) is not None
    for _ in range(20):
        assert growing.judged(gate) is None


@pytest.mark.parametrize(
    ("tag", "value", "check"),
    [
        ("train__critic_loss", float("nan"), "finite_values"),
        ("train__actor_loss", float("inf"), "finite_values"),
        ("probe__actor_encoder_leak", 1.0e-9, "encoder_leak_probe"),
    ],
)
def test_what_cannot_be_undone_ends_a_run_at_once(
    growing: Growing, tag: str, value: float, check: str
) -> None:
    gate = growing.gate()
    for _ in range(6):
        growing.log()
    verdict = growing.judged(gate)
    assert verdict is not None
    assert verdict.lost is None
    growing.log(**{tag: value})
    verdict = growing.judged(gate)
    assert verdict is not None
    assert verdict.lost is not None
    assert verdict.lost.check == check


def test_advisory_and_dry_checks_never_stop_a_run(growing: Growing) -> None:
    for change in ({"required": False}, {"required": True, "live": False}):
        gate = growing.gate(statistic="max_abs", **change)
        growing.log(train__critic_loss=50.0)
        verdict = growing.judged(gate)
        assert verdict is None or verdict.lost is None


def test_steps_that_happen_again_are_counted_again(growing: Growing, tmp_path: Path) -> None:
    gate = growing.gate(statistic="median", window={"last_points": 1})
    for _ in range(9):
        growing.log(train__critic_loss=50.0)
        growing.judged(gate)
    growing.writer.close()
    growing.writer = EventFileWriter(str(tmp_path / "events"), filename_suffix=".2")
    start = Event(wall_time=2e9, step=1)
    start.session_log.status = 1
    growing.writer.add_event(start)
    growing.step = 0
    for _ in range(9):
        growing.log(train__critic_loss=50.0)
        verdict = growing.judged(gate)
        assert verdict is not None
        assert verdict.lost is None


def test_off_never_judges(growing: Growing) -> None:
    gate = growing.gate(settings=SETTINGS.model_copy(update={"mode": "off"}))
    growing.log(train__critic_loss=float("nan"))
    assert growing.judged(gate) is None


def test_a_gate_that_breaks_does_not_break_the_run(growing: Growing, tmp_path: Path) -> None:
    growing.log()
    (tmp_path / "run.json").write_text(json.dumps({"format": 99}))
    gate = growing.gate()
    assert growing.judged(gate) is None
    assert "run.json" in gate.broken


def test_judging_takes_its_share_of_the_time_at_most(growing: Growing) -> None:
    gate = growing.gate(settings=SETTINGS.model_copy(update={"most_share": 0.01}))
    read: Callable[[], int] = gate._growing.read

    def slow_read() -> int:
        growing.spent += 2.0
        return read()

    gate._growing.read = slow_read
    for _ in range(6):
        growing.log()
    for _ in range(3):
        growing.log()
        assert growing.judged(gate) is not None
    ended = growing.now
    while growing.judged(gate) is None:
        growing.log()
    assert growing.now - ended >= 200.0


def test_only_fixed_levels_over_the_whole_run_are_irrevocable() -> None:
    found = {check.id for check in load_gate("5k").checks if check.irrevocable}
    assert found == {"finite_values", "encoder_leak_probe"}
