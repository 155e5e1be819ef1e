"""The RPC protocol: msgpack-rpc over TCP, objects one after another without a length prefix.

A request is `[0, number, "method", [metadata, argument...]]`, a reply `[1, number, error, result]`.
The metadata is always the first argument; it says whether the client waits, and even calls for
which it does not wait are answered.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgpack

_REQUEST, _REPLY = 0, 1
_LARGEST_REQUEST = 64 * 2**20


class WireError(ValueError):
    """Bytes on an RPC connection are no request; the connection cannot be used any more."""


@dataclass(frozen=True)
class Request:
    """One call of a client."""

    number: int
    """Number that the reply must repeat."""
    method: str
    arguments: tuple[Any, ...]
    """Without the metadata."""
    waits: bool = True
    """Whether the client waits for the reply; it gets one in any case."""


class RequestReader:
    """Cuts the bytes of one connection into requests."""

    def __init__(self) -> None:
        self._unpacker = msgpack.Unpacker(raw=False, max_buffer_size=_LARGEST_REQUEST)

    def feed(self, data: bytes) -> Iterator[Request]:
        """Yield every request that is whole after `data`.

        Raises:
            WireError: The bytes are not msgpack-rpc.
        """
        try:
            self._unpacker.feed(data)
            for message in self._unpacker:
                yield _request(message)
        except (ValueError, msgpack.exceptions.UnpackException) as error:
            raise WireError(f"not a msgpack-rpc request: {error}") from error


def _request(message: Any) -> Request:
    match message:
        case [0, int(number), str(method), [metadata, *arguments]]:
            return Request(number, method, tuple(arguments), waits=metadata != [True])
    raise WireError(f"not a msgpack-rpc request: {str(message)[:80]}")


def reply(number: int, result: Any) -> bytes:
    """Return the bytes that answer a request with a result."""
    return bytes(msgpack.packb([_REPLY, number, None, result], use_bin_type=True))


def failure(number: int, message: str) -> bytes:
    """Return the bytes that make the client raise `rpc::rpc_error` whatever the method returns."""
    return bytes(msgpack.packb([_REPLY, number, message, None], use_bin_type=True))
