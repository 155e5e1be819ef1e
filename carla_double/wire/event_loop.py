"""One thread that waits for sockets and clocks: whatever happens in the double happens here."""

from __future__ import annotations

import contextlib
import heapq
import itertools
import selectors
import socket
import time
from collections import deque
from collections.abc import Callable

_READ_BYTES = 1 << 18
_LONGEST_WAIT_S = 0.2
_IDLE_S = 0.005
"""Silence after which messages that no client waits for are sent."""
LARGEST_BACKLOG = 64 * 2**20
"""Bytes that wait for a reader that does not read; what comes on top is dropped."""


class PortTakenError(OSError):
    """Somebody else listens on a port, or it may not be used."""


class Timer:
    """Something that happens later; `cancel()` before that and it never does."""

    def __init__(self, action: Callable[[], None]) -> None:
        self.action: Callable[[], None] | None = action

    def cancel(self) -> None:
        """Forget the action."""
        self.action = None


class Connection:
    """One TCP connection; `on_data` gets what arrives, `on_close` is told once when it ends."""

    def __init__(
        self,
        loop: EventLoop,
        sock: socket.socket,
        on_data: Callable[[Connection, bytes], None],
        on_close: Callable[[Connection], None],
        *,
        always_awake: bool = False,
    ) -> None:
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._loop = loop
        self._sock = sock
        self._on_data = on_data
        self._on_close = on_close
        self._waiting: deque[bytes] = deque()
        self._soon: list[bytes] = []
        self._backlog = 0
        self.open = True
        self.always_awake = always_awake
        loop.watch(self._sock, self._ready, always_awake=always_awake)

    def send(self, data: bytes, *, soon: bool = False) -> None:
        """Send all of `data`, now or as soon as the other side reads.

        With `soon` it goes along with what is sent next, or when there is nothing else to do:
        no client waits for it, and every message on its way costs both sides a system call.
        """
        if not self.open:
            return
        if soon:
            self._soon.append(data)
            self._loop.send_when_idle(self)
            return
        if self._soon:
            data = b"".join((*self._soon, data))
            self._soon.clear()
        if self._waiting:
            if self._backlog + len(data) > LARGEST_BACKLOG:
                return
            self._waiting.append(data)
            self._backlog += len(data)
            return
        try:
            sent = self._sock.send(data)
        except BlockingIOError:
            sent = 0
        except OSError:
            self.close()
            return
        if sent < len(data):
            self._waiting.append(data[sent:])
            self._backlog += len(data) - sent
            self._loop.watch_writing(self._sock, True)

    def send_rest(self) -> None:
        """Send what was to be sent soon."""
        if self._soon:
            self.send(b"")

    def close(self) -> None:
        """End the connection."""
        if not self.open:
            return
        self.open = False
        self._loop.forget(self._sock)
        self._sock.close()
        self._on_close(self)

    def _ready(self, mask: int) -> None:
        if mask & selectors.EVENT_WRITE:
            self._flush()
        if not self.open or not mask & selectors.EVENT_READ:
            return
        try:
            data = self._sock.recv(_READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if data:
            self._on_data(self, data)
        else:
            self.close()

    def _flush(self) -> None:
        try:
            while self._waiting:
                data = self._waiting[0]
                sent = self._sock.send(data)
                self._backlog -= sent
                if sent < len(data):
                    self._waiting[0] = data[sent:]
                    return
                self._waiting.popleft()
        except BlockingIOError:
            return
        except OSError:
            self.close()
            return
        self._loop.watch_writing(self._sock, False)


class EventLoop:
    """Calls back when sockets are ready and when timers are due."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._timers: list[tuple[float, int, Timer]] = []
        self._numbers = itertools.count()
        self._running = False
        self._frozen_until = 0.0
        self._asleep: dict[socket.socket, tuple[int, object]] = {}
        self._unsent: set[Connection] = set()

    def listen(
        self,
        port: int,
        on_connection: Callable[[socket.socket], None],
        *,
        always_awake: bool = False,
    ) -> int:
        """Accept connections on the loopback interface; return the port, free for 0.

        Raises:
            PortTakenError: The port is taken.
        """
        server = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        # A restarted server must get its port back although old connections linger.
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            server.bind(("127.0.0.1", port))
            server.listen(128)
        except OSError as error:
            server.close()
            raise PortTakenError(f"cannot listen on 127.0.0.1:{port}: {error.strerror}") from error
        server.setblocking(False)

        def accept(_: int) -> None:
            with contextlib.suppress(BlockingIOError, ConnectionError):
                on_connection(server.accept()[0])

        self.watch(server, accept, always_awake=always_awake)
        return int(server.getsockname()[1])

    def watch(
        self, sock: socket.socket, ready: Callable[[int], None], *, always_awake: bool = False
    ) -> None:
        """Call `ready` with the event mask when there is something to read."""
        self._selector.register(sock, selectors.EVENT_READ, (ready, always_awake))

    def watch_writing(self, sock: socket.socket, wanted: bool) -> None:
        """Also call when there is room to write, or no longer."""
        mask = selectors.EVENT_READ | (selectors.EVENT_WRITE if wanted else 0)
        if sock in self._asleep:
            self._asleep[sock] = (mask, self._asleep[sock][1])
            return
        self._selector.modify(sock, mask, self._selector.get_key(sock).data)

    def forget(self, sock: socket.socket) -> None:
        """Watch a socket no more."""
        if self._asleep.pop(sock, None) is None:
            self._selector.unregister(sock)

    def call_later(self, seconds: float, action: Callable[[], None]) -> Timer:
        """Call `action` after some time; while the loop is frozen nothing is called."""
        timer = Timer(action)
        due = time.monotonic() + seconds
        heapq.heappush(self._timers, (due, next(self._numbers), timer))
        return timer

    def send_when_idle(self, connection: Connection) -> None:
        """Call a connection's `send_rest` as soon as nothing else happens for a moment."""
        self._unsent.add(connection)

    def freeze(self, seconds: float) -> None:
        """Serve nothing but what is `always_awake` for some time; senders see full buffers."""
        self._frozen_until = time.monotonic() + seconds
        for key in list(self._selector.get_map().values()):
            if not key.data[1]:
                sock = key.fileobj
                assert isinstance(sock, socket.socket)
                self._asleep[sock] = (key.events, key.data)
                self._selector.unregister(sock)

    @property
    def frozen(self) -> bool:
        """Whether `freeze` is in effect."""
        return bool(self._asleep)

    def thaw(self) -> None:
        """Serve everything again."""
        asleep, self._asleep = self._asleep, {}
        for sock, (mask, data) in asleep.items():
            self._selector.register(sock, mask, data)

    def run(self) -> None:
        """Serve until `stop()`."""
        self._running = True
        while self._running:
            events = self._selector.select(self._patience())
            if not events and self._unsent and not self._asleep:
                unsent, self._unsent = self._unsent, set()
                for connection in unsent:
                    connection.send_rest()
            for key, mask in events:
                # An earlier callback of the same round may have closed or frozen this one.
                if key.fileobj in self._asleep or key.fd < 0:
                    continue
                key.data[0](mask)
            if self._asleep:
                if time.monotonic() < self._frozen_until:
                    continue
                self.thaw()
            self._call_due()

    def stop(self) -> None:
        """Let `run()` return."""
        self._running = False

    def _patience(self) -> float:
        """Return how long to wait at most; never long, so that a signal's `stop()` is seen."""
        due = _LONGEST_WAIT_S
        if self._asleep:
            due = self._frozen_until - time.monotonic()
        elif self._timers:
            due = self._timers[0][0] - time.monotonic()
        if self._unsent and not self._asleep:
            due = min(due, _IDLE_S)
        return min(max(due, 0.0), _LONGEST_WAIT_S)

    def _call_due(self) -> None:
        now = time.monotonic() if self._timers else 0.0
        while self._timers and self._timers[0][0] <= now:
            _, _, timer = heapq.heappop(self._timers)
            if timer.action is not None:
                timer.action()
