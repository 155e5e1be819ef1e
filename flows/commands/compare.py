"""`gonogo compare`: two runs side by side, as a report, as lines and as JSON."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flows.commands.terminal import say
from flows.errors import writing
from flows.judging.rules import REPORTS_FOLDER
from flows.records.json_file import finding_content, read_json, strict_json, utc_now
from flows.settings.shell_path import shell_path
from flows.stored.compared import find_run, load_run, stage_of
from gates.files import write_atomically
from gates.schema import plain
from gates.text import ABSENT, format_count, format_number
from reports.comparison.compare import (
    ChangeKind,
    CheckChange,
    ComparedRun,
    Comparison,
    change_text,
    value_text,
)
from reports.comparison.compare import compare_runs as compared
from reports.stage.sections.hyperparameters import show_value
from reports.text.escaping import file_name

TWIN = "comparison.json"
_MOST_LINES = 12
_MOST_KEYS = 8


def compare_runs(a: Path, b: Path, *, stage: str | None, out: Path | None, as_json: bool) -> int:
    """Compare two runs, print what differs and write a report; 0 whatever the verdicts are.

    Raises:
        UsageError: One of them is no run, or no stage is known by which to judge it.
        GatesError: A run without a verdict cannot be judged.
        OutputError: The report cannot be written.
    """
    first = load_run(a, stage=stage or stage_of(a) or stage_of(b))
    second = load_run(b, stage=stage or stage_of(b) or stage_of(a))
    comparison = compared(first, second)
    text = strict_json(comparison_content(comparison))
    report = None
    if out is not None or not as_json:
        report = _write(
            comparison, text, out or _free_folder(find_run(a), find_run(b), first, second)
        )
    if as_json:
        print(text)
        return 0
    for line in comparison_lines(comparison):
        say(line)
    say(f"Report: {shell_path(report) if report else ABSENT}")
    return 0


def _write(comparison: Comparison, text: str, out: Path) -> Path:
    from reports.comparison.report import write_comparison_report

    with writing("The comparison", out):
        out.mkdir(parents=True, exist_ok=True)
        write_atomically(out / TWIN, text + "\n")
        return write_comparison_report(comparison, out, generated_at=utc_now(), twin=TWIN)


def _free_folder(a: Path, b: Path, first: ComparedRun, second: ComparedRun) -> Path:
    """Return a folder of these two runs; that of two others with like names is left alone."""
    names = [file_name("-".join(path.resolve().parts[-3:])) for path in (a, b)]
    number = 1
    while True:
        suffix = "" if number == 1 else f"-{number}"
        folder = Path(REPORTS_FOLDER) / f"{names[0]}-and-{names[1]}{suffix}"
        if not folder.exists():
            return folder
        earlier = read_json(folder / TWIN) or {}
        runs = [earlier.get(key, {}).get("run") for key in ("a", "b")]
        if runs == [first.name, second.name]:
            return folder
        number += 1


def comparison_lines(comparison: Comparison) -> list[str]:
    """Sum a comparison up for the terminal."""
    lines = []
    for letter, run in (("A", comparison.a), ("B", comparison.b)):
        now = ", judged now" if run.judged_now else ""
        lines.append(f"{letter}  {run.result.verdict.value}{now}  {run.name}")
        lines.append(f"   {run.result.deciding}")
        if run.result.diagnoses:
            first = run.result.diagnoses[0]
            lines.append(f"   {first.heading}: {first.title}")
        if run.remark:
            lines.append(f"   Note: {run.remark}")
    if not comparison.same_rules:
        lines.append("The two verdicts were reached by different rules.")
    for kind in (ChangeKind.WORSE, ChangeKind.BETTER, ChangeKind.UNDECIDED):
        lines += _kind_lines(kind, comparison.of_kind(kind))
    for kind in (ChangeKind.ONLY_A, ChangeKind.ONLY_B):
        only = comparison.of_kind(kind)
        if only:
            lines.append(f"Judged {kind.value}: {', '.join(change.check for change in only)}")
    return [
        *lines,
        *_config_lines(comparison),
        *_evaluation_lines(comparison),
        *_driving_lines(comparison),
    ]


def _kind_lines(kind: ChangeKind, changes: tuple[CheckChange, ...]) -> list[str]:
    if not changes and kind is ChangeKind.UNDECIDED:
        return []
    heading = f"{kind.value.capitalize()} in B: {len(changes)}"
    lines = [heading]
    for change in changes[:_MOST_LINES]:
        text = f"  {change.check}: {value_text(change.a)} -> {value_text(change.b)}"
        amount = change_text(change)
        lines.append(text if amount == ABSENT else f"{text}, {amount}")
    if len(changes) > _MOST_LINES:
        lines.append(f"  and {len(changes) - _MOST_LINES} more in the report")
    return lines


def _config_lines(comparison: Comparison) -> list[str]:
    if not comparison.config_known:
        return ["Configuration: unknown in at least one run."]
    changes = comparison.config_changes
    if not changes:
        return ["Configuration: the same"]
    lines = [
        f"Configuration: {'1 key differs' if len(changes) == 1 else f'{len(changes)} keys differ'}"
    ]
    for change in changes[:_MOST_KEYS]:
        before, after = (
            ABSENT if value is None else show_value(value)
            for value in (change.before, change.after)
        )
        lines.append(f"  {change.key}: {before} -> {after}")
    if len(changes) > _MOST_KEYS:
        lines.append(f"  and {len(changes) - _MOST_KEYS} more in the report")
    return lines


def _evaluation_lines(comparison: Comparison) -> list[str]:
    last = [
        run.evaluations[-1] if run.evaluations else None for run in (comparison.a, comparison.b)
    ]
    if last == [None, None]:
        return []
    texts = [
        ABSENT
        if point is None
        else f"{format_number(point.mean_return)} at step {format_count(point.step)}"
        for point in last
    ]
    return [f"Last evaluation, mean return: A {texts[0]}, B {texts[1]}"]


def _driving_lines(comparison: Comparison) -> list[str]:
    return [
        f"Driving, {letter}: {run.driving.headline}"
        for letter, run in (("A", comparison.a), ("B", comparison.b))
        if run.driving is not None and run.driving.headline
    ]


def comparison_content(comparison: Comparison) -> dict[str, Any]:
    """Return a comparison as plain values for JSON."""
    return {
        "format": 1,
        "a": _run_content(comparison.a),
        "b": _run_content(comparison.b),
        "same_rules": comparison.same_rules,
        "worse": [change.check for change in comparison.of_kind(ChangeKind.WORSE)],
        "better": [change.check for change in comparison.of_kind(ChangeKind.BETTER)],
        "undecided": [change.check for change in comparison.of_kind(ChangeKind.UNDECIDED)],
        "checks": [_check_content(change) for change in comparison.checks],
        "config_known": comparison.config_known,
        "config": plain(comparison.config_changes),
    }


def _run_content(run: ComparedRun) -> dict[str, Any]:
    result = run.result
    return {
        "run": run.name,
        "verdict": result.verdict.value,
        "deciding": result.deciding,
        "cause": result.diagnoses[0].cause if result.diagnoses else None,
        "stage": result.stage,
        "gate_sha256": result.gate_sha256,
        "config_sha256": result.config_sha256,
        "judged_now": run.judged_now,
        "remark": run.remark,
        "evaluations": run.evaluations,
        "driving": plain(run.driving.rows) if run.driving is not None else [],
    }


def _check_content(change: CheckChange) -> dict[str, Any]:
    keys = ("outcome", "value", "limit", "required", "reason")
    sides = {"a": finding_content(change.a, keys), "b": finding_content(change.b, keys)}
    return {
        "check": change.check,
        "title": change.title,
        "kind": change.kind.value,
        **sides,
        "difference": change.difference,
        "relative": change.relative,
        "toward_limit": change.toward_limit,
    }
