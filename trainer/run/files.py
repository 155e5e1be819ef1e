"""Files that are either whole or not there: write to a temporary name, flush to disk, rename."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, BinaryIO


def write_atomically(path: Path, write: Callable[[BinaryIO], None]) -> None:
    """Let `write` fill a temporary file, then put it in place.

    Raises:
        OSError: The folder is missing or read-only, or the disk is full; no temporary file is left and an older file
            of that name is untouched. `filename` names `path`.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        if isinstance(error, OSError):
            raise OSError(error.errno, error.strerror or str(error), str(path)) from error
        raise
    _flush_folder(path.parent)


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write an indented JSON object atomically."""
    data = (json.dumps(content, indent=2, allow_nan=False) + "\n").encode()

    def write(file: BinaryIO) -> None:
        file.write(data)

    write_atomically(path, write)


def utc_now() -> str:
    """Return the time of day, ISO 8601 with milliseconds."""
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds")


def _flush_folder(folder: Path) -> None:
    """Make the rename itself durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
