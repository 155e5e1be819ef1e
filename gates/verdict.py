"""Folds findings into a verdict: the worst of its parts, never a weighted sum."""

from __future__ import annotations

from collections.abc import Iterable

from gates.findings import Finding, Outcome, Verdict


def decide(findings: Iterable[Finding]) -> tuple[Verdict, str]:
    """Return the verdict and the one sentence that decided it.

    A required FAIL or INCONCLUSIVE is a NO_GO; a required WARN or an advisory FAIL is CONDITIONAL; all else is GO.
    Findings marked `dry_run` are never counted. The order of the findings does not matter.

    Raises:
        ValueError: Nothing is left to decide on; a gate without checks must never say GO.
    """
    counted = sorted((f for f in findings if not f.dry_run), key=_gravest_first)
    if not counted:
        raise ValueError("no finding to decide on: a gate needs at least one check that counts")
    gravest = counted[0]
    verdict = _verdict_of(gravest)
    if verdict is not Verdict.GO:
        return verdict, f"{gravest.title}: {gravest.reason}"
    return verdict, _why_go(counted)


def _verdict_of(finding: Finding) -> Verdict:
    if finding.required and finding.outcome in (Outcome.FAIL, Outcome.INCONCLUSIVE):
        return Verdict.NO_GO
    if finding.outcome is Outcome.FAIL or (finding.required and finding.outcome is Outcome.WARN):
        return Verdict.CONDITIONAL
    return Verdict.GO


_ORDER = (Verdict.NO_GO, Verdict.CONDITIONAL, Verdict.GO)
_FIRST_GROUPS = ("actor_q", "gradients", "actor_loss", "rewards", "critic", "policy")
"""Among equally grave findings those about learning itself say more than those about bookkeeping."""


def _gravest_first(finding: Finding) -> tuple[int, int, int, int, str, str]:
    group = finding.group
    return (
        _ORDER.index(_verdict_of(finding)),
        -finding.outcome.severity,
        0 if finding.required else 1,
        _FIRST_GROUPS.index(group) if group in _FIRST_GROUPS else len(_FIRST_GROUPS),
        finding.check,
        finding.reason,
    )


def _why_go(counted: list[Finding]) -> str:
    required = [f for f in counted if f.required]
    advisory = [f for f in counted if not f.required and f.outcome is not Outcome.PASS]
    text = f"all {len(required)} required checks passed"
    if advisory:
        names = ", ".join(f"{f.check} {f.outcome.value}" for f in advisory[:3])
        more = f" and {len(advisory) - 3} more" if len(advisory) > 3 else ""
        text += f"; advisory only: {names}{more}"
    return text + "."
