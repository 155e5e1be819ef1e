"""The double as clients meet it: connections, the order of work, ticks and what they publish.

As in CARLA there is one queue of work: calls that touch the world are done one after another, and
while the head of the queue waits, everything behind it waits as well. Calls that CARLA answers from
other threads (its version, the list of Traffic Managers) are answered at once.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from carla_double import faults as fault_kinds
from carla_double.faults import Fault, Faults
from carla_double.sensors.sensors import Sensor
from carla_double.wire import rpc_wire
from carla_double.wire.encodings import CallError, Encoded, EpisodeSettings, refused
from carla_double.wire.event_loop import Connection, EventLoop, Timer
from carla_double.wire.rpc_wire import Request, RequestReader, WireError
from carla_double.wire.streams import Streams
from carla_double.world.actors import Description
from carla_double.world.world import STATE_STREAM, World, known_map, spawn_points

BARRIER_S = 1.0
"""Longest time that a tick waits for streams whose token was handed out."""
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

    Raises:
        PortTakenError: A port is taken.
    """

    def __init__(
        self,
        loop: EventLoop,
        world: World,
        calls: dict[str, Call],
        *,
        port: int = 0,
        stream_port: int = 0,
    ) -> None:
        self.loop = loop
        self.world = world
        self.faults = Faults(world.seed)
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
        self._busy_until = 0.0
        self._delayed: Request | None = None
        self._parked: list[int] = []
        self._park_again = False
        self._working = False
        self._images_due: list[Sensor] = []
        loop.call_later(ASYNCHRONOUS_PERIOD_S, self._tick_by_itself)

    def tick(self) -> int:
        """Advance the world by a frame and publish it; images follow after the reply."""
        gap = self.faults and self.faults.strike(fault_kinds.FrameGap)
        if gap:
            self.world.frame += gap.frames
        frame = self.world.step()
        if self.faults and self.faults.strike(fault_kinds.Kill, when="mid_tick"):
            _die()
        state = self.world.state_message()
        if not self._lost("state"):
            self.streams.send(STATE_STREAM, state)
        self._images_due = []
        for sensor in self.sensors.values():
            if not self.streams.has_readers(sensor.stream_id):
                continue
            if sensor.is_camera:
                self._images_due.append(sensor)
            else:
                self._publish(sensor)
        self.faults.ticked()
        return frame

    def _publish_images(self) -> None:
        # The client works on with the reply while its images are rendered.
        sensors, self._images_due = self._images_due, []
        for sensor in sensors:
            sensor.plain = self._plain_grey()
            if not self._lost("camera"):
                self._publish(sensor)

    def _publish(self, sensor: Sensor) -> None:
        for payload in sensor.observe(self.streams.port):
            late = (
                self.faults.strike(fault_kinds.DelayFrames)
                if self.faults and sensor.is_camera
                else None
            )
            if late:
                self._send_later(late.seconds, sensor.stream_id, payload)
            else:
                self.streams.send(sensor.stream_id, payload)

    def _plain_grey(self) -> int | None:
        if self.faults and self.faults.strike(fault_kinds.BlackFrames):
            return 0
        if self.faults and self.faults.strike(fault_kinds.StampedFrames):
            return self.world.frame % 256
        return None

    def _send_later(self, seconds: float, stream_id: int, payload: bytes) -> None:
        self.loop.call_later(seconds, lambda: self.streams.send(stream_id, payload))

    def _lost(self, stream: str) -> bool:
        return bool(self.faults and self.faults.strike(fault_kinds.DropFrames, stream=stream))

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
        if self.faults and self.faults.strike(fault_kinds.Hang, method=request.method):
            return
        call = self._calls.get(request.method)
        if call is None or call.any_time:
            late = self._delay_of(request)
            if late:
                self.loop.call_later(late, lambda: self._answer(connection, request))
            else:
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
        if self.loop.frozen:
            self.loop.call_later(0.0, self._work)
            return True
        if request is not self._delayed:
            late = self._delay_of(request)
            if late:
                self._delayed = request
                self.be_busy(late)
        if self._busy_until > 0.0:
            left = self._busy_until - time.monotonic()
            if left > 0.0:
                self.loop.call_later(left, self._work)
                return True
            self._busy_until = 0.0
        if (
            request.method == "tick_cue"
            and self.streams.awaiting
            and not (self.faults and self.faults.live(fault_kinds.NoBarrier))
        ):
            if self._waiting is None:
                self._waiting = self.loop.call_later(BARRIER_S, self._waited_enough)
            return True
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None
        return False

    def _delay_of(self, request: Request) -> float:
        if not self.faults:
            return 0.0
        fault = self.faults.strike(fault_kinds.Delay, method=request.method)
        return fault.seconds if fault else 0.0

    def be_busy(self, seconds: float) -> None:
        """Let the queue of work wait from now on."""
        self._busy_until = max(self._busy_until, time.monotonic() + seconds)

    def set_fault(self, fault: Fault) -> None:
        """Have a fault; `act_on_faults` must be called when nothing else is to be said before."""
        self.faults.add(fault)
        self._park_again |= isinstance(fault, fault_kinds.Occupied)

    def clear_faults(self) -> None:
        """Have no fault any more; what a fault put into the world is taken away."""
        self.faults.clear()
        self.loop.thaw()
        self._busy_until = 0.0
        for actor_id in self._parked:
            self.world.destroy(actor_id)
        self._parked = []
        self.loop.call_later(0.0, self._work)

    def act_on_faults(self) -> None:
        """Do what live faults do by themselves, not as a part of a call."""
        if self.faults.strike(fault_kinds.Kill, when="idle"):
            _die()
        freeze = self.faults.strike(fault_kinds.Freeze)
        if freeze:
            self.loop.freeze(freeze.seconds)
        busy = self.faults.strike(fault_kinds.Busy)
        if busy:
            self.be_busy(busy.seconds)
        occupied = self.faults.live(fault_kinds.Occupied)
        if occupied and (self._park_again or not self._parked):
            self._park_again = False
            self._park(occupied)

    def load(self, map_name: str, *, reset_settings: bool) -> None:
        """Start a new episode; every sensor's stream ends.

        Raises:
            CallError: There is no such map.
        """
        if self.faults and self.faults.strike(fault_kinds.Kill, when="load_world"):
            _die()
        target = known_map(map_name)
        for sensor in self.sensors.values():
            self.streams.close(sensor.stream_id)
        self.sensors.clear()
        self._images_due = []
        self._parked = []
        self.world.load(target)
        if reset_settings:
            self.world.settings = EpisodeSettings()
        slow = self.faults and self.faults.strike(fault_kinds.SlowLoad)
        if slow:
            self.be_busy(slow.seconds)

    def _park(self, fault: fault_kinds.Occupied) -> None:
        places = spawn_points(self.world.lanes)
        car = Description(0, "vehicle.nissan.patrol_2021", {"role_name": "zombie"}, [0, "", []])
        car.encoded[1] = car.id
        for number in range(len(places)) if fault.points is None else fault.points:
            with contextlib.suppress(CallError, IndexError):
                self._parked.append(self.world.spawn(car, places[number]).id)

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
            fault = self.faults and self.faults.strike(fault_kinds.Refuse, method=request.method)
            if fault:
                raise CallError(fault.message)
            result = call.answer(self, *request.arguments)
        except CallError as error:
            result = refused(str(error), void=call.void)
        except (TypeError, ValueError, IndexError, KeyError) as error:
            result = refused(f"{request.method}: bad arguments ({error})", void=call.void)
        connection.send(rpc_wire.reply(request.number, result), soon=not request.waits)
        if self._images_due:
            self._publish_images()
        if self.faults:
            self.act_on_faults()

    def _tick_by_itself(self) -> None:
        period = ASYNCHRONOUS_PERIOD_S
        if not self.world.settings.synchronous_mode:
            self.tick()
            self._publish_images()
            if self.faults:
                self.act_on_faults()
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
            "traffic_managers": sorted(self.traffic_managers),
            "called": dict(self.called),
            "queued": len(self._queue),
            "faults": self.faults.describe(),
        }


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
