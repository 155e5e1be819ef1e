"""Files that are either whole or not there: write to a temporary name, flush to disk, rename."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path


def write_atomically(path: Path, content: str | bytes) -> None:
    """Write `content` so that a reader sees the old file or the new one, never a part.

    Raises:
        OSError: The folder is missing or read-only, or the disk is full; no temporary file is left.
    """
    # A file name that is no UTF-8 becomes `\\udc80`, which JSON reads back as the same name.
    data = content.encode("utf-8", "backslashreplace") if isinstance(content, str) else content
    descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(temporary).unlink()
        raise
