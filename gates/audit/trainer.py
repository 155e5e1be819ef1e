"""The one finding about a run whose trainer is not known: its tags, what they may count, and how to map them."""

from __future__ import annotations

import numpy as np

from gates.checks.gate_file import GateSpec
from gates.checks.run import CheckResults
from gates.checks.types.presence import PresenceCheck
from gates.facts.run_facts import RunFacts
from gates.findings import Finding, Outcome
from gates.runs.tag_guess import TagSummary, by_axis, summarise

_NAMED = 6
MAPPING_FILE = "mapping.yaml"
"""Name that advice gives to the mapping file."""


def unknown_trainer(facts: RunFacts, gate: GateSpec, checked: CheckResults) -> tuple[Finding, ...]:
    """Return what replaces all other findings where no dialect fits and the evidence is not there.

    Values that are not finite remain a finding, whatever they mean. Empty for a trainer that is known or declared, and
    for one that logs the tags of docs/run-directory.md.
    """
    if facts.log.recognised or not any(
        isinstance(check, PresenceCheck) and check.applies_to(facts) and _lacks(facts, check)
        for check in gate.checks
    ):
        return ()
    failed = (f for f in checked.findings if f.type == "finite" and f.outcome is Outcome.FAIL)
    return (_not_recognised(facts), *failed)


def _not_recognised(facts: RunFacts) -> Finding:
    tags = summarise(facts.log, facts.planned_steps)
    grouped = "; ".join(f"over {axis}: {_names(each)}" for axis, each in by_axis(tags).items())
    bad = sum(int((~np.isfinite(s.values)).sum()) for s in facts.log.series.values())
    noted = f" {bad:,} values are NaN or infinite." if bad else ""
    return Finding(
        check="trainer_recognised",
        type="trainer_recognised",
        title="Trainer not recognised",
        outcome=Outcome.WARN,
        required=True,
        reason=(
            f"no dialect fits {len(tags):,} tag{'s' if len(tags) != 1 else ''} ({grouped}).{noted} "
            f"Map them with `gonogo tags DIR --write {MAPPING_FILE}`, then judge with `--dialect {MAPPING_FILE}`."
        ),
        fact="the trainer is not recognised by its tags; map them with gonogo tags",
        points=sum(tag.points for tag in tags),
        rationale="Read under wrong names or over a wrong axis, tags give false findings.",
        limit_source="signatures in config/dialects",
        group="integrity",
    )


def _lacks(facts: RunFacts, check: PresenceCheck) -> bool:
    needed = any(facts.series(tag) is None for tag in check.needed)
    return needed or bool(check.any_of and all(facts.series(tag) is None for tag in check.any_of))


def _names(tags: list[TagSummary]) -> str:
    more = f" and {len(tags) - _NAMED:,} more" if len(tags) > _NAMED else ""
    names = (f"{t.tag} ({t.could_be[0]}?)" if t.could_be else t.tag for t in tags[:_NAMED])
    return ", ".join(names) + more
