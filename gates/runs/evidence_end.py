"""evidence-end.json: what collected evidence inside another trainer broke and stopped; the training went on."""

from __future__ import annotations

import json
from pathlib import Path

from msgspec import Struct

from gates.errors import InputError

EVIDENCE_END_FILE = "evidence-end.json"


class EvidenceEnd(Struct, frozen=True, kw_only=True):
    """Where the evidence ends, and why."""

    step: int
    """Environment step of the last evidence."""
    error: str
    """Type and message of what was raised, in one line."""


def read_evidence_end(run: Path) -> EvidenceEnd | None:
    """Read evidence-end.json of a run directory; None when the evidence did not break.

    Raises:
        InputError: The file is there but cannot be understood.
    """
    path = run / EVIDENCE_END_FILE
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        if data["format"] != 1:
            raise ValueError(f"format must be 1, got {data['format']!r}")
        return EvidenceEnd(step=int(data["step"]), error=str(data["error"]))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        what = f"{error} is missing" if isinstance(error, KeyError) else error
        raise InputError(f"{path} cannot be understood: {what}") from error
