"""gate.json: a gate's result as strict JSON, and back."""

from __future__ import annotations

import json
import math
from dataclasses import is_dataclass
from pathlib import Path
from typing import Any

from msgspec import Struct, structs

from gates.errors import InputError
from gates.files import write_atomically
from gates.findings import (
    Certainty,
    Diagnosis,
    Finding,
    Fix,
    GateResult,
    LimitOrigin,
    Nearness,
    NotApplicable,
    Outcome,
    Side,
    Verdict,
)
from gates.verdict import decide

FORMAT = 1
"""Raised when a key changes its meaning."""

_NOT_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


def to_json(result: GateResult) -> str:
    """Render as JSON text; values that JSON does not know become "NaN", "Infinity" or "-Infinity"."""
    return strict_json(FORMAT, result)


def strict_json(format_number: int, content: object) -> str:
    """Render a record as a result file, whatever numbers it holds."""
    plain = {"format": format_number, **finite_or_text(content)}
    return json.dumps(plain, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def from_json(text: str) -> GateResult:
    """Read what `to_json` wrote.

    Raises:
        InputError: The text is no gate.json of this format.
    """
    try:
        data = json.loads(text)
        if not isinstance(data, dict) or data.pop("format", None) != FORMAT:
            raise InputError(f"not a gate.json of format {FORMAT}")
        data["verdict"] = Verdict(data["verdict"])
        data["findings"] = tuple(map(read_finding, data["findings"]))
        data["diagnoses"] = tuple(_diagnosis(d) for d in data["diagnoses"])
        for key in ("gate_warnings", "inputs", "not_decided"):
            data[key] = tuple(data[key])
        data["last_evaluation"] = number(data.get("last_evaluation"))
        if "deciding_check" not in data:
            _complete(data)
        data["not_applicable"] = tuple(NotApplicable(**n) for n in data["not_applicable"])
        data["nearness"] = tuple(Nearness(**n) for n in data.get("nearness", ()))
        return GateResult(**data)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"not a gate.json that can be read: {error}") from error


def write(result: GateResult, path: Path) -> None:
    """Write gate.json whole or not at all.

    Raises:
        OSError: The folder is missing or read-only, or the disk is full.
    """
    write_atomically(path, to_json(result))


def finite_or_text(value: Any) -> Any:
    """Make records objects, and replace what JSON cannot hold."""
    if is_dataclass(value):
        value = vars(value)
    elif isinstance(value, Struct):
        value = structs.asdict(value)
    if isinstance(value, (Outcome, Verdict)):
        return value.value
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")
    if isinstance(value, dict):
        return {str(k): finite_or_text(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite_or_text(v) for v in value]
    return value


def number(value: Any) -> Any:
    """Read a number that `finite_or_text` wrote; anything else stays as it is."""
    return _NOT_FINITE.get(value, value) if isinstance(value, str) else value


def _complete(data: dict[str, Any]) -> None:
    """Add what gate.json did not hold before `deciding_check`: it wrote these facts as sentences."""
    stopped = [f for f in data["findings"] if f.check == "live_gate"]
    data["deciding_check"] = stopped[0].check if stopped else decide(data["findings"]).check
    told = [text.partition(": does not apply, ") for text in data["not_decided"]]
    data["not_decided"] = tuple(text for text, found, _ in told if not found)
    data["not_applicable"] = [
        {"check": "", "title": title, "reason": reason.rstrip(".")}
        for title, found, reason in told
        if found
    ]


def read_finding(data: dict[str, Any]) -> Finding:
    """Read a finding as `finite_or_text` wrote it."""
    fields: dict[str, Any] = {**data, "outcome": Outcome(data["outcome"])}
    for key in ("value", "limit", "warn_limit"):
        fields[key] = number(data.get(key))
    fields["parts"] = tuple(data.get("parts", ()))
    fields["sides"] = tuple(
        Side(direction=s["direction"], warn=number(s["warn"]), fail=number(s["fail"]))
        for s in data.get("sides", ())
    )
    origin = data.get("limit_origin")
    if origin:
        numbers = {key: number(origin[key]) for key in ("factor", "bound")}
        fields["limit_origin"] = LimitOrigin(
            **{**origin, **numbers, "inputs": tuple(origin["inputs"])}
        )
    certainty = data.get("certainty")
    fields["certainty"] = Certainty(**certainty) if certainty else None
    return Finding(**fields)


def _diagnosis(data: dict[str, Any]) -> Diagnosis:
    lists: dict[str, Any] = {
        k: tuple(data[k]) for k in ("evidence", "does_not_explain") if k in data
    }
    fields: dict[str, Any] = {**data, **lists, "fix": Fix(**data["fix"])}
    return Diagnosis(**fields)
