"""The double as clients meet it: connections, the order of work, ticks and what they publish.

As in CARLA there is one queue of work: calls that touch the world are done one after another, and
while the head of the queue waits, everything behind it waits as well. Calls that CARLA answers from
other threads (its version, the list of Traffic Managers) are answered at once.
"""

from __future__ import annotations

import os
import socket
import sys
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from trainer.carla_double import rpc_wire
from trainer.carla_double.encodings import CallError, Encoded, refused
from trainer.carla_double.event_loop import Connection, EventLoop, Timer
from trainer.carla_double.rpc_wire import Request, RequestReader, WireError
from trainer.carla_double.sensors import Sensor
from trainer.carla_double.streams import Streams
from trainer.carla_double.world import STATE_STREAM, World

BARRIER_S = 1.0
"""Longest wait of a tick for streams whose token was handed out."""
ASYNCHRONOUS_PERIOD_S = 0.05
"""Time between two frames while no client has asked for synchronous mode."""


@dataclass(frozen=True, kw_only=True)
class Call:
    """How one method of the RPC table is answered."""

    answer: Callable[..., Encoded]
    """Called with the simulator and the arguments."""
    void: bool = False
    """Whether its response holds no value; errors are encoded differently then."""
    any_time: bool = False
    """Whether it is answered at once, whatever the world is busy with."""


class Simulator:
    """One server.

    Args:
        loop: What it runs in.
        world: What it simulates.
        calls: The RPC table.
        port: Of the RPC connections; 0 picks a free one.
        stream_port: Of the sensor streams; 0 picks a free one.
        barrier: Whether a tick waits for subscriptions that are on their way.

    Raises:
        OSError: A port is taken.
    """

    def __init__(
        self,
        loop: EventLoop,
        world: World,
        calls: dict[str, Call],
        *,
        port: int = 0,
        stream_port: int = 0,
        barrier: bool = True,
    ) -> None:
        self.loop = loop
        self.world = world
        self.barrier = barrier
        self.port = loop.listen(port, self._connected)
        self.streams = Streams(loop, stream_port)
        self.streams.open(STATE_STREAM)
        self.streams.on_subscription = self._work
        self.sensors: dict[int, Sensor] = {}
        self.traffic_managers: dict[int, str] = {}
        """Host of each Traffic Manager by its port."""
        self.called: Counter[str] = Counter()
        """How often each method was called."""
        self._calls = calls
        self._queue: deque[tuple[Connection, Request]] = deque()
        self._waiting: Timer | None = None
        self._working = False
        self._after_reply: list[Sensor] = []
        loop.call_later(ASYNCHRONOUS_PERIOD_S, self._tick_by_itself)

    def tick(self) -> int:
        """Advance the world by a frame and publish it; images follow after the reply."""
        frame = self.world.step()
        self.streams.send(STATE_STREAM, self.world.state_message())
        cameras: list[Sensor] = []
        for sensor in self.sensors.values():
            if not self.streams.has_readers(sensor.stream_id):
                continue
            if sensor.is_camera:
                cameras.append(sensor)
            else:
                self._publish(sensor)
        # The client works on with the reply while its images are rendered.
        self._after_reply = cameras
        return frame

    def _publish_images(self) -> None:
        cameras, self._after_reply = self._after_reply, []
        for camera in cameras:
            self._publish(camera)

    def _publish(self, sensor: Sensor) -> None:
        for payload in sensor.observe(self.streams.port):
            self.streams.send(sensor.stream_id, payload)

    def _connected(self, sock: socket.socket) -> None:
        reader = RequestReader()

        def received(connection: Connection, data: bytes) -> None:
            try:
                for request in reader.feed(data):
                    self._receive(connection, request)
            except WireError as error:
                print(f"carla-double: {error}", file=sys.stderr)
                connection.close()

        Connection(self.loop, sock, received, lambda _: None)

    def _receive(self, connection: Connection, request: Request) -> None:
        self.called[request.method] += 1
        call = self._calls.get(request.method)
        if call is None or call.any_time:
            self._answer(connection, request)
            return
        self._queue.append((connection, request))
        self._work()

    def _work(self) -> None:
        """Do what can be done of the queue."""
        if self._working:
            return
        self._working = True
        try:
            while self._queue and not self._must_wait(self._queue[0][1]):
                self._answer(*self._queue.popleft())
        finally:
            self._working = False

    def _must_wait(self, request: Request) -> bool:
        if request.method == "tick_cue" and self.barrier and self.streams.awaiting:
            if self._waiting is None:
                self._waiting = self.loop.call_later(BARRIER_S, self._waited_enough)
            return True
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None
        return False

    def _waited_enough(self) -> None:
        self._waiting = None
        self.streams.give_up_waiting()
        self._work()

    def _answer(self, connection: Connection, request: Request) -> None:
        call = self._calls.get(request.method)
        if call is None:
            if self.called[request.method] == 1:
                print(f"carla-double: no answer to '{request.method}'", file=sys.stderr)
            connection.send(rpc_wire.failure(request.number, f"no method '{request.method}'"))
            return
        try:
            result = call.answer(self, *request.arguments)
        except CallError as error:
            result = refused(str(error), void=call.void)
        except (TypeError, ValueError, IndexError, KeyError) as error:
            result = refused(f"{request.method}: bad arguments ({error})", void=call.void)
        connection.send(rpc_wire.reply(request.number, result))
        if self._after_reply:
            self._publish_images()

    def _tick_by_itself(self) -> None:
        period = ASYNCHRONOUS_PERIOD_S
        if not self.world.settings.synchronous_mode:
            self.tick()
            self._publish_images()
        self.loop.call_later(period, self._tick_by_itself)

    def state(self) -> dict[str, Any]:
        """Return what the double holds, for tests to compare with."""
        world = self.world
        return {
            "pid": os.getpid(),
            "map": world.map_name,
            "episode": world.episode,
            "frame": world.frame,
            "elapsed_s": world.elapsed_s,
            "synchronous": world.settings.synchronous_mode,
            "actors": {
                str(actor.id): {
                    "type": actor.blueprint.id,
                    "parent": actor.parent,
                    "transform": list(vars(world.transform_of(actor.id)).values()),
                }
                for actor in world.actors.values()
            },
            "readers": {str(stream): count for stream, count in self.streams.readers().items()},
            "called": dict(self.called),
            "queued": len(self._queue),
        }
