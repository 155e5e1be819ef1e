"""The report on a change of the trainer as Markdown, short enough for a pull request."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from gates.findings import Verdict
from gates.regress.result import Answer, Regression
from gates.seeds.result import seed_names
from reports.stage.view import VERDICT_NAMES
from reports.text.templates import markdown_environment, tidy_lines

HEADLINES: dict[Answer, str] = {
    "same": "the change trains the same, bit for bit",
    "rounding": "the change trains the same but for rounding",
    "no_difference": "no difference in training was found",
    "worse": "the change makes training worse",
    "changed": "the change moves training; was that meant?",
    "undecided": "not decided",
}

_MEANING: dict[Answer, str] = {
    "same": "Every value that both revisions logged is equal.",
    "rounding": "Both revisions compute the same in another order; no curve differs by more than 0.1 % of its "
    "largest value.",
    "no_difference": "The revisions compute in another order or draw other random numbers, and train alike.",
    "worse": "",
    "changed": "No check speaks against it, and returns do not fall. If the change was meant to move these "
    "measures, approve it.",
    "undecided": "Missing runs never pass.",
}


class RegressContext(Struct, frozen=True, kw_only=True):
    """What the report shows besides the result."""

    base: str
    """Name of the revision before the change."""
    head: str
    preset: str
    stage: str
    steps: int
    """Environment steps of each training."""
    duration: str
    """Of everything."""
    command: str
    """That repeats it."""


def regress_headline(result: Regression) -> str:
    """Say the verdict in one line."""
    return f"{VERDICT_NAMES[result.verdict]}: {HEADLINES[result.answer]}"


def render_regress(context: RegressContext, result: Regression) -> str:
    """Render the report."""
    template = markdown_environment().get_template("regress.md.j2")
    text = template.render(
        c=context,
        r=result,
        headline=regress_headline(result),
        meaning=_MEANING[result.answer],
        seeds=_trained(result.seeds),
        seed_names=seed_names,
        passed=result.verdict is Verdict.GO,
    )
    return tidy_lines(text)


def _trained(seeds: Sequence[int]) -> str:
    if len(seeds) < 4:
        return seed_names(seeds)
    return f"{len(seeds)} seeds from {seeds[0]} to {seeds[-1]}"
