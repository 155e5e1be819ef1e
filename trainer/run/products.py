"""Which library multiplies matrices in a run: the quicker one of this machine, the same until the run's end.

It is measured once on a machine and kept in the user's cache folder, so that the same run gives the same numbers there.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
from pathlib import Path
from typing import Any, get_args

import torch

from trainer.agents.linear import Library, quicker_library
from trainer.run.files import write_json

KEY = "matrix_products"
"""Of run.json and of the file in the cache folder."""
_BEFORE: Library = "onednn"
"""What runs multiplied with that do not say it."""


def library_of(run: Path) -> Library:
    """Return the library of a run: the one that it began with, else this machine's."""
    try:
        told = json.loads((run / "run.json").read_bytes())
    except (OSError, ValueError):
        return library_of_machine()
    return _known(told) or _BEFORE


def library_of_machine() -> Library:
    """Return the quicker library; it is measured where nothing is kept for this processor and torch."""
    kept = _cache() / f"products-{_machine()}.json"
    with contextlib.suppress(OSError, ValueError):
        known = _known(json.loads(kept.read_bytes()))
        if known:
            return known
    found = quicker_library()
    with contextlib.suppress(OSError):  # measured again next time
        kept.parent.mkdir(parents=True, exist_ok=True)
        write_json(kept, {KEY: found})
    return found


def _known(told: Any) -> Library | None:
    name = told.get(KEY) if isinstance(told, dict) else None
    return name if name in get_args(Library) else None


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "gonogo"


def _machine() -> str:
    """Name processor and torch in a file's name."""
    processor = platform.processor()
    with contextlib.suppress(OSError, StopIteration):
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
        processor = next(line for line in lines if line.startswith("model name")).partition(":")[2]
    text = f"{processor} {platform.node()} torch {torch.__version__}"
    return "".join(c if c.isalnum() and c.isascii() else "-" for c in text)
