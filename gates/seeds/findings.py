"""Whether enough seeds passed, whether each was judged, and whether they agree."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from gates.findings import Finding, Outcome, Verdict
from gates.seeds.result import SeedVerdict, few_seeds, seed_names, seeds_finding


def enough_passed(seeds: Sequence[SeedVerdict], needed: int) -> Finding:
    """Count the seeds that ended GO; CONDITIONAL and missing ones can only keep it open."""
    passed = len(_of(seeds, Verdict.GO))
    open_ = passed + len(_of(seeds, Verdict.CONDITIONAL))
    if passed >= needed:
        outcome = Outcome.PASS
    elif open_ >= needed:
        outcome = Outcome.WARN
    elif open_ + len(_of(seeds, None)) >= needed or needed > len(seeds):
        outcome = Outcome.INCONCLUSIVE
    else:
        outcome = Outcome.FAIL
    reason = f"{passed} of {len(seeds)} seeds passed, {needed} needed"
    others = [_in_short(seed) for seed in seeds if seed.verdict is not Verdict.GO]
    return seeds_finding(
        "seeds_passed",
        "Enough seeds passed",
        outcome=outcome,
        required=True,
        reason=f"{reason}{': ' if others else ''}{'; '.join(others)}.",
        fact=_fact(outcome, reason),
        value=float(passed),
        limit=float(needed),
        direction="min",
        statistic="seeds with GO",
        limit_source="seeds_needed of the stage's gate",
        rationale="A recipe that fails for one seed in five fails one training in five.",
    )


def every_seed_judged(seeds: Sequence[SeedVerdict], needed: int) -> Finding:
    """Ask for a verdict of every seed: one that crashed or was not finished never passes silently."""
    missing = _of(seeds, None)
    passed = len(_of(seeds, Verdict.GO))
    if not missing:
        outcome, reason = Outcome.PASS, f"all {len(seeds)} seeds have a verdict."
        parts: tuple[str, ...] = ()
    else:
        outcome = Outcome.WARN if passed >= needed else Outcome.INCONCLUSIVE
        parts = tuple(f"Seed {seed.seed}: {seed.deciding.rstrip('.')}." for seed in missing)
        reason = f"{_names(missing)} without a verdict. {' '.join(parts)}"
    return seeds_finding(
        "seeds_judged",
        "Every seed judged",
        outcome=outcome,
        required=True,
        reason=reason,
        fact=_fact(outcome, f"{few_seeds([seed.seed for seed in missing])} without a verdict")
        if missing
        else "",
        parts=parts,
        value=float(len(seeds) - len(missing)),
        limit=float(len(seeds)),
        direction="min",
        statistic="seeds with a verdict",
        limit_source="the seeds that were asked for",
        rationale="What did not finish says nothing good about the recipe.",
    )


def verdicts_agree(seeds: Sequence[SeedVerdict]) -> Finding | None:
    """Say which seeds disagree and what is the likely cause; None without two verdicts."""
    judged = [seed for seed in seeds if seed.verdict is not None]
    if len(judged) < 2:
        return None
    passed, failed = _of(judged, Verdict.GO), _of(judged, Verdict.NO_GO)
    reason = (
        f"{len(judged)} seeds ended alike: {judged[0].verdict.value if judged[0].verdict else ''}."
    )
    split = len({seed.verdict for seed in judged}) > 1
    if split:
        groups = [
            f"{_names(found)} {verdict.value}"
            for verdict in Verdict
            if (found := _of(judged, verdict))
        ]
        reason = f"{', '.join(groups)}. {likely_cause([s for s in judged if s not in passed])}"
    return seeds_finding(
        "seeds_agree",
        "Seeds agree",
        outcome=Outcome.WARN if split else Outcome.PASS,
        required=False,
        reason=reason,
        fact="verdicts differ" if split else "",
        value=float(len(failed)),
        statistic="seeds with NO_GO",
        rationale="Where seeds disagree, the recipe stands at the edge of what works.",
    )


def likely_cause(others: Sequence[SeedVerdict]) -> str:
    """Say in a sentence or two what the seeds that are no GO have in common."""
    causes: dict[str, list[int]] = {}
    facts: dict[str, list[int]] = {}
    for seed in others:
        if seed.cause:
            causes.setdefault(f"{seed.cause_title} (`{seed.cause}`)", []).append(seed.seed)
        else:
            facts.setdefault(seed.deciding.rstrip("."), []).append(seed.seed)
    told = [f"{seed_names(seeds)}: {cause}" for cause, seeds in causes.items()]
    told += [f"{seed_names(seeds)}: no cause named, {f}" for f, seeds in facts.items()]
    if not told:
        return "The recipe is the same, so initial weights and exploration decide."
    return f"Likely cause, {'; '.join(told)}. The same recipe avoids it with other seeds."


def _of(seeds: Iterable[SeedVerdict], verdict: Verdict | None) -> list[SeedVerdict]:
    return [seed for seed in seeds if seed.verdict is verdict]


def _in_short(seed: SeedVerdict) -> str:
    if seed.verdict is None:
        return f"seed {seed.seed} has no verdict"
    if not seed.run:
        return f"seed {seed.seed} {seed.deciding}"
    why = seed.cause_title or seed.deciding.rstrip(".")
    return f"seed {seed.seed} {seed.verdict.value} ({why})"


def _names(seeds: Sequence[SeedVerdict]) -> str:
    return seed_names([seed.seed for seed in seeds])


def _fact(outcome: Outcome, text: str) -> str:
    if outcome is Outcome.PASS:
        return ""
    return f"not decided, {text}" if outcome is Outcome.INCONCLUSIVE else text
