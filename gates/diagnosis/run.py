"""Diagnosis rules about the run as a whole, read from findings: what was applied, reached and measured."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from gates.diagnosis.signs import Signs
from gates.diagnosis.suspicion import Suspicion
from gates.findings import Finding, Outcome
from gates.text import format_count

RunRule = Callable[[Signs, tuple[Finding, ...]], "Suspicion | None"]


def _failed(findings: tuple[Finding, ...], kind: str, *outcomes: Outcome) -> Finding | None:
    """Return the first finding of a check type that failed, whatever id its gate file gives it."""
    wanted = outcomes or (Outcome.FAIL,)
    return next((f for f in findings if f.type == kind and f.outcome in wanted), None)


def config_not_applied(_signs: Signs, findings: tuple[Finding, ...]) -> Suspicion | None:
    """The audit found a configured value that the events contradict."""
    finding = _failed(findings, "config_applied")
    if finding is None:
        return None
    return Suspicion(cause="config_not_applied", evidence=finding.evidence)


def environment_not_finite(signs: Signs, _findings: tuple[Finding, ...]) -> Suspicion | None:
    """The trainer says so, or rewards were not finite while what learned from them still was."""
    run = signs.facts.run
    if run is not None and run.environment_fault is not None:
        fault = run.environment_fault
        text = f"The environment returned {fault.value} in {fault.key} at step {format_count(fault.step)}."
        return Suspicion(cause="environment_not_finite", evidence=(text,))
    found = _reward_not_finite(signs)
    return None if found is None else Suspicion(cause="environment_not_finite", evidence=(found,))


def _reward_not_finite(signs: Signs) -> str | None:
    """Say which reward was not finite before any value was, or while a critic learned on."""
    losses, values = signs.facts.series("train/critic_loss"), signs.facts.series("train/q1_value")
    for tag in ("debug/reward_mean", "train/episode_reward"):
        series = signs.facts.series(tag)
        if series is None or series.aggregated:
            continue
        bad = np.flatnonzero(~np.isfinite(series.values))
        if not len(bad):
            continue
        step, value = int(series.steps[bad[0]]), float(series.values[bad[0]])
        text = f"{tag} is {value} at step {format_count(step)}"
        if losses is not None and np.isfinite(losses.values[losses.steps > step]).any():
            return (
                f"{text}, and the critic loss is still finite afterwards, so that the reward is not what the "
                "networks made it."
            )
        if values is None or tag != "debug/reward_mean":
            continue
        if np.isfinite(values.values[values.steps <= step]).all():
            return f"{text}, where every Q of the critic so far is finite."
    return None


def policy_collapse(signs: Signs, findings: tuple[Finding, ...]) -> Suspicion | None:
    """The last episodes are short and of one length, or evaluations repeat to the last bit."""
    repeats = (f for f in findings if f.law == "evaluations_repeat" and f.outcome is Outcome.FAIL)
    finding = _failed(findings, "collapse") or next(repeats, None)
    if finding is None:
        return None
    evidence = list(finding.evidence)
    repeated = signs.identical_evaluations
    if repeated is not None:
        evidence.append(f"{repeated[1]} evaluations in a row return exactly {repeated[0]:.9g}.")
    return Suspicion(cause="policy_collapse", evidence=tuple(evidence))


def reward_hacking(_signs: Signs, findings: tuple[Finding, ...]) -> Suspicion | None:
    """Returns rose and driving did not become better, or the policy earns more than a driver who drives better."""
    finding = _failed(findings, "reward_ranks_drivers") or _failed(
        findings, "reward_against_driving"
    )
    if finding is None:
        return None
    return Suspicion(cause="reward_hacking", evidence=finding.evidence)


def updates_stopped(_signs: Signs, findings: tuple[Finding, ...]) -> Suspicion | None:
    """The run went on without updates."""
    finding = _failed(findings, "updates_go_on")
    if finding is None:
        return None
    return Suspicion(cause="updates_stopped", evidence=finding.evidence)


def stopped_early(signs: Signs, findings: tuple[Finding, ...]) -> Suspicion | None:
    """The plan was not reached; where the live gate ended the run, what it found is to be mended."""
    stopped = _failed(findings, "live_gate")
    if stopped is not None:
        return Suspicion(
            cause="stopped_early",
            evidence=stopped.evidence,
            instruction="Mend what the live gate found, then train to the planned step: the run did not end by itself.",
        )
    finding = _failed(findings, "completeness") or _failed(findings, "run_finished")
    if finding is None:
        return None
    run = signs.facts.run
    evidence = list(finding.evidence)
    if run is not None and run.phase and finding.type != "run_finished":
        evidence.append(
            f"status.json says {run.phase} at step {format_count(run.status_step or 0)}."
        )
    return Suspicion(cause="stopped_early", evidence=tuple(evidence))


def metric_is_post_clip(_signs: Signs, findings: tuple[Finding, ...]) -> Suspicion | None:
    """A gradient norm is pinned while the loss is not."""
    finding = _failed(findings, "gradient_norm_before_clip", Outcome.WARN, Outcome.FAIL)
    if finding is None:
        return None
    return Suspicion(cause="metric_is_post_clip", evidence=finding.evidence)


RUN_RULES: tuple[RunRule, ...] = (
    environment_not_finite,
    config_not_applied,
    policy_collapse,
    reward_hacking,
    updates_stopped,
    stopped_early,
    metric_is_post_clip,
)
