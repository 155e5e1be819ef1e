"""Whether the seeds of a stage can be compared: one recipe, and trainings that really differ."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from gates.findings import Finding, GateResult, Outcome
from gates.seeds.result import SeedRun, few_seeds, seed_names, seeds_finding
from gates.text import as_sentence

_FEWEST_NUMBERS = 3
"""Measured values that two seeds must share before one can say that they are the same training."""


def same_recipe(runs: Sequence[SeedRun]) -> Finding | None:
    """Ask whether all judged seeds ran one configuration and were judged by one set of rules."""
    judged = [run for run in runs if run.result is not None]
    if len(judged) < 2:
        return None
    apart = {
        f"{name} differs": f": {groups}"
        for name, key in _MUST_AGREE.items()
        if (groups := _groups(judged, key))
    }
    unknown = [run.seed for run in judged if run.result and not run.result.config_sha256]
    if unknown:
        apart["the configuration is unknown"] = f" of {seed_names(unknown)}"
    older = [run.seed for run in judged if run.outdated]
    if older:
        apart["another recipe or version of the trainer was used"] = f" for {seed_names(older)}"
    parts = tuple(f"{as_sentence(what)}{where}." for what, where in apart.items())
    return seeds_finding(
        "seeds_same_recipe",
        "One recipe, one set of rules",
        outcome=Outcome.INCONCLUSIVE if apart else Outcome.PASS,
        required=True,
        reason=" ".join(parts)
        or f"configuration, rules and planned steps of {len(judged)} seeds are the same.",
        fact=f"not decided, {next(iter(apart))}" if apart else "",
        parts=parts,
        rationale="Seeds of different recipes say nothing about either of them.",
    )


def really_different(runs: Sequence[SeedRun]) -> Finding | None:
    """Notice seeds whose measured values are equal to the last bit: the seed was not applied.

    None when a pair has too few measured values to tell.
    """
    prints = [(run.seed, _fingerprint(run.result)) for run in runs if run.result is not None]
    usable = [(seed, found) for seed, found in prints if len(found) >= _FEWEST_NUMBERS]
    if len(usable) < 2:
        return None
    by_print: dict[tuple[tuple[str, float], ...], list[int]] = {}
    for seed, found in usable:
        by_print.setdefault(found, []).append(seed)
    same = {found: seeds for found, seeds in by_print.items() if len(seeds) > 1}
    reason = f"no two of {len(usable)} seeds share all their measured values."
    if same:
        each = "; ".join(
            f"{seed_names(seeds)} share all {len(found)} measured values to the last bit"
            for found, seeds in same.items()
        )
        reason = f"{each}: the seed was not applied, or a run was copied."
    return seeds_finding(
        "seeds_distinct",
        "Seeds trained differently",
        outcome=Outcome.FAIL if same else Outcome.PASS,
        required=True,
        reason=reason,
        fact=f"{few_seeds(next(iter(same.values())))} are the same training" if same else "",
        rationale="The same training five times is one training.",
    )


_MUST_AGREE: dict[str, Callable[[GateResult], str]] = {
    "the configuration": lambda r: r.config_sha256[:8],
    "the set of rules": lambda r: r.gate_sha256[:8],
    "the number of planned steps": lambda r: f"{r.planned_steps:,}" if r.planned_steps else "",
}


def _groups(runs: Sequence[SeedRun], key: Callable[[GateResult], str]) -> str:
    """Write which seeds share a value, `seeds 0 and 1 3f2a, seed 2 99c1`; empty when all do."""
    groups: dict[str, list[int]] = {}
    for run in runs:
        if run.result is not None:
            groups.setdefault(key(run.result), []).append(run.seed)
    if len(groups) < 2:
        return ""
    return ", ".join(f"{seed_names(seeds)} {value}" for value, seeds in groups.items())


def _fingerprint(result: GateResult) -> tuple[tuple[str, float], ...]:
    """Return the measured values that training makes; whole numbers and plans may well agree."""
    return tuple(
        (finding.check, finding.value)
        for finding in result.findings
        if finding.group not in ("integrity", "audit")
        and finding.value is not None
        and math.isfinite(finding.value)
        and not float(finding.value).is_integer()
    )
