"""Long drives leak nothing: memory, file descriptors, threads, actors.

`GONOGO_SOAK_STEPS=100000 pytest tests/carla_soak -m carla` drives for longer.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.carla, pytest.mark.slow]
SOAK = Path(__file__).with_name("soak.py")
STEPS = int(os.environ.get("GONOGO_SOAK_STEPS", "5000"))
NOISE_MIB, PER_STEP_MIB = 6.0, 5e-5
"""An image kept for ever would be 0.007 MiB per step."""


def samples(*options: str) -> list[dict[str, float]]:
    """Soak in a process of its own; returns what was sampled."""
    for wheel in ("msgpack", "carla"):
        pytest.importorskip(wheel, reason="pip install 'gonogo[carla]'")
    done = subprocess.run(
        [sys.executable, str(SOAK), *options], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(found) == 10
    return found


def grown(found: list[dict[str, float]], name: str) -> tuple[float, float]:
    """Return the values at the first and the last sample."""
    return found[0][name], found[-1][name]


def test_one_server_for_many_episodes() -> None:
    found = samples("--steps", str(STEPS))
    assert found[-1]["step"] >= STEPS
    for name in ("threads", "descriptors", "server_descriptors", "server_actors", "server_readers"):
        first, last = grown(found, name)
        assert last == first > 0, (name, found)
    for name in ("rss_mib", "server_rss_mib"):
        first, last = grown(found, name)
        assert last - first < NOISE_MIB + PER_STEP_MIB * STEPS, (name, found)


def test_servers_that_are_replaced() -> None:
    found = samples("--steps", "1000", "--vehicles", "3", "--restart-every", "2")
    assert found[-1]["episodes"] >= 20
    for name in ("threads", "descriptors"):
        first, last = grown(found, name)
        assert last == first > 0, (name, found)
    first, last = grown(found, "rss_mib")
    assert last - first < NOISE_MIB, found
