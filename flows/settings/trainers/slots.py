"""What a training needs for itself alone on this machine: a GPU, a simulator's port."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from flows.settings.trainers.trainer_check import Needs

SLOT = r"^[a-z0-9][a-z0-9._:-]*$"
Slot = Annotated[str, Field(pattern=SLOT, max_length=80)]


def derived_slots(needs: Needs, environment: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """Return the slots of a training: its CUDA device, by `environment` or ours, and its simulators' ports."""
    seen = (os.environ if environment is None else environment).get("CUDA_VISIBLE_DEVICES", "")
    slots = []
    if needs.device == "cuda":
        slots.append(f"cuda-{seen.split(',')[0].strip().lower() or '0'}")
    slots += [f"simulator-{server}" for server in needs.servers]
    return tuple(dict.fromkeys(slots))
