"""Holds what was configured against what the events show, and the event files against each other."""

from __future__ import annotations

from typing import Any

import numpy as np

from gates.audit.algorithm import algorithm_known
from gates.audit.config import config_applied
from gates.audit.writers import one_clock
from gates.facts.run_facts import UPDATE_GROUPS, RunFacts
from gates.facts.values import Missing
from gates.findings import Finding, Outcome
from gates.runs.heartbeat import Phase
from gates.series import Series
from gates.text import format_number

PINNED_CV = 0.12
"""Spread over mean below which a gradient norm counts as pinned at a clip limit."""
WIDE_DECADES = 2.0
"""Decades that the loss must span before a norm that stays the same says anything."""


def audit(facts: RunFacts) -> tuple[Finding, ...]:
    """Return the findings of the audit; those that nothing is known for are left out."""
    found = (
        run_finished(facts),
        evidence_whole(facts),
        algorithm_known(facts),
        config_applied(facts),
        steps_rise(facts),
        one_clock(facts),
        gradient_norm_before_clip(facts),
    )
    return tuple(finding for finding in found if finding is not None)


def run_finished(facts: RunFacts) -> Finding | None:
    """Judge the trainer's own word about how the run ended."""
    run = facts.run
    if run is None or not run.phase:
        return None
    step = f" at step {run.status_step:,}" if run.status_step is not None else ""
    fact = ""
    if run.phase == Phase.FINISHED:
        outcome, text = Outcome.PASS, f"the trainer finished{step}"
    elif run.phase == Phase.STOPPED and run.ended_early is not None:
        outcome, text = Outcome.PASS, f"early stopping ended the training{step}"
    elif run.environment_fault is not None:
        fault = run.environment_fault
        outcome = Outcome.FAIL
        text = fact = (
            f"the environment returned {fault.value} in {fault.key} at step {fault.step:,}"
        )
    elif run.phase in _ENDINGS:
        outcome, text = Outcome.FAIL, f"the trainer {_ENDINGS[run.phase]}{step}"
        fact = text
    else:
        outcome = Outcome.INCONCLUSIVE
        text = f"the trainer is still {run.phase}{step}, or was killed there"
        fact = f"not decided, {text}"
    return Finding(
        check="run_finished",
        type="run_finished",
        title="Trainer ended normally",
        outcome=outcome,
        required=True,
        reason=f"{text}.",
        fact=fact,
        points=1,
        last_step=run.status_step,
        rationale="A verdict on half a run is no verdict on the run.",
        limit_source="status.json of the trainer",
        group="audit",
    )


_ENDINGS: dict[str, str] = {
    Phase.STOPPED: "was stopped",
    Phase.DIVERGED: "diverged",
    Phase.FAILED: "failed",
}


def evidence_whole(facts: RunFacts) -> Finding | None:
    """Find evidence that ends before the run does, because what collected it inside another trainer broke."""
    end = facts.run.evidence_end if facts.run is not None else None
    if end is None:
        return None
    return Finding(
        check="evidence_whole",
        type="evidence_whole",
        title="Evidence until the end",
        outcome=Outcome.INCONCLUSIVE,
        required=True,
        reason=f"what collected the evidence broke at step {end.step:,} ({end.error}); the training went on.",
        fact=f"not decided, the evidence ends at step {end.step:,}",
        points=1,
        last_step=end.step,
        rationale="What happened after the evidence ends is not known.",
        limit_source="evidence-end.json",
        group="integrity",
    )


def steps_rise(facts: RunFacts) -> Finding | None:
    """Find updates whose steps fall: two writers in one directory, or a restart without a purge step."""
    updates: list[Series] = []
    others: list[Series] = []
    for tag, series in facts.log.series.items():
        of_update = tag.startswith(UPDATE_GROUPS) and not tag.startswith("train/episode_")
        (updates if of_update else others).append(series)
    mixed = _fall_between_files(others, borders=len(facts.log.files) - 1)
    watched = [*updates, *mixed]
    points = sum(map(len, watched))
    falls = [
        (int(series.steps[i]), int(series.steps[i + 1]), series.tag)
        for series in watched
        for i in np.flatnonzero(np.diff(series.steps) < 0)
    ]
    if points == 0:
        return None
    outcome, reason, fact = Outcome.PASS, "the steps of all updates rise.", ""
    if falls:
        start, end, tag = max(falls, key=lambda fall: fall[0] - fall[1])
        outcome = Outcome.INCONCLUSIVE
        fact = f"not decided, the steps of {tag} fall from {start:,} to {end:,}"
        reason = (
            f"the steps of {tag} fall from {start:,} to {end:,} ({len(falls):,} falls in all): several runs wrote "
            "into this directory, or one restarted without voiding its earlier points. Judge each run in a directory "
            "of its own."
        )
    return Finding(
        check="steps_rise",
        type="steps_rise",
        title="One run in the directory",
        outcome=outcome,
        required=True,
        reason=reason,
        fact=fact,
        value=float(len(falls)),
        limit=0.0,
        direction="max",
        statistic="falling steps among updates",
        points=points,
        rationale="Mixed runs average a bad one away.",
        limit_source="each update has a later step than the one before",
        group="integrity",
    )


def _fall_between_files(tags: list[Series], borders: int) -> list[Series]:
    """Return the tags that fall about once for each further file, if most do: several runs in one folder.

    A single tag may count what it likes, and start again as often as it likes.
    """
    falls = [(s, int((np.diff(s.steps) < 0).sum())) for s in tags if len(s) > 1]
    fallen = [s for s, count in falls if 0 < count <= borders]
    return fallen if 2 * len(fallen) > len(falls) else []


def gradient_norm_before_clip(facts: RunFacts) -> Finding | None:
    """Find gradient norms that are pinned while the loss spans more than two decades."""
    found = facts.need("gradients/actor_cnn_norm", "train/actor_loss")
    if isinstance(found, Missing):
        found = facts.need("gradients/actor_mlp_norm", "train/actor_loss")
    if isinstance(found, Missing):
        return None
    norm, loss = found
    values = norm.values[np.isfinite(norm.values)]
    size = np.abs(loss.values[np.isfinite(loss.values) & (loss.values != 0)])
    if len(values) < 5 or len(size) < 5 or float(values.mean()) <= 0:
        return None
    spread = float(values.std() / values.mean())
    decades = float(np.log10(np.quantile(size, 0.95) / np.quantile(size, 0.05)))
    pinned = spread < PINNED_CV and decades > WIDE_DECADES
    reason = (
        f"{norm.tag} stays at {format_number(float(np.median(values)))} (spread / mean {spread:.1%}) while "
        f"|actor loss| spans {decades:.1f} decades, from {format_number(float(size.min()))} to "
        f"{format_number(float(size.max()))}"
    )
    tail = ": it was measured after clipping and cannot show an explosion." if pinned else "."
    numbers: dict[str, Any] = {
        "value": spread,
        "limit": PINNED_CV,
        "direction": "min",
        "statistic": f"spread / mean of {norm.tag}",
    }
    if spread < PINNED_CV and not pinned:
        numbers = {
            "value": decades,
            "limit": WIDE_DECADES,
            "direction": "max",
            "statistic": "decades that |actor loss| spans while the norm stays the same",
        }
    return Finding(
        check="gradient_norm_before_clip",
        type="gradient_norm_before_clip",
        title="Gradient norms are measured before clipping",
        outcome=Outcome.WARN if pinned else Outcome.PASS,
        required=False,
        reason=reason + tail,
        fact=f"{norm.tag} was measured after clipping" if pinned else "",
        tag=norm.tag,
        first_step=int(norm.steps.min()),
        last_step=int(norm.steps.max()),
        points=len(norm),
        rationale="A norm after clipping says nothing about the gradient.",
        limit_source="heuristic: a free norm follows a loss that spans more than two decades",
        group="audit",
        **numbers,
    )
