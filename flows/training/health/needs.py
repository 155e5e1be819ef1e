"""Estimates what replay and checkpoints of a stage take, and refuses a stage that cannot fit."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flows.errors import UsageError
from flows.settings.plan import StagePlan
from flows.training.health.resources import memory_available_mib

_MIB = 1 << 20
PROCESS_MIB = 700
"""Trainer without replay: interpreter, torch, environments and small networks."""
CHECKPOINT_MIB = 64
"""Allowance for one checkpoint: two encoders of 84x84 images with their targets and optimisers."""
SMALL_BYTES = 128
"""Allowance for a transition besides its frame: vector, action, reward and flags."""


@dataclass(frozen=True, kw_only=True)
class Needs:
    """What a stage takes at most, in MiB, with the numbers behind it."""

    memory_mib: float
    disk_mib: float
    transitions: int
    """In memory when the buffer is full."""
    bytes_each: int
    """Of one transition: a single frame, since stacks share their frames."""
    checkpoints: int


def needs(stage: StagePlan) -> Needs | None:
    """Estimate a stage from its resolved configuration; None when nothing is known about its replay.

    Each transition is stored once, with its newest frame alone. On disk no compression is assumed,
    and the segments of every milestone are counted, because a milestone keeps them.
    """
    if stage.trainer is not None:
        return None  # what another trainer stores is its own affair
    train, env = _mapping(stage.resolved, "train"), _mapping(stage.resolved, "env")
    capacity = _count(train.get("buffer_size"))
    if not capacity:
        return None
    size = _count(env.get("camera_size"))
    bytes_each = size * size + SMALL_BYTES
    transitions = min(capacity, stage.steps + stage.steps // 10)
    milestones = train.get("milestone_steps")
    if not isinstance(milestones, (list, tuple)):
        milestones = ()
    reached = [m for m in milestones if m <= stage.steps]
    # The last step's, and of the best evaluation its weights alone and all that resuming needs.
    checkpoints = _count(train.get("keep_checkpoints")) + len(reached) + 3
    saved = stage.steps + stage.steps // 10 if train.get("save_replay", True) else 0
    return Needs(
        memory_mib=PROCESS_MIB + transitions * bytes_each / _MIB,
        disk_mib=checkpoints * CHECKPOINT_MIB + saved * bytes_each / _MIB,
        transitions=transitions,
        bytes_each=bytes_each,
        checkpoints=checkpoints,
    )


def refuse_what_cannot_fit(stage: StagePlan, folder: Path, *, there_mib: float = 0.0) -> None:
    """Refuse a stage whose replay and checkpoints cannot fit into memory or onto the disk.

    Args:
        stage: What is to be trained.
        folder: Where it is written to; it must exist.
        there_mib: What an interrupted training already wrote.

    Raises:
        UsageError: With what is needed, what there is and what to do.
    """
    found = needs(stage)
    if found is None:
        return
    each = f"{found.transitions:,} transitions of {found.bytes_each:,} bytes"
    available = memory_available_mib()
    if available is not None and found.memory_mib > available:
        raise UsageError(
            f"{stage.name} needs about {_size(found.memory_mib)} of memory ({each} and "
            f"{_size(PROCESS_MIB)} for the trainer), {_size(available)} are available. Lower "
            f"train.buffer_size or env.camera_size, or free memory."
        )
    free = shutil.disk_usage(folder).free / _MIB
    spare = stage.supervision.resources.least_free_disk_mib
    wanted = max(0.0, found.disk_mib - there_mib) + spare
    if wanted > free:
        raise UsageError(
            f"{stage.name} needs about {_size(wanted)} of disk in {folder} (replay of "
            f"{stage.steps:,} steps, {found.bytes_each:,} bytes each, {found.checkpoints} "
            f"checkpoints, {_size(spare)} to spare), {_size(free)} are free. Free some, choose an "
            f"--out on another disk, or set train.save_replay=false."
        )


def _size(mib: float) -> str:
    return f"{mib / 1024:,.1f} GiB" if mib >= 1024 else f"{mib:,.0f} MiB"


def _mapping(values: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = values.get(key)
    return found if isinstance(found, Mapping) else {}


def _count(value: object) -> int:
    return value if isinstance(value, int) and value > 0 else 0
