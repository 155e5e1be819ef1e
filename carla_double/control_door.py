"""A second port for tests: sets faults and tells what the double holds.

JSON lines over TCP on the loopback interface, one answer per line: `{"op": "fault", "fault": {...}}`,
`{"op": "clear"}`, `{"op": "state"}`, and `{"op": "load", "map": "Town01"}`, which another client might
have done. It answers also while the double is frozen.
"""

from __future__ import annotations

import json
import socket
from typing import Any

from carla_double.faults import FaultError, parse_fault
from carla_double.simulator import Simulator
from carla_double.wire.encodings import CallError
from carla_double.wire.event_loop import Connection, EventLoop

_LONGEST_LINE = 1 << 20


class ControlDoor:
    """Answers questions about one simulator.

    Raises:
        PortTakenError: The port is taken.
    """

    def __init__(self, loop: EventLoop, simulator: Simulator, port: int = 0) -> None:
        self._loop = loop
        self._simulator = simulator
        self.port = loop.listen(port, self._connected, always_awake=True)

    def _connected(self, sock: socket.socket) -> None:
        rest = b""

        def received(connection: Connection, data: bytes) -> None:
            nonlocal rest
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                answer = json.dumps(self._answer(line))
                connection.send(answer.encode() + b"\n")
                self._simulator.act_on_faults()
            if len(rest) > _LONGEST_LINE:
                connection.close()

        Connection(self._loop, sock, received, lambda _: None, always_awake=True)

    def _answer(self, line: bytes) -> dict[str, Any]:
        try:
            question = json.loads(line)
            match question:
                case {"op": "fault", "fault": fault}:
                    self._simulator.set_fault(parse_fault(fault))
                    return {"ok": True}
                case {"op": "clear"}:
                    self._simulator.clear_faults()
                    return {"ok": True}
                case {"op": "load", "map": str(name)}:
                    self._simulator.load(name, reset_settings=True)
                    return {"ok": True}
                case {"op": "state"}:
                    return {"ok": True, "state": self._simulator.state()}
        except (CallError, FaultError, ValueError) as error:
            return {"ok": False, "error": str(error)}
        return {"ok": False, "error": "op is fault, clear, load or state"}
