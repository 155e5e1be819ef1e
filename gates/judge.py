"""Judges a run directory: reads it, cross-checks, translates the tags and judges them; writes nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from gates.dialects import choose_dialect, translate
from gates.event_reader import read_events
from gates.findings import Finding, GateResult
from gates.integrity import declared_dialect, files_intact, independent_reader
from gates.judgement import Judgement, judge_log
from gates.run_info import RunInfo, load_config, load_run_info
from gates.spec import GateSpec

__all__ = ["Judgement", "judge"]


def judge(
    directory: Path,
    *,
    gate: GateSpec,
    stage: str,
    planned_steps: int | None = None,
    config: Path | None = None,
    dialect: Path | None = None,
    cross_check: bool = True,
    baseline: GateResult | None = None,
    before: tuple[Finding, ...] = (),
) -> Judgement:
    """Judge the event files of one run against a gate.

    `planned_steps` goes before the plan in run.json, that before the one in `config`, and that before the
    gate's own number
    of steps. A baseline that is itself a NO_GO is never compared with. `before` holds findings of whoever
    watched the run; they count like the gate's own.

    Raises:
        InputError: The directory holds nothing that can be judged.
        GateConfigError: `config` or `dialect` has mistakes.
    """
    run = _run_info(directory, config)
    raw = read_events(directory)
    findings = [*before, files_intact(raw)]
    if cross_check:
        findings.append(independent_reader(raw, directory))
    declared = str(dialect) if dialect is not None else run.dialect if run is not None else ""
    used = choose_dialect(raw, declared)
    if declared and (misfit := declared_dialect(raw, used)) is not None:
        findings.append(misfit)
    log = translate(raw, used)
    return judge_log(
        log,
        run=run,
        directory=directory,
        gate=gate,
        stage=stage,
        planned_steps=planned_steps,
        dialect=used.name,
        before=tuple(findings),
        baseline=baseline,
    )


def _run_info(directory: Path, config: Path | None) -> RunInfo | None:
    """Take the user's configuration where one is given; what run.json says about the end of the run stays."""
    if not directory.is_dir():
        return load_config(config) if config is not None else None
    own = load_run_info(directory)
    if config is None:
        return own
    given = load_config(config)
    if own is None:
        return given
    return replace(
        own,
        source=given.source,
        train={**own.train, **given.train},
        env={**own.env, **given.env},
        planned_steps=given.planned_steps or own.planned_steps,
    )
