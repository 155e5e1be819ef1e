"""joint.json: the joint judgement of several seeds as strict JSON, and back."""

from __future__ import annotations

import json
from typing import Any

from gates.errors import InputError
from gates.findings import Verdict
from gates.metrics import Interval
from gates.result_file import read_finding, strict_json
from gates.seeds.result import JointResult, SeedsAnswer, SeedVerdict
from gates.seeds.scores import SeedScore

FORMAT = 1
"""Raised when a key changes its meaning."""


def to_json(result: JointResult) -> str:
    """Render as JSON text, numbers that JSON does not know as in gate.json."""
    return strict_json(FORMAT, result)


def from_json(text: str) -> JointResult:
    """Read what `to_json` wrote.

    Raises:
        InputError: The text is no joint.json of this format.
    """
    try:
        data = json.loads(text)
        if not isinstance(data, dict) or data.pop("format", None) != FORMAT:
            raise InputError(f"not a joint.json of format {FORMAT}")
        data["verdict"] = Verdict(data["verdict"])
        data["findings"] = tuple(map(read_finding, data["findings"]))
        data["seeds"] = tuple(_seed(seed) for seed in data["seeds"])
        data["returns"] = Interval(**data["returns"]) if data.get("returns") else None
        data["answer"] = SeedsAnswer(**data["answer"]) if data.get("answer") else None
        return JointResult(**data)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"not a joint.json that can be read: {error}") from error


def _seed(data: dict[str, Any]) -> SeedVerdict:
    verdict = None if data["verdict"] is None else Verdict(data["verdict"])
    score = SeedScore(**data["score"]) if data.get("score") else None
    fields: dict[str, Any] = {**data, "verdict": verdict, "score": score}
    return SeedVerdict(**fields)
