"""Sensor streams: a client connects, sends the number of a stream, and then only reads."""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable

from carla_double.wire.event_loop import Connection, EventLoop

_LENGTH = struct.Struct("<I")


class Streams:
    """Who listens to which stream.

    A client asks for a stream's token first and connects later; until it has, the stream is
    awaited, and a frame published meanwhile would be lost for it.
    """

    def __init__(self, loop: EventLoop, port: int) -> None:
        self._loop = loop
        self._subscribers: dict[int, list[Connection]] = {}
        self._open: set[int] = set()
        self._awaited: dict[int, int] = {}
        self._half_open: dict[Connection, bytes] = {}
        self.on_subscription: Callable[[], None] = lambda: None
        """Called when an awaited subscription has come."""
        self.port = loop.listen(port, self._connected)

    def open(self, stream_id: int) -> None:
        """Let a stream be subscribed."""
        self._open.add(stream_id)

    def close(self, stream_id: int) -> None:
        """End a stream and the connections of its readers."""
        self._open.discard(stream_id)
        self._awaited.pop(stream_id, None)
        for connection in self._subscribers.pop(stream_id, []):
            connection.close()

    def expect(self, stream_id: int) -> None:
        """Note that a token was handed out: one more subscription will come."""
        if stream_id in self._open:
            self._awaited[stream_id] = self._awaited.get(stream_id, 0) + 1

    @property
    def awaiting(self) -> bool:
        """Whether a token was handed out and its subscription has not arrived."""
        return bool(self._awaited)

    def give_up_waiting(self) -> None:
        """Forget the subscriptions that have not come."""
        self._awaited.clear()

    def has_readers(self, stream_id: int) -> bool:
        """Whether anybody listens."""
        return stream_id in self._subscribers

    def readers(self) -> dict[int, int]:
        """Return how many listen to each stream that has readers."""
        return {stream: len(readers) for stream, readers in self._subscribers.items()}

    def send(self, stream_id: int, payload: bytes) -> None:
        """Send one message to all readers of a stream."""
        readers = self._subscribers.get(stream_id)
        if not readers:
            return
        data = _LENGTH.pack(len(payload)) + payload
        for connection in list(readers):
            connection.send(data)

    def _connected(self, sock: socket.socket) -> None:
        self._half_open[Connection(self._loop, sock, self._received, self._closed)] = b""

    def _received(self, connection: Connection, data: bytes) -> None:
        if connection not in self._half_open:
            return
        data = self._half_open[connection] + data
        if len(data) < _LENGTH.size:
            self._half_open[connection] = data
            return
        del self._half_open[connection]
        (stream_id,) = _LENGTH.unpack(data[: _LENGTH.size])
        if stream_id not in self._open:
            connection.close()
            return
        self._subscribers.setdefault(stream_id, []).append(connection)
        if stream_id in self._awaited:
            self._awaited[stream_id] -= 1
            if not self._awaited[stream_id]:
                del self._awaited[stream_id]
            self.on_subscription()

    def _closed(self, connection: Connection) -> None:
        self._half_open.pop(connection, None)
        for stream_id, readers in list(self._subscribers.items()):
            if connection in readers:
                readers.remove(connection)
                if not readers:
                    del self._subscribers[stream_id]
