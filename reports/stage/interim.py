"""The page of one interim gate: what the stage's gate says of a run on its way."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from gates.findings import Finding, Outcome
from gates.text import format_pair
from reports.text.templates import markdown_environment, tidy_lines


class InterimPage(Struct, frozen=True, kw_only=True):
    """What the page shows."""

    stage: str
    step: int
    planned_steps: int
    standing: str
    """`GO`, `CONDITIONAL`, `NO_GO` or `not yet`."""
    deciding: str
    findings: Sequence[Finding]


class InterimRow(Struct, frozen=True, kw_only=True):
    """A check that did not pass yet."""

    outcome: str
    title: str
    kind: str
    value: str
    limit: str
    reason: str


def interim_name(step: int) -> str:
    """Return the page's file name: `interim-10k.md`, `interim-2m.md`, `interim-12345.md`."""
    for size, letter in ((1_000_000, "m"), (1_000, "k")):
        if step % size == 0:
            return f"interim-{step // size}{letter}.md"
    return f"interim-{step}.md"


def render_interim(page: InterimPage) -> str:
    """Render the page as Markdown."""
    opened = [f for f in page.findings if f.outcome is not Outcome.PASS and not f.dry_run]
    opened.sort(key=lambda f: (_ORDER.index(f.outcome), not f.required))
    template = markdown_environment().get_template("interim.md.j2")
    text = template.render(
        page=page,
        rows=[_row(f) for f in opened],
        passed=sum(f.outcome is Outcome.PASS for f in page.findings),
    )
    return tidy_lines(text)


_ORDER = (Outcome.FAIL, Outcome.WARN, Outcome.INCONCLUSIVE)


def _row(finding: Finding) -> InterimRow:
    value, limit = format_pair(finding.value, finding.limit)
    waiting = finding.outcome is Outcome.INCONCLUSIVE
    return InterimRow(
        outcome="not yet" if waiting else finding.outcome.value,
        title=finding.title,
        kind="required" if finding.required else "advisory",
        value=value,
        limit=limit,
        reason=finding.reason,
    )
