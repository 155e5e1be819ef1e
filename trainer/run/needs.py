"""Estimates what a training takes of a machine, before it starts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from trainer.replay.capacity import most_transitions, transition_bytes
from trainer.run.task import Task

_MIB = 1 << 20
PROCESS_MIB = 700
"""Trainer without replay: interpreter, torch, environments and small networks."""
CHECKPOINT_MIB = 64
"""Allowance for one checkpoint: two encoders of 84x84 images with their targets and optimisers."""


@dataclass(frozen=True, kw_only=True)
class Storage:
    """What a training keeps in memory and on disk at most."""

    memory_mib: float
    disk_mib: float
    process_mib: float
    """Part of the memory that the replay buffer does not account for."""
    transitions: int
    """In the replay buffer when it is full."""
    bytes_each: int
    """Size of a transition: a single frame, since stacks share their frames."""
    checkpoints: int
    """On disk at the end."""


@dataclass(frozen=True, kw_only=True)
class Needs:
    """What a training takes of a machine."""

    device: str
    """`cpu` or `cuda`."""
    threads: int
    servers: tuple[str, ...]
    """`host:port` of each simulator that the training keeps to itself."""
    exclusive_simulator: bool
    """The environment owns its simulator, so a second training needs another one."""
    storage: Storage

    def as_record(self) -> Mapping[str, Any]:
        """Return the needs as `python -m trainer check` answers them."""
        return asdict(self)


def needs(task: Task) -> Needs:
    """Estimate a training from its configuration."""
    train = task.request.train
    return Needs(
        device=train.device,
        threads=train.threads,
        servers=task.environment.servers(task.env),
        exclusive_simulator=task.spec.exclusive,
        storage=_storage(task),
    )


def _storage(task: Task) -> Storage:
    """Estimate memory and disk.

    On disk no compression is assumed, and the replay segments of every milestone are counted,
    because a milestone keeps them.
    """
    train, steps = task.request.train, task.request.planned_steps
    stored = most_transitions(steps)
    bytes_each = transition_bytes(task.spec)
    in_memory = min(train.buffer_size, stored)
    milestones = sum(step <= steps for step in train.milestone_steps)
    # Besides: the last step's, the best evaluation's weights, and the state to resume from it.
    checkpoints = train.keep_checkpoints + milestones + 3
    on_disk = stored if train.save_replay else 0
    return Storage(
        memory_mib=PROCESS_MIB + in_memory * bytes_each / _MIB,
        disk_mib=checkpoints * CHECKPOINT_MIB + on_disk * bytes_each / _MIB,
        process_mib=PROCESS_MIB,
        transitions=in_memory,
        bytes_each=bytes_each,
        checkpoints=checkpoints,
    )
