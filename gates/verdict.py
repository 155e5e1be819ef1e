"""Folds findings into a verdict: the worst of its parts, never a weighted sum."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import Struct

from gates.findings import Finding, Outcome, Verdict


class Decision(Struct, frozen=True, kw_only=True):
    """A verdict and what decided it."""

    verdict: Verdict
    finding: Finding | None
    """The gravest finding; None after a GO."""
    deciding: str
    """What decided, one short sentence."""

    @property
    def check(self) -> str:
        """The check that kept the verdict from GO; empty after a GO."""
        return self.finding.check if self.finding is not None else ""


def decide(findings: Iterable[Finding]) -> Decision:
    """Return the verdict and what decided it.

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
    if verdict is Verdict.GO:
        return Decision(verdict=verdict, finding=None, deciding=_why_go(counted))
    return Decision(verdict=verdict, finding=gravest, deciding=f"{gravest.statement}.")


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


def _why_go(counted: Sequence[Finding]) -> str:
    ended = next((f for f in counted if f.ended_early), None)
    passed = sum(f.required for f in counted if f is not ended)
    text = f"all {'other ' if ended else ''}{passed} required checks passed"
    if ended is not None:
        text = f"{ended.title[0].lower()}{ended.title[1:]} steps, {text}"
    advisory = [f.outcome for f in counted if not f.required]
    warned = advisory.count(Outcome.WARN)
    if warned:
        text += f", {warned} advisory warning{'s' if warned > 1 else ''}"
    undecided = advisory.count(Outcome.INCONCLUSIVE)
    if undecided:
        text += f", {undecided} advisory not decided"
    return f"{text}."
