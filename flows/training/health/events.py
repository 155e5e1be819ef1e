"""Writes what was measured as scalars for TensorBoard, beside the trainer's event files.

By hand, since the few bytes of a scalar are no reason to load TensorBoard into every supervisor.
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
        content = frame(_event(now, step, values))
        if self._path is None:
            self._folder.mkdir(exist_ok=True)
            name = f"events.out.tfevents.{int(now)}.{os.getpid()}{RESOURCES}"
            content = frame(_double(1, now) + _bytes(3, b"brain.Event:2")) + content
            self._path = self._folder / name
        with self._path.open("ab") as file:
            file.write(content)


def _event(at: float, step: int, values: Mapping[str, float]) -> bytes:
    """Encode tensorflow.Event: wall_time 1, step 2, summary 5 of values 1 with tag 1 and simple_value 2."""
    summary = b"".join(
        _bytes(1, _bytes(1, f"{FOLDER}/{name}".encode()) + b"\x15" + struct.pack("<f", value))
        for name, value in values.items()
    )
    return _double(1, at) + b"\x10" + _varint(step) + _bytes(5, summary)


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
