"""`gonogo carla-double`: runs the double of the CARLA server until Ctrl-C, to try a CARLA preset without a GPU."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from flows.commands.terminal import complain, say
from flows.errors import FlowsError, UsageError
from flows.settings.extras import require
from flows.settings.trainers.own_trainer import callers_environment, own_module
from flows.training.process.process import ChildProcess
from flows.training.process.stopping import StopRequested, raise_on_stop_signals

GRACE_S = 10.0
"""Time that the double has to end after Ctrl-C."""
_POLL_S = 0.2
_BAD_USAGE = 2


def serve(*, port: int, map_name: str | None, seed: int, faults: Sequence[str]) -> int:
    """Run the double in the foreground; 0 when it was asked to end.

    Raises:
        UsageError: A port is taken, or the map or a fault is not known.
        FlowsError: It ended by itself.
    """
    require("msgpack")
    command = own_module("carla_double", "--port", str(port))
    command += ["--seed", str(seed), *(part for fault in faults for part in ("--fault", fault))]
    if map_name is not None:
        command += ["--map", map_name]
    raise_on_stop_signals()
    with tempfile.TemporaryDirectory(prefix="gonogo-carla-double-") as folder:
        log = Path(folder) / "double.log"
        try:
            with ChildProcess(
                command,
                cwd=Path(folder),
                log=log,
                environment=callers_environment(),
                grace_s=GRACE_S,
            ) as child:
                _accompany(child, log)
        except (KeyboardInterrupt, StopRequested):
            say("The double has ended.")
            return 0
        code = child.poll()
        said = log.read_text("utf-8", "replace").strip().splitlines()
    last = next((line for line in reversed(said) if not line.startswith("{")), "")
    if code == _BAD_USAGE or "cannot listen" in last:
        raise UsageError(f"The double of CARLA did not start: {last}")
    how = f"was ended by signal {-code}" if code and code < 0 else f"ended with exit code {code}"
    raise FlowsError(f"The double of CARLA {how}, and not by you.{f' {last}' if last else ''}")


def _accompany(child: ChildProcess, log: Path) -> None:
    """Say when it is ready, pass on what it says, and return when it ended by itself."""
    ready, told = False, 0
    while child.poll() is None:
        lines = log.read_text("utf-8", "replace").split("\n")[:-1]
        for line in lines[told:]:
            if ready:
                complain(line)
            else:
                ready = _say_ready(line)
        told = len(lines)
        time.sleep(_POLL_S)


def _say_ready(line: str) -> bool:
    try:
        ports = json.loads(line)
    except ValueError:
        return False
    port = ports["port"]
    say(
        f"A double of the CARLA server listens on 127.0.0.1:{port}, map {ports['map']}. It is not CARLA."
    )
    say(f"Faults can be set on port {ports['door_port']} (docs/carla-double.md).")
    ports_set = f"--set 'env.server.ports=[{port}]'"  # zsh takes brackets for a pattern
    say(f"Use it:  gonogo run --preset carla {ports_set} --set env.traffic=none")
    say("Ctrl-C ends it.")
    return True
