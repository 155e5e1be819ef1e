"""A backtest in words: one line a run, then what flipped and why, then counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from flows.backtesting.judge_again import Case, Cause, Comparison
from flows.backtesting.labels import first_cause
from flows.settings.shell_path import shell_path
from gates.findings import Finding, GateResult
from gates.text import format_number


def label_answers(comparison: Comparison) -> tuple[bool | None, bool | None]:
    """Return whether verdict and cause are as labelled; None where no label says so."""
    label = comparison.case.label
    if label is None:
        return None, None
    return label.verdict_right(comparison.after), label.cause_right(comparison.after)


def run_line(comparison: Comparison) -> str:
    """Show one run as it comes."""
    case, before, after = comparison.case, comparison.before, comparison.after
    if after is None:
        return f"FAILED  {'-':24}  {shell_path(case.run)}: {comparison.problem}"
    kind = "FLIP" if comparison.flipped else ("same" if before is not None else "new")
    verdict = after.verdict.value
    if comparison.flipped and before is not None:
        verdict = f"{before.verdict.value} -> {verdict}"
    notes = "".join(f" ({note})" for note in comparison.notes)
    cause = f"  {first_cause(after)}" if after.diagnoses else ""
    return f"{kind:6}  {verdict:24}  {shell_path(case.run)}{cause}{notes}"


def flip_lines(comparisons: Sequence[Comparison]) -> list[str]:
    """Name each run whose verdict flips and the checks that made it flip."""
    lines = []
    for comparison in comparisons:
        before, after = comparison.before, comparison.after
        if not comparison.flipped or before is None or after is None:
            continue
        change = f"{before.verdict.value} -> {after.verdict.value}"
        lines += ["", f"{shell_path(comparison.case.run)}  {change}"]
        lines += [f"  {cause_line(cause)}" for cause in comparison.causes]
        reasons = dict.fromkeys(c.after.reason for c in comparison.causes if c.after)
        lines += [f"    {reason}" for reason in reasons]
    return lines


def cause_line(cause: Cause) -> str:
    """Say what became of one check: outcome, value and limit before and now."""
    before, after = cause.before, cause.after
    if before is None or after is None:
        there = after or before
        outcome = there.outcome.value if there else "-"
        arrow = f"not judged -> {outcome}" if after else f"{outcome} -> not judged"
        return f"{cause.check}: {arrow}{_numbers(there)}"
    parts = [f"{cause.check}: {_outcome(before)} -> {_outcome(after)}"]
    if before.value is not None or after.value is not None:
        parts.append(f"value {_change(before.value, after.value)}")
    if before.limit is not None or after.limit is not None:
        parts.append(f"limit {_change(before.limit, after.limit)}")
    return ", ".join(parts)


def _outcome(finding: Finding) -> str:
    kind = "dry run" if finding.dry_run else ("" if finding.required else "advisory")
    return f"{finding.outcome.value} ({kind})" if kind else finding.outcome.value


def _numbers(finding: Finding | None) -> str:
    if finding is None or finding.value is None:
        return ""
    limit = "" if finding.limit is None else f", limit {format_number(finding.limit)}"
    return f", value {format_number(finding.value)}{limit}"


def _change(before: float | None, after: float | None) -> str:
    texts = ["-" if number is None else format_number(number) for number in (before, after)]
    return texts[0] if texts[0] == texts[1] else " -> ".join(texts)


def label_lines(comparisons: Sequence[Comparison]) -> list[str]:
    """Name each label that is not met."""
    lines = []
    for comparison in comparisons:
        verdict, cause = label_answers(comparison)
        label, after = comparison.case.label, comparison.after
        if label is None or False not in (verdict, cause):
            continue
        lines += ["", f"{shell_path(comparison.case.run)}  not as labelled"]
        if verdict is False:
            wanted = label.verdict.value if label.verdict else "any verdict"
            wanted += f" but {label.verdict_not.value}" if label.verdict_not else ""
            lines.append(f"  verdict {after.verdict.value if after else '-'}, labelled {wanted}")
            lines += [f"    {after.deciding}"] if after else []
        if cause is False:
            lines.append(f"  cause {first_cause(after) if after else '-'}, labelled {label.cause}")
    return lines


def summary_lines(comparisons: Sequence[Comparison]) -> list[str]:
    """Count, and name the rules."""
    flips = Counter(
        f"{c.before.verdict.value} -> {c.after.verdict.value}"
        for c in comparisons
        if c.flipped and c.before and c.after
    )
    judged = sum(c.after is not None for c in comparisons)
    same = sum(c.before is not None and c.after is not None and not c.flipped for c in comparisons)
    new = sum(c.before is None and c.after is not None for c in comparisons)
    parts = [f"{same:,} as before", f"{sum(flips.values()):,} flipped"]
    if flips:
        parts[-1] += " (" + ", ".join(f"{count:,} {flip}" for flip, count in flips.items()) + ")"
    if new:
        parts.append(f"{new:,} without an earlier verdict")
    if judged < len(comparisons):
        parts.append(f"{len(comparisons) - judged:,} could not be judged")
    runs = "1 run" if len(comparisons) == 1 else f"{len(comparisons):,} runs"
    lines = ["", f"{runs}: {', '.join(parts)}."]
    for case, after in _first_of_each_gate(comparisons):
        lines.append(f"Rules: {case.gate}, sha256 {after.gate_sha256[:12]}.")
    if comparisons and comparisons[-1].case.against:
        lines.append(f"Compared with: {comparisons[-1].case.against}.")
    return lines


def _first_of_each_gate(comparisons: Sequence[Comparison]) -> list[tuple[Case, GateResult]]:
    found: dict[str, tuple[Case, GateResult]] = {}
    for comparison in comparisons:
        if comparison.after is not None:
            found.setdefault(comparison.case.gate, (comparison.case, comparison.after))
    return list(found.values())


def labels_summary(comparisons: Sequence[Comparison], missing: Sequence[str]) -> list[str]:
    """Count the labels that are met; `missing` are those without a run."""
    verdicts, causes = zip(*(label_answers(c) for c in comparisons), strict=True)
    lines = []
    told = [
        f"{sum(filter(None, answers)):,} of {sum(a is not None for a in answers):,} {name} right"
        for name, answers in (("verdicts", verdicts), ("causes", causes))
        if any(answer is not None for answer in answers)
    ]
    if told:
        lines.append(f"Labels: {', '.join(told)}.")
    if missing:
        names = ", ".join(missing[:5])
        more = len(missing) - 5
        lines.append(f"Labels without a run: {names}{f' and {more} more' if more > 0 else ''}.")
    return lines
