"""What a training needs for itself alone on this machine: a GPU, a simulator's port."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field

SLOT = r"^[a-z0-9][a-z0-9._:-]*$"
Slot = Annotated[str, Field(pattern=SLOT, max_length=80)]


def derived_slots(
    resolved: Mapping[str, Any], environment: Mapping[str, str] | None = None
) -> tuple[str, ...]:
    """Return the slots of a resolved configuration: its CUDA device, its simulators' ports.

    Args:
        resolved: `env` and `train` with every default.
        environment: Of the training, for CUDA_VISIBLE_DEVICES; ours when absent.
    """
    seen = (os.environ if environment is None else environment).get("CUDA_VISIBLE_DEVICES", "")
    slots = []
    train, env = resolved.get("train"), resolved.get("env")
    if isinstance(train, Mapping) and train.get("device") == "cuda":
        device = seen.split(",")[0].strip().lower() or "0"
        slots.append(f"cuda-{device}")
    server = env.get("server") if isinstance(env, Mapping) else None
    if isinstance(server, Mapping):
        host = str(server.get("host") or "localhost").lower()
        host = "localhost" if host in ("127.0.0.1", "::1") else host
        # Port 0 is any free one, which nobody else has.
        slots += [f"simulator-{host}:{port}" for port in server.get("ports") or () if port]
    return tuple(dict.fromkeys(slots))
