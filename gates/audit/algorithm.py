"""Says that hardly anything was judged of an algorithm that no check or law is for."""

from __future__ import annotations

from typing import get_args

from gates.algorithms import Algorithm, known
from gates.facts.run_facts import RunFacts
from gates.findings import Finding, Outcome


def algorithm_known(facts: RunFacts) -> Finding | None:
    """Warn where the configuration names an algorithm that is not known; None where it is, or none is named."""
    if known(facts.algorithms) != {"other"}:
        return None
    name = " or ".join(facts.algorithms)
    return Finding(
        check="algorithm_known",
        type="algorithm_known",
        title="Algorithm is known",
        outcome=Outcome.WARN,
        required=True,
        reason=(
            f"{name} is none of {', '.join(get_args(Algorithm))}; what holds for their losses, targets, batches and "
            "policies was not asked of it."
        ),
        fact=f"{name} is not a known algorithm, so its updates are hardly judged",
        points=1,
        rationale="What is not judged is no GO.",
        limit_source="algorithm of the configuration",
        group="audit",
    )
