"""Warnings about the gate itself: checks that could not have failed, and measurements that count twice."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from gates.checks.gate_file import GateSpec
from gates.checks.types.consistency import ConsistencyCheck
from gates.checks.types.derived_limit import DerivedLimitCheck
from gates.checks.types.limit import LimitCheck
from gates.diagnosis.signs import Signs
from gates.facts.run_facts import RunFacts
from gates.findings import Finding, GateResult, Outcome
from gates.text import format_number

SHARES = ("policy/tanh_saturation", "debug/done_ratio", "eval/time_limit_share")
"""Tags between 0 and 1 by construction, beside all that end in `_share`."""
CONSTANT_IS_FINE = ("probe/", "policy/tanh_saturation", "agent/")
SAME_MEASUREMENT = (("train/actor_loss", "debug/actor_q_mean"),)
"""Tags that are one number with two names when the actor loss has no guards."""


def sanity(
    gate: GateSpec, facts: RunFacts, findings: tuple[Finding, ...], baseline: GateResult | None
) -> tuple[str, ...]:
    """Return warnings; they are shown and never counted."""
    return (
        *_vacuous(gate, facts, findings),
        *_one_measurement(gate, facts, findings),
        *_identical_evaluations(facts, baseline),
    )


def _vacuous(gate: GateSpec, facts: RunFacts, findings: tuple[Finding, ...]) -> Iterator[str]:
    pinned = next((f for f in findings if f.type == "gradient_norm_before_clip"), None)
    normalized = facts.run is not None and facts.run.flag("normalize_actor_loss") is True
    post_clip = pinned is not None and pinned.outcome is not Outcome.PASS
    for check in gate.checks:
        if not check.applies_to(facts):
            continue
        if isinstance(check, LimitCheck):
            yield from _limit_that_cannot_fail(check, facts, post_clip)
        elif isinstance(check, ConsistencyCheck) and post_clip:
            if check.law in ("actor_is_dead", "critic_gradient_growth"):
                yield (
                    f"{check.id} reads gradient norms that were measured after clipping; only a norm of 0 "
                    "means anything."
                )
        elif isinstance(check, DerivedLimitCheck) and check.bound == "actor_loss" and normalized:
            yield (
                f"{check.id} can hardly fail: the configured loss is divided by mean|Q|, "
                "so that its range is fixed."
            )


def _limit_that_cannot_fail(check: LimitCheck, facts: RunFacts, post_clip: bool) -> Iterator[str]:
    series = facts.series(check.tag)
    if series is None:
        return
    values = series.values[np.isfinite(series.values)]
    if not len(values):
        return
    if post_clip and check.tag.startswith("gradients/"):
        yield f"{check.id} could not have failed: {check.tag} was measured after clipping, which bounds it."
        return
    is_share = check.tag in SHARES or check.tag.endswith(("_share", "_rate"))
    high = check.max.fail if check.max and check.max.fail is not None else None
    low = check.min.fail if check.min and check.min.fail is not None else None
    if is_share and (high is None or high >= 1.0) and (low is None or low <= 0.0):
        yield f"{check.id} can never fail: {check.tag} lies between 0 and 1, and its limit does not."
    elif high is not None and check.min is None and high > 0 and (values < 0).all():
        if float(np.abs(values).max()) > high:
            yield (
                f"{check.id} could not have failed: {check.tag} is always negative, down to "
                f"{format_number(float(values.min()))}, and its only limit is {format_number(high)} above 0."
            )
    elif low is not None and check.max is None and low < 0 and (values > 0).all():
        if float(np.abs(values).max()) > abs(low):
            yield (
                f"{check.id} could not have failed: {check.tag} is always positive, up to "
                f"{format_number(float(values.max()))}, and its only limit is {format_number(low)} below 0."
            )
    elif (
        len(values) >= 10
        and float(np.ptp(values)) == 0
        and not check.tag.startswith(CONSTANT_IS_FINE)
    ):
        constant = format_number(float(values[0]))
        yield f"{check.id} reads {check.tag}, which is exactly {constant} at all {len(values)} points."


def _one_measurement(
    gate: GateSpec, facts: RunFacts, findings: tuple[Finding, ...]
) -> Iterator[str]:
    by_id = {f.check: f for f in findings}
    reading: dict[tuple[str, str], list[str]] = {}
    for check in gate.checks:
        tag = getattr(check, "tag", "")
        if tag and not check.dry_run:
            reading.setdefault((tag, str(getattr(check, "statistic", check.type))), []).append(
                check.id
            )
    for (tag, _), ids in reading.items():
        if len(ids) > 1:
            yield f"{' and '.join(ids)} judge the same statistic of {tag}: one measurement, not {len(ids)} votes."
    if facts.guarded_loss:
        return
    for first, second in SAME_MEASUREMENT:
        pair = [
            next((i for (tag, _), ids in reading.items() if tag == name for i in ids), None)
            for name in (first, second)
        ]
        failed = [by_id[i] for i in pair if i in by_id and by_id[i].outcome is Outcome.FAIL]
        if len(failed) == 2:
            yield f"{pair[0]} and {pair[1]} are one measurement: {first} is -{second}. Count them as one failure."


def _identical_evaluations(facts: RunFacts, baseline: GateResult | None) -> Iterator[str]:
    repeated = Signs(facts).identical_evaluations
    if repeated is not None:
        yield (
            f"{repeated[1]} evaluations in a row are identical to the last digit ({repeated[0]:.9g}): the policy "
            "does not change, or the evaluation does not use it."
        )
    series = facts.series("eval/mean_reward")
    if series is None or baseline is None or baseline.last_evaluation is None:
        return
    if float(series.values[-1]) == baseline.last_evaluation:
        yield (
            f"the last evaluation, {series.values[-1]:.9g}, is identical to the last digit to that of "
            f"{baseline.run}: two different policies hardly earn exactly the same."
        )
