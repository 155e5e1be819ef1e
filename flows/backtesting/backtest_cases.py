"""Chooses which stored runs are judged again, and by which rules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from flows.backtesting.judge_again import Case, Comparison
from flows.backtesting.labels import Label, Labels
from flows.errors import ConfigError, FlowsError, UsageError
from flows.judging.rules import Asked, foreign_folder, own_run, rules_for
from flows.records.json_file import read_json
from flows.records.stored_result import GATE_FILE, RUN_FILE, read_result
from flows.settings.setting_files import load_stage
from flows.settings.stage_rules import is_path
from flows.stored.find import find_runs
from gates.checks.gate_file import load_gate
from gates.findings import GateResult


@dataclass(frozen=True, kw_only=True)
class Selection:
    """What is judged and what is not."""

    cases: tuple[Case, ...]
    not_judged: tuple[Comparison, ...]
    """Runs for which no rules are known, each with its problem."""
    other_stages: int
    """Runs that were left out because they are of another stage."""
    labels_without_run: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class _Wanted:
    stage: str | None
    """Name of the only stage that is judged; None judges each run by its own."""
    reference: str | None
    """Name or path of its file."""
    gate: str | None
    against: str | None


def select_cases(
    directories: Sequence[Path],
    *,
    stage: str | None,
    gate: str | None,
    against: str | None,
    labels: Labels | None,
) -> Selection:
    """Find all runs below some folders and say by what each is judged.

    A run of our trainer is judged by its own stage. With a gate or a stage given, only runs of that
    stage are; runs of another trainer, which tell none, are taken to be of it.

    Raises:
        UsageError: A folder does not exist, or there is nothing to judge.
        ConfigError: The stage file has mistakes.
        GateConfigError: A gate is missing or has mistakes.
    """
    wanted = _wanted(stage, gate, against)
    runs = list(find_runs(directories))
    labelled = labels.matched(runs) if labels else {}
    cases: list[Case] = []
    not_judged: list[Comparison] = []
    other_stages = 0
    for _, run in runs:
        label = labelled[run][1] if run in labelled else None
        stored = read_result(run) or (None if own_run(run) else read_result(foreign_folder(run)))
        told = _told_stage(run, stored, label)
        if wanted.stage and told and told != wanted.stage:
            other_stages += 1
            continue
        try:
            cases.append(_case(run, wanted, told, stored, label))
        except FlowsError as error:
            case = _bare_case(run, told, stored, label)
            not_judged.append(Comparison(case=case, before=stored, after=None, problem=str(error)))
    if not cases and not not_judged:
        raise UsageError(_nothing(directories, wanted, other_stages))
    names = [name for name, _ in labelled.values()]
    return Selection(
        cases=tuple(cases),
        not_judged=tuple(not_judged),
        other_stages=other_stages,
        labels_without_run=labels.missing(names, directories) if labels else (),
    )


def _wanted(stage: str | None, gate: str | None, against: str | None) -> _Wanted:
    if against is not None:
        load_gate(against)
    name = load_gate(gate).name if gate is not None else None
    if stage is not None:
        name = stage
        try:
            name = load_stage(stage)[1].name
        except ConfigError:
            if is_path(stage):
                raise
    return _Wanted(stage=name, reference=stage or name, gate=gate, against=against)


def _told_stage(run: Path, stored: GateResult | None, label: Label | None) -> str:
    own = own_run(run)
    told = (read_json(own / RUN_FILE) or {}).get("stage") if own else None
    return str(told or (label and label.stage) or (stored and stored.stage) or "")


def _case(
    run: Path, wanted: _Wanted, told: str, stored: GateResult | None, label: Label | None
) -> Case:
    asked = label.planned_steps if label else None
    if asked is None and stored is not None and stored.stage == told:
        asked = stored.planned_steps
    of_stage = Asked(
        stage=wanted.reference or told or None,
        gate=Path(wanted.gate) if wanted.gate else None,
        planned_steps=asked,
    )
    rules = rules_for(own_run(run), of_stage)
    unreadable = stored is None and (run / GATE_FILE).exists()
    return Case(
        run=run,
        stage=rules.stage,
        gate=wanted.gate or str(rules.gate),
        against=wanted.against,
        stored=stored,
        planned_steps=rules.planned_steps,
        config=label.config if label else None,
        label=label,
        notes=(f"its {GATE_FILE} cannot be read",) if unreadable else (),
    )


def _bare_case(run: Path, told: str, stored: GateResult | None, label: Label | None) -> Case:
    return Case(
        run=run, stage=told, gate="", against=None, stored=stored, planned_steps=None, label=label
    )


def _nothing(directories: Sequence[Path], wanted: _Wanted, other_stages: int) -> str:
    where = ", ".join(map(str, directories))
    if not other_stages:
        return f"{where}: no run below: no {RUN_FILE} and no event files."
    return (
        f"{where}: none of the {other_stages} runs below is of stage {wanted.stage}; "
        "name another with --stage."
    )
