"""`gonogo doctor --carla`: what is said of a server; the last tests ask the double."""

from __future__ import annotations

import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from flows.commands import carla_facts
from flows.errors import UsageError

SOUND = {
    "client_version": "0.9.16",
    "server_version": "0.9.16",
    "map": "Town01",
    "places_to_start": 255,
    "synchronous": False,
    "rendering": True,
    "vehicles": 0,
    "walkers": 0,
    "sensors": 0,
    "ticks_per_s": 60.0,
    "camera_brightness": 90.0,
}


def problems(**changes: Any) -> dict[str, str]:
    found = {key: value for key, value in (SOUND | changes).items() if value is not ...}
    facts = carla_facts.server_facts("here:2000", found)
    return {fact.topic: fact.problem for fact in facts if fact.problem}


def test_nothing_is_wrong_with_a_sound_server() -> None:
    assert problems() == {}


@pytest.mark.parametrize(
    ("changes", "topic", "words"),
    [
        ({"server_version": "0.9.15"}, "CARLA at here:2000", "version 0.9.16"),
        ({"server_version": ..., "error": "refused"}, "CARLA at here:2000", "check the address"),
        ({"synchronous": True}, "CARLA synchronous mode", "left it on"),
        ({"vehicles": 3}, "CARLA actors", "left behind"),
        ({"ticks_per_s": 0.5}, "CARLA speed", "days"),
        ({"ticks_per_s": float("nan")}, "CARLA speed", "days"),
        ({"camera_brightness": 0.0}, "CARLA camera", "black"),
        ({"camera_brightness": float("nan")}, "CARLA camera", "black"),
        ({"camera_brightness": None}, "CARLA camera", "restart"),
        ({"rendering": False}, "CARLA camera", "switched it off"),
        ({"error": "tick: time-out"}, "CARLA look", "restart"),
    ],
)
def test_each_trouble_is_named(changes: dict[str, Any], topic: str, words: str) -> None:
    assert words in problems(**changes)[topic]


@pytest.mark.parametrize("address", ["", "a b", "host:port", "host:0", "host:70000", "a:1:2"])
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(UsageError, match="must be HOST or HOST:PORT"):
        carla_facts.carla_facts(address)


def test_a_look_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    def hang(*_: object, **options: Any) -> None:
        raise subprocess.TimeoutExpired("probe", options["timeout"])

    monkeypatch.setattr(carla_facts.subprocess, "run", hang)
    monkeypatch.setattr(carla_facts, "gpu_facts", list)
    (fact,) = carla_facts.carla_facts("here")
    assert fact.found == "it did not respond for 120 s"
    assert fact.problem


def test_a_client_that_crashes_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    crashed = SimpleNamespace(stdout="", stderr="", returncode=-11)
    monkeypatch.setattr(carla_facts.subprocess, "run", lambda *_, **__: crashed)
    monkeypatch.setattr(carla_facts, "gpu_facts", list)
    (fact,) = carla_facts.carla_facts("here:2000")
    assert "exit code -11" in fact.found


def test_gpu_memory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\necho 'NVIDIA X, 900, 24000'\necho 'NVIDIA Y, 7000, 8000'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    first, second = carla_facts.gpu_facts()
    assert (first.found, first.problem) == ("NVIDIA X: 900 of 24,000 MiB used", "")
    assert second.problem


@pytest.mark.carla
def test_the_look_at_a_server(carla_server: Any) -> None:
    address = f"{carla_server.host}:{carla_server.port}"
    facts = {fact.topic: fact for fact in carla_facts.carla_facts(address)}
    assert facts[f"CARLA at {address}"].found == "server 0.9.16, client 0.9.16"
    assert not facts["CARLA camera"].problem
    assert "ticks/s" in facts["CARLA speed"].found
    assert "0 sensors" in facts["CARLA actors"].found


@pytest.mark.carla
def test_nobody_there() -> None:
    pytest.importorskip("carla", reason="the carla wheel is not installed")
    (fact, *_) = carla_facts.carla_facts("localhost:1")
    assert "refused" in fact.found
