from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.console import Console

import flows.training.progress
from flows.records.trainer_files import TrainerStatus
from flows.training.progress import LiveReporter, PlainReporter, measures


def status(step: int, speed: float | None = 100.0, phase: str = "training") -> TrainerStatus:
    return TrainerStatus(phase=phase, step=step, planned_steps=1000, steps_per_s=speed, message="")


def test_plain_lines_come_at_most_every_ten_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 5.0, 10.0, 10.0, 15.0, 20.0, 20.0])
    monkeypatch.setattr(flows.training.progress.time, "monotonic", lambda: next(clock))
    lines: list[str] = []
    with PlainReporter(lines.append).training("5k", 1000) as tick:
        for step in (100, 200, 300, 400):
            tick(status(step))
    assert lines == [
        "5k: training, 200/1,000 steps, 100 steps/s, 8 s left",
        "5k: training, 400/1,000 steps, 100 steps/s, 6 s left",
    ]


def test_unknown_speed_promises_nothing() -> None:
    assert measures(status(10, None), 1000) == "10/1,000 steps"


def test_the_latest_episodes_stand_beside_the_speed() -> None:
    known = replace(status(500), episode_length=87.4, episode_return=-12.345, live="pass")
    assert measures(known, 1000) == (
        "500/1,000 steps, 100 steps/s, 5 s left; return -12.35 in 87 steps; pass"
    )
    assert "return" not in measures(replace(known, episode_return=None), 1000)


def test_the_bar_takes_text_as_it_is() -> None:
    output = io.StringIO()
    console = Console(file=output, force_terminal=True, width=120)
    reporter = LiveReporter(console)
    with reporter.training("[red]5k", 1000) as tick:
        tick(status(500, phase="[/]odd"))
    reporter.say("done [bold]not bold")
    text = output.getvalue()
    assert "500/1,000 steps" in text
    assert "[red]5k" in text
    assert "done [bold]not bold" in text
