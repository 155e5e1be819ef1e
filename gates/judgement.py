"""Turns the series of one run into a judgement: checks, audit, verdict, diagnosis; reads and writes nothing."""

from __future__ import annotations

import platform
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import numpy as np
from msgspec import Struct, structs

from gates.audit.files import all_files_read
from gates.audit.gate import sanity
from gates.audit.run import audit
from gates.audit.trainer import unknown_trainer
from gates.checks.gate_file import GateSpec
from gates.checks.nearness import nearness
from gates.checks.run import run_checks
from gates.diagnosis.diagnose import NOTHING_EXPLAINED, diagnose
from gates.errors import InputError
from gates.facts.run_facts import RunFacts
from gates.findings import Finding, GateResult
from gates.runs.afresh import Afresh
from gates.runs.drives import FinalEvaluation
from gates.runs.run_info import RunInfo
from gates.series import EventLog
from gates.verdict import decide


class Judgement(Struct, frozen=True, kw_only=True):
    """A result with the series behind it, for the plots of a report."""

    result: GateResult
    log: EventLog
    """Canonical tags; series that checks derived are there too, with `derived_from` set."""
    run_info: RunInfo | None


def judge_log(
    log: EventLog,
    *,
    run: RunInfo | None,
    directory: Path,
    gate: GateSpec,
    stage: str,
    planned_steps: int | None = None,
    dialect: str = "gonogo",
    before: tuple[Finding, ...] = (),
    awaited: Callable[[], tuple[Finding, ...]] = tuple,
    baseline: GateResult | None = None,
    final: FinalEvaluation | None = None,
    afresh: Afresh | None = None,
) -> Judgement:
    """Judge series that were read already; their tags must be the canonical ones.

    `before` and `awaited` are findings from elsewhere; `awaited` is asked when all checks have been made.

    Raises:
        InputError: There is not a single scalar.
    """
    if not any(len(series) for series in log.series.values()):
        raise InputError(f"{directory} holds event files without a single scalar")
    planned, source = _plan(run, planned_steps, gate)
    facts = RunFacts(
        log=log,
        run=run,
        stage=stage,
        planned_steps=planned,
        planned_source=source,
        next_steps=gate.next_steps,
        final=final,
        afresh=afresh,
    )
    # Values may be anything; whoever reduces them decides what a NaN means, so numpy need not warn.
    with np.errstate(all="ignore"):
        checked = run_checks(gate, facts, baseline=baseline)
        unread = all_files_read(log)
        unknown = (unread,) if unread is not None else unknown_trainer(facts, gate, checked)
        found = unknown or (*checked.findings, *audit(facts))
    findings = (*before, *awaited(), *found)
    decision = decide(findings)
    with np.errstate(all="ignore"):
        explained = NOTHING_EXPLAINED if unknown else diagnose(facts, findings)
        warnings = () if unknown else sanity(gate, facts, findings, baseline)
    evaluations = facts.series("eval/mean_reward")
    last_evaluation = float(evaluations.values[-1]) if evaluations is not None else None
    result = GateResult(
        verdict=decision.verdict,
        stage=stage,
        run=str(directory),
        deciding=decision.deciding,
        deciding_check=decision.check,
        findings=findings,
        diagnoses=explained.diagnoses,
        gate_warnings=warnings,
        inputs=tuple(
            {"path": str(file.path), "sha256": file.sha256, "size_bytes": file.size_bytes}
            for file in log.files
        ),
        gate_sha256=gate.sha256,
        versions=versions(),
        planned_steps=planned,
        last_step=facts.last_step,
        dialect=dialect,
        preset=run.preset if run else "",
        seed=run.seed if run else None,
        config_sha256=run.config_sha256 if run else "",
        unexplained=explained.unexplained,
        not_decided=gate.not_decided,
        not_applicable=() if unknown else checked.not_applicable,
        last_evaluation=last_evaluation
        if last_evaluation is None or np.isfinite(last_evaluation)
        else None,
        nearness=nearness(findings),
        baseline=baseline.run if baseline else "",
    )
    with_derived = {**log.series, **{series.tag: series for series in checked.series}}
    return Judgement(result=result, log=structs.replace(log, series=with_derived), run_info=run)


def _plan(run: RunInfo | None, asked: int | None, gate: GateSpec) -> tuple[int | None, str]:
    if asked is not None:
        return asked, "as asked for"
    if run is not None and run.planned_steps is not None:
        return run.planned_steps, run.source
    return gate.steps, f"steps of gate {gate.name}, as no plan is known"


def versions() -> dict[str, str]:
    """Return the versions that a judgement depends on."""
    found = {"python": platform.python_version(), "numpy": np.__version__}
    try:
        found["gonogo"] = metadata.version("gonogo")
    except metadata.PackageNotFoundError:
        found["gonogo"] = "not installed"
    return found
