"""What changed since the last run of the stage, and what came of it."""

from __future__ import annotations

import math
from collections.abc import Mapping

from msgspec import Struct

from gates.findings import Finding, GateResult, Outcome
from gates.text import ABSENT, format_number
from reports.context import PreviousRun, StageContext
from reports.stage.sections.hyperparameters import config_value, has_value, show_value


class KeyChange(Struct, frozen=True, kw_only=True):
    """A configuration key before and now, as text."""

    key: str
    before: str
    after: str


class Effect(Struct, frozen=True, kw_only=True):
    """A check in the last run and now."""

    title: str
    before: str
    after: str


class LedgerRow(Struct, frozen=True, kw_only=True):
    """An earlier run: what its report proposed and whether this run does it."""

    run: str
    verdict: str
    deciding: str
    cause: str
    proposed: str
    applied: str


class Changes(Struct, frozen=True, kw_only=True):
    """The section on changes since the last run."""

    last_run: str
    keys: tuple[KeyChange, ...]
    revision_before: str
    revision_after: str
    effects: tuple[Effect, ...]
    unchanged_checks: int
    ledger: tuple[LedgerRow, ...]


def describe_changes(
    result: GateResult, context: StageContext, config: Mapping[str, object]
) -> Changes | None:
    """Compare with the last run of the stage; None when this is the first one."""
    if not context.previous:
        return None
    last = context.previous[-1]
    effects = _effects(last.result, result)
    before = {finding.check for finding in last.result.findings}
    both = sum(1 for finding in result.findings if finding.check in before)
    return Changes(
        last_run=last.name,
        keys=tuple(
            KeyChange(key=c.key, before=show_value(c.before), after=show_value(c.after))
            for c in context.config_changes
        ),
        revision_before=context.previous_git_revision or "",
        revision_after=context.git_revision or "",
        effects=effects,
        unchanged_checks=both - sum(1 for e in effects if ABSENT not in (e.before, e.after)),
        ledger=tuple(_ledger_row(run, config) for run in context.previous),
    )


def _effects(before: GateResult, after: GateResult) -> tuple[Effect, ...]:
    """Return the checks whose outcome changed and those that are no PASS now."""
    earlier = {finding.check: finding for finding in before.findings}
    rows: list[Effect] = []
    for finding in sorted(after.findings, key=lambda f: -f.outcome.severity):
        old = earlier.get(finding.check)
        same = old is not None and old.outcome is finding.outcome
        if same and finding.outcome is Outcome.PASS:
            continue
        rows.append(
            Effect(
                title=finding.title,
                before=_brief(old) if old is not None else ABSENT,
                after=_brief(finding) + _ratio(old, finding),
            )
        )
    return tuple(rows)


def _brief(finding: Finding) -> str:
    if finding.value is None:
        return finding.outcome.value
    return f"{finding.outcome.value} {format_number(finding.value)}"


def _ratio(before: Finding | None, after: Finding) -> str:
    if before is None or before.value is None or after.value is None or not before.value:
        return ""
    ratio = after.value / before.value
    if not math.isfinite(ratio) or ratio <= 0:
        return ""
    return f" (x {format_number(ratio, digits=3)})"


def _ledger_row(run: PreviousRun, config: Mapping[str, object]) -> LedgerRow:
    result = run.result
    diagnosis = result.diagnoses[0] if result.diagnoses else None
    fix = diagnosis.fix if diagnosis is not None else None
    return LedgerRow(
        run=run.name,
        verdict=result.verdict.value.replace("_", "-"),
        deciding=result.deciding,
        cause=diagnosis.cause if diagnosis is not None else "",
        proposed=fix.text if fix is not None else "",
        applied=_applied(fix.config, config) if fix is not None else "",
    )


def _applied(proposal: Mapping[str, object], config: Mapping[str, object]) -> str:
    """Say how many keys of a proposed configuration this run has."""
    if not proposal:
        return "a change of the code, not visible in the configuration"
    if not any(has_value(config, key) for key in proposal):
        return f"unknown: none of its {len(proposal)} keys is in this run's configuration"
    done = sum(config_value(config, key) == value for key, value in proposal.items())
    return f"{done} of {len(proposal)} keys are set so in this run"
