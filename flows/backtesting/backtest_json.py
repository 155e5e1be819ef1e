"""A backtest as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flows.backtesting.backtest_cases import Selection
from flows.backtesting.backtest_text import label_answers
from flows.backtesting.judge_again import Comparison
from flows.backtesting.labels import first_cause
from flows.records.json_file import finding_content, strict_json
from gates.findings import GateResult

_KEYS = ("outcome", "required", "dry_run", "value", "limit", "reason")


def as_json_text(comparisons: Sequence[Comparison], selection: Selection) -> str:
    """Render the whole backtest."""
    answers = [label_answers(c) for c in comparisons]
    content = {
        "format": 1,
        "runs": [_run_json(comparison) for comparison in comparisons],
        "summary": {
            "runs": len(comparisons),
            "flipped": sum(c.flipped for c in comparisons),
            "not_judged": sum(c.after is None for c in comparisons),
            "other_stages": selection.other_stages,
            "verdicts_right": sum(v is True for v, _ in answers),
            "verdicts_labelled": sum(v is not None for v, _ in answers),
            "causes_right": sum(c is True for _, c in answers),
            "causes_labelled": sum(c is not None for _, c in answers),
            "labels_without_run": list(selection.labels_without_run),
        },
    }
    return strict_json(content)


def _run_json(comparison: Comparison) -> dict[str, Any]:
    verdict_right, cause_right = label_answers(comparison)
    return {
        "run": str(comparison.case.run),
        "stage": comparison.case.stage,
        "gate": comparison.case.gate,
        "before": _result_json(comparison.before),
        "after": _result_json(comparison.after),
        "flipped": comparison.flipped,
        "made_by": [
            {
                "check": cause.check,
                "title": cause.title,
                "before": finding_content(cause.before, _KEYS),
                "after": finding_content(cause.after, _KEYS),
            }
            for cause in comparison.causes
        ],
        "verdict_right": verdict_right,
        "cause_right": cause_right,
        "notes": list(comparison.notes),
        "problem": comparison.problem,
    }


def _result_json(result: GateResult | None) -> dict[str, Any] | None:
    if result is None:
        return None
    return {
        "verdict": result.verdict.value,
        "deciding": result.deciding,
        "cause": first_cause(result),
        "gate_sha256": result.gate_sha256,
    }
