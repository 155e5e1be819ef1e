"""Refuses a stage whose replay buffer and checkpoints cannot fit into memory or onto the disk."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from flows.errors import UsageError
from flows.settings.plan import StagePlan
from flows.training.health.resources import memory_available_mib

_MIB = 1 << 20


def refuse_what_cannot_fit(stage: StagePlan, folder: Path, *, there_mib: float = 0.0) -> None:
    """Refuse a stage whose replay and checkpoints cannot fit into memory or onto the disk.

    Args:
        stage: What is to be trained.
        folder: Where it is written to; it must exist.
        there_mib: What an interrupted training already wrote.

    Raises:
        UsageError: With what is needed, what is available and what to do.
    """
    storage = stage.needs.storage
    if storage is None:
        return
    each = f"{storage.transitions:,} transitions of {storage.bytes_each:,} bytes"
    available = memory_available_mib()
    if available is not None and storage.memory_mib > available:
        raise UsageError(
            f"{stage.name} needs about {_size(storage.memory_mib)} of memory ({each} and "
            f"{_size(storage.process_mib)} for the trainer), {_size(available)} are available. "
            "Lower train.buffer_size or env.camera_size, or free memory."
        )
    free = shutil.disk_usage(folder).free / _MIB
    spare = stage.supervision.resources.least_free_disk_mib
    wanted = max(0.0, storage.disk_mib - there_mib) + spare
    if wanted > free:
        raise UsageError(
            f"{stage.name} needs about {_size(wanted)} of disk in {folder} (replay of "
            f"{stage.steps:,} steps, {storage.bytes_each:,} bytes each, {storage.checkpoints} "
            f"checkpoints, {_size(spare)} to spare), {_size(free)} are free. Free some, choose an "
            "--out on another disk, or set train.save_replay=false."
        )


def _size(mib: float) -> str:
    return f"{mib / 1024:,.1f} GiB" if mib >= 1024 else f"{mib:,.0f} MiB"


def available_cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
