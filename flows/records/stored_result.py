"""Names and reads what a judgement left in a run folder."""

from __future__ import annotations

from pathlib import Path

from gates.errors import InputError
from gates.findings import GateResult
from gates.result_file import from_json

GATE_FILE = "gate.json"
RUN_FILE = "run.json"


def read_result(folder: Path) -> GateResult | None:
    """Read gate.json of a run folder; None when there is none that can be read."""
    try:
        return from_json((folder / GATE_FILE).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, InputError):
        return None
