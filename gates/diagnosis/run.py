"""Diagnosis rules about the run as a whole, read from findings: what was applied, reached and measured."""

from __future__ import annotations

from collections.abc import Callable

from gates.diagnosis.signs import Signs
from gates.diagnosis.suspicion import Suspicion
from gates.findings import Finding, Outcome
from gates.text import as_sentence, in_words

RunRule = Callable[[Signs, tuple[Finding, ...]], "Suspicion | None"]


def _failed(findings: tuple[Finding, ...], check: str, *outcomes: Outcome) -> Finding | None:
    wanted = outcomes or (Outcome.FAIL,)
    return next((f for f in findings if f.check == check and f.outcome in wanted), None)


def config_not_applied(_signs: Signs, findings: tuple[Finding, ...]) -> Suspicion | None:
    """The audit found a configured value that the events contradict."""
    finding = _failed(findings, "config_applied")
    if finding is None:
        return None
    parts = [part for part in finding.reason.rstrip(".").split("; ") if part]
    return Suspicion(cause="config_not_applied", evidence=tuple(f"{part}." for part in parts))


def policy_collapse(signs: Signs, findings: tuple[Finding, ...]) -> Suspicion | None:
    """The last episodes are short and of one length."""
    finding = _failed(findings, "episode_collapse")
    if finding is None:
        return None
    evidence = [as_sentence(finding.reason)]
    repeated = signs.identical_evaluations
    if repeated is not None:
        evidence.append(f"{repeated[1]} evaluations in a row return exactly {repeated[0]:.9g}.")
    return Suspicion(cause="policy_collapse", evidence=tuple(evidence))


def stopped_early(signs: Signs, findings: tuple[Finding, ...]) -> Suspicion | None:
    """The plan was not reached."""
    finding = _failed(findings, "planned_steps") or _failed(findings, "run_finished")
    if finding is None:
        return None
    run = signs.facts.run
    evidence = [as_sentence(finding.reason)]
    if run is not None and run.phase and finding.check != "run_finished":
        evidence.append(f"status.json says {run.phase} at step {in_words(run.status_step or 0)}.")
    return Suspicion(cause="stopped_early", evidence=tuple(evidence))


def metric_is_post_clip(_signs: Signs, findings: tuple[Finding, ...]) -> Suspicion | None:
    """A gradient norm is pinned while the loss is not."""
    finding = _failed(findings, "gradient_norm_before_clip", Outcome.WARN, Outcome.FAIL)
    if finding is None:
        return None
    return Suspicion(cause="metric_is_post_clip", evidence=(as_sentence(finding.reason),))


RUN_RULES: tuple[RunRule, ...] = (
    config_not_applied,
    policy_collapse,
    stopped_early,
    metric_is_post_clip,
)
