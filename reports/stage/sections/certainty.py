"""How sure the verdict is: what luck may explain, what would decide it, and which check is nearest to its level."""

from __future__ import annotations

from msgspec import Struct

from gates.findings import Certainty, Finding, GateResult, Nearness
from gates.text import format_plural, format_share
from reports.stage.sections.checks import ordered

_SMALLEST = 1e-4
"""Smaller probabilities are not worth their digits."""
_NEAREST = 3


class CertaintyRow(Struct, frozen=True, kw_only=True):
    """One check with a model behind it; all fields are text."""

    title: str
    claim: str
    """What luck is asked to explain."""
    chance: str
    """How often luck alone shows as much, and by which model."""
    decides: str
    """What more would decide; `decided` where nothing is missing."""


class CertaintyView(Struct, frozen=True, kw_only=True):
    """What the report says of how sure it is."""

    rows: tuple[CertaintyRow, ...]
    nearest: str
    """Required checks that passed nearer to their levels than sound runs do, one sentence; empty without a scale."""


def certainty_view(result: GateResult) -> CertaintyView:
    """Collect what findings say of luck, and the required ones nearest to their levels."""
    rows = tuple(
        _row(finding, finding.certainty)
        for finding in ordered(result)
        if finding.certainty is not None and not finding.dry_run
    )
    return CertaintyView(rows=rows, nearest=_nearest(result))


def _row(finding: Finding, found: Certainty) -> CertaintyRow:
    if found.decided:
        decides = "decided"
    elif found.more is None:
        decides = "more episodes would not"
    else:
        decides = f"about {format_plural(found.more, f'more {found.unit[:-1]}')} of each policy"
    return CertaintyRow(
        title=finding.title,
        claim=found.claim,
        chance=found.model if found.p is None else f"{_chance(found.p)} ({found.model})",
        decides=decides,
    )


def _chance(p: float) -> str:
    return f"below {_SMALLEST:.2%}" if p < _SMALLEST else f"{100 * p:.2g}%"


def _nearest(result: GateResult) -> str:
    if not result.nearness:
        return ""
    beyond = [near for near in result.nearness if near.beyond_sound > 0]
    if not beyond:
        return (
            f"None of {format_plural(len(result.nearness), 'required check')} that passed on a scale came nearer to "
            "its level than sound runs of the benches did."
        )
    named = "; ".join(_near(near) for near in beyond[:_NEAREST])
    what = "came nearer to its level" if len(beyond) == 1 else "came nearer to their levels"
    count = format_plural(len(beyond), "required check")
    return f"{count} passed, but {what} than any sound run of the benches: {named}."


def _near(near: Nearness) -> str:
    return (
        f"{near.title}, at {format_share(near.share)} of the level ({near.sound_runs} sound runs: at most "
        f"{format_share(near.sound_share)})"
    )
