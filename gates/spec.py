"""Gate files: YAML lists of typed checks, all mistakes reported at once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class GateSpec:
    """The checks of one stage."""

    name: str


def load_gate(name_or_path: str | Path) -> GateSpec:
    """Load a gate by its name (`5k`, in config/gates) or from a file.

    Raises:
        GateConfigError: The file is missing or has mistakes; each is named with file and key.
    """
    raise NotImplementedError
