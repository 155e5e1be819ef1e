"""Records of event files that we write ourselves: what was measured, as scalars, and where a session began.

By hand, since their few bytes are no reason to load TensorBoard into every supervisor.
"""

from __future__ import annotations

import os
import struct
import time
from collections.abc import Mapping
from pathlib import Path

from gates.events.folder import RESOURCES
from gates.events.framing import frame

FOLDER = "resources"
"""Of the run directory, and prefix of the tags."""


class ResourceEvents:
    """One event file of scalars `resources/NAME`, made with the first of them."""

    def __init__(self, run: Path) -> None:
        self._folder = run / FOLDER
        self._path: Path | None = None

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """Add one event.

        Raises:
            OSError: It cannot be written.
        """
        now = time.time()
        content = _scalars(now, step, values)
        if self._path is None:
            self._folder.mkdir(exist_ok=True)
            name = f"events.out.tfevents.{int(now)}.{os.getpid()}{RESOURCES}"
            content = first_record(now) + content
            self._path = self._folder / name
        with self._path.open("ab") as file:
            file.write(content)


def first_record(at: float) -> bytes:
    """Return the record that an event file begins with: the version of its format."""
    return frame(_double(1, at) + _bytes(3, b"brain.Event:2"))


def session_start(at: float, step: int) -> bytes:
    """Return the record of TensorBoard's writers with `purge_step`: older points from `step` on are void."""
    return _record(at, step, _bytes(7, b"\x08\x01"))


def _scalars(at: float, step: int, values: Mapping[str, float]) -> bytes:
    """Encode a summary, field 5, of values, each with tag 1 and simple_value 2."""
    summary = b"".join(
        _bytes(1, _bytes(1, f"{FOLDER}/{name}".encode()) + b"\x15" + struct.pack("<f", value))
        for name, value in values.items()
    )
    return _record(at, step, _bytes(5, summary))


def _record(at: float, step: int, content: bytes) -> bytes:
    """Frame a tensorflow.Event: wall_time 1, step 2, and what it says."""
    return frame(_double(1, at) + b"\x10" + _varint(step) + content)


def _bytes(field: int, content: bytes) -> bytes:
    return bytes([field << 3 | 2]) + _varint(len(content)) + content


def _double(field: int, value: float) -> bytes:
    return bytes([field << 3 | 1]) + struct.pack("<d", value)


def _varint(value: int) -> bytes:
    groups = []
    while value > 0x7F:
        groups.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*groups, value])
