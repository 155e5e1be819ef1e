"""Starts the double of the CARLA server as a process, talks to its control door, and ends it."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class DoubleProcess:
    """A running double; `port` is for clients."""

    def __init__(self, *arguments: str) -> None:
        self._arguments = arguments
        self._ports: tuple[int, int, int] = (0, 0, 0)
        self.start()

    def start(self) -> None:
        """Start it, on the ports that it had before if it ran before."""
        port, stream_port, door_port = self._ports
        command = [sys.executable, "-m", "carla_double", "--port", str(port)]
        command += ["--stream-port", str(stream_port), "--door-port", str(door_port)]
        self.process = subprocess.Popen(
            [*command, *self._arguments], stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"the double ended with {self.process.wait()}")
        ready = json.loads(line)
        self.port = int(ready["port"])
        self._ports = (self.port, int(ready["stream_port"]), int(ready["door_port"]))

    def ask(self, **question: Any) -> dict[str, Any]:
        """Say one line to the control door and return the answer."""
        with socket.create_connection(("127.0.0.1", self._ports[2]), timeout=120) as door:
            door.sendall(json.dumps(question).encode() + b"\n")
            with door.makefile() as lines:
                line = lines.readline()
        answer: dict[str, Any] = json.loads(line)
        assert answer.pop("ok"), answer
        return answer

    def fault(self, kind: str, **settings: Any) -> None:
        """Set a fault."""
        self.ask(op="fault", fault={"kind": kind, **settings})

    def clear(self) -> None:
        """Clear all faults."""
        self.ask(op="clear")

    def renew(self) -> None:
        """Be as new: running, without faults, without actors, on the first map."""
        if self.process.poll() is not None:
            self.close()
            self.start()
        self.clear()
        self.ask(op="load", map="Town01")

    def state(self) -> dict[str, Any]:
        """Return what the double holds."""
        state: dict[str, Any] = self.ask(op="state")["state"]
        return state

    def kill(self) -> None:
        """End it without a goodbye."""
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()

    def close(self) -> None:
        """End it."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(120)
            except subprocess.TimeoutExpired:
                self.kill()
        assert self.process.stdout is not None
        self.process.stdout.close()


@contextmanager
def running_double(*arguments: str) -> Iterator[DoubleProcess]:
    """Run a double for the length of a block."""
    double = DoubleProcess(*arguments)
    try:
        yield double
    finally:
        double.close()
