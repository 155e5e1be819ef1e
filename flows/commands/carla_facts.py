"""Facts about a CARLA server for `gonogo doctor --carla HOST:PORT`; carla is not imported here."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from typing import Any

from flows.commands.facts import Fact
from flows.errors import UsageError
from flows.settings.trainers.own_trainer import callers_environment, own_module

PROBE_TIMEOUT_S = 120.0
"""Longest time to query a server: its client can hang for ever."""
LEAST_BRIGHTNESS = 2.0
"""Mean level of a picture below which it counts as black, of 255."""
LEAST_TICKS_PER_S = 5.0
"""Below this a million steps take more than two days."""
LEAST_FREE_GPU_MIB = 6_000
"""CARLA 0.9.16 with one small camera takes about this much."""

_ADDRESS = re.compile(r"(?P<host>[^:\s]+)(?::(?P<port>\d{1,5}))?")


def carla_facts(address: str) -> list[Fact]:
    """Look at the server and the GPU.

    Raises:
        UsageError: The address is malformed.
    """
    match = _ADDRESS.fullmatch(address)
    port = int(match["port"] or 2000) if match else 0
    if match is None or not 0 < port < 65_536:
        raise UsageError(f"--carla {address}: must be HOST or HOST:PORT, such as localhost:2000")
    return server_facts(f"{match['host']}:{port}", _look(match["host"], port)) + gpu_facts()


def _look(host: str, port: int) -> Mapping[str, Any]:
    try:
        answer = subprocess.run(
            own_module("trainer.envs.carla.probe", host, str(port)),
            capture_output=True,
            text=True,
            timeout=PROBE_TIMEOUT_S,
            check=False,
            cwd=tempfile.gettempdir(),
            env=callers_environment(),
        )
        found = json.loads(answer.stdout)
    except subprocess.TimeoutExpired:
        return {"error": f"it did not respond for {PROBE_TIMEOUT_S:.0f} s"}
    except ValueError:
        lines = answer.stderr.strip().splitlines()
        why = lines[-1] if lines else f"exit code {answer.returncode}"
        return {"error": f"the client library ended: {why}"}
    return found if isinstance(found, dict) else {}


def server_facts(address: str, found: Mapping[str, Any]) -> list[Fact]:
    """Turn what the probe found into lines of the table; what it did not find is a problem."""
    facts = []
    ours, theirs = found.get("client_version"), found.get("server_version")
    if theirs is None:
        why = str(found.get("error", "it said nothing"))
        advice = "start a server (docs/carla.md) or check the address"
        return [Fact(topic=f"CARLA at {address}", found=why, problem=advice)]
    problem = "" if ours == theirs else f"start a server of version {ours}"
    facts.append(
        Fact(topic=f"CARLA at {address}", found=f"server {theirs}, client {ours}", problem=problem)
    )
    if "map" in found:
        places = found.get("places_to_start", 0)
        facts.append(
            Fact(topic="CARLA map", found=f"{found['map']}, {places} places to start from")
        )
    if "synchronous" in found:
        on = bool(found["synchronous"])
        problem = "a client left it on, or one is at work; training takes it over" if on else ""
        state = "on" if on else "off"
        facts.append(
            Fact(topic="CARLA synchronous mode", found=state, problem=problem, needed=False)
        )
    if "vehicles" in found:
        counts = {kind: int(found.get(kind, 0)) for kind in ("vehicles", "walkers", "sensors")}
        text = ", ".join(f"{count} {kind}" for kind, count in counts.items())
        problem = "left behind or in use; training removes them" if any(counts.values()) else ""
        facts.append(Fact(topic="CARLA actors", found=text, problem=problem, needed=False))
    if "ticks_per_s" in found:
        speed = float(found["ticks_per_s"])
        slow = not speed >= LEAST_TICKS_PER_S
        problem = (
            "a million steps take days: smaller map, lower quality, faster GPU" if slow else ""
        )
        facts.append(
            Fact(topic="CARLA speed", found=f"{speed:,.0f} ticks/s", problem=problem, needed=False)
        )
    if "rendering" in found:
        facts.append(_camera(found))
    if "error" in found:
        facts.append(
            Fact(topic="CARLA look", found=str(found["error"]), problem="restart the server")
        )
    return facts


def _camera(found: Mapping[str, Any]) -> Fact:
    if not found["rendering"]:
        advice = "another client switched it off; training switches it on"
        return Fact(topic="CARLA camera", found="rendering is off", problem=advice, needed=False)
    level = found.get("camera_brightness")
    if level is None:
        return Fact(topic="CARLA camera", found="no picture came", problem="restart the server")
    problem = "" if level >= LEAST_BRIGHTNESS else "black: start the server with -RenderOffScreen"
    return Fact(topic="CARLA camera", found=f"mean level {level:.0f} of 255", problem=problem)


def gpu_facts() -> list[Fact]:
    """Return the GPU memory of this machine, where nvidia-smi is installed."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return []
    query = "--query-gpu=name,memory.used,memory.total"
    try:
        answer = subprocess.run(
            [program, query, "--format=csv,noheader,nounits"],
            capture_output=True,
            text=True,
            timeout=20,
            check=True,
        )
    except (OSError, subprocess.SubprocessError) as error:
        return [
            Fact(topic="GPU memory", found=str(error), problem="look at nvidia-smi", needed=False)
        ]
    facts = []
    for line in answer.stdout.splitlines():
        name, *numbers = (part.strip() for part in line.rsplit(",", 2))
        if len(numbers) != 2 or not all(number.isdigit() for number in numbers):
            continue
        used, total = (int(number) for number in numbers)
        short = total - used < LEAST_FREE_GPU_MIB
        problem = "little is free for a server that is yet to be started" if short else ""
        facts.append(
            Fact(
                topic="GPU memory",
                found=f"{name}: {used:,} of {total:,} MiB used",
                problem=problem,
                needed=False,
            )
        )
    return facts
