"""Collects what the reports show besides the judgement: earlier runs, changes, commands, speed."""

from __future__ import annotations

from collections.abc import Sequence

from flows.judging.driven_beside import driven_beside
from flows.judging.next_commands import next_commands, next_stage
from flows.records.decisions import Decision, read_decisions
from flows.records.json_file import read_json, utc_now
from flows.records.pipeline_record import RunRecord
from flows.records.recipe import flat_config
from flows.records.run_dir import PipelineDirectory
from flows.records.stored_result import read_result
from flows.settings.setting_files import known_stages
from flows.settings.shell_path import shell_path
from gates.findings import GateResult
from gates.judge import Judgement
from gates.progress import StageState
from gates.runs.drives import read_final_evaluation, read_pictures
from reports.context import (
    ChangeNote,
    ConfigChange,
    DecisionNote,
    PreviousRun,
    Speed,
    StageContext,
)
from reports.losses import Losses


def baseline_of(directory: PipelineDirectory, stage: str) -> GateResult | None:
    """Return the stage's last GO: a run is never compared with one that failed."""
    record = directory.record.stages.get(stage)
    for run in reversed(record.runs if record else ()):
        if run.state is StageState.GO:
            return read_result(directory.folder_of(stage, run))
    return None


def stage_context(
    stage: str, run: RunRecord, directory: PipelineDirectory, judgement: Judgement
) -> StageContext:
    """Collect the context of a stage's report."""
    # A directory without a pipeline was not supervised, and its report begins a little sooner.
    from flows.judging.supervision_rows import interim_gates, raised_alerts, supervision_rows

    folder = directory.folder_of(stage, run)
    losses = Losses()
    supervised = losses.guard("The rows of supervision", lambda: supervision_rows(run, folder), ())
    interim = losses.guard("The interim gates", lambda: interim_gates(folder), ())
    alerts = losses.guard("The alerts", lambda: raised_alerts(folder), ())
    driven = losses.guard("The evaluation at the end", lambda: read_final_evaluation(folder), None)
    seen = losses.guard("The pictures of the evaluation", lambda: read_pictures(folder), None)
    earlier = _earlier_runs(stage, run, directory)
    own = read_json(folder / "run.json") or {}
    last = read_json(directory.folder_of(stage, earlier[-1][0]) / "run.json") if earlier else {}
    decisions = read_decisions(folder)
    return StageContext(
        title=f"{directory.record.preset}, seed {directory.record.seed}, {stage}, {run.run}",
        generated_at=utc_now(),
        preset=directory.record.preset,
        seed=directory.record.seed,
        next_commands=next_commands(
            directory,
            stage,
            run.run,
            verdict=judgement.result.verdict,
            decision=decisions[-1] if decisions else None,
            resumable=bool(run.attempts) and run.attempts[-1].resumable,
        ),
        rerun_command=f"gonogo stage {stage} --out {shell_path(directory.path)}",
        previous=tuple(PreviousRun(name=r.run, result=result) for r, result in earlier),
        config={key: own.get(key, {}) for key in ("env", "train")} if own else {},
        config_changes=_changes(last or {}, own) if earlier else (),
        git_revision=_text(own.get("git_revision")),
        previous_git_revision=_text((last or {}).get("git_revision")),
        change_note=_change_note(run),
        speed=_speed(run, judgement.result),
        next_stage=next_stage(stage, directory.record),
        decisions=tuple(map(decision_note, decisions)),
        supervision=(*_stages_before(stage, directory), *supervised),
        interim=interim,
        alerts=alerts,
        final_evaluation=driven,
        final_pictures=seen,
        driven_beside=losses.guard(
            "How other runs drove", lambda: driven_beside(stage, run, directory), ()
        ),
        lost=tuple(losses.sentences),
    )


def decision_note(decision: Decision) -> DecisionNote:
    """Return a decision as reports show it."""
    return DecisionNote(
        text=decision.text,
        outcome=decision.outcome,
        decided_at=decision.decided_at,
        goes_on=decision.goes_on,
    )


def _stages_before(stage: str, directory: PipelineDirectory) -> tuple[tuple[str, str], ...]:
    """Say which earlier stages did not end GO and who let the pipeline go on all the same."""
    names = [known.name for known in known_stages(directory.record.stages_asked)]
    earlier = names[: names.index(stage)] if stage in names else []
    runs = ((name, directory.record.last(name)) for name in earlier)
    return tuple(
        (f"Stage {name} before", f"{run.decision.text} ({run.run})")
        for name, run in runs
        if run is not None and run.decision is not None
    )


def _earlier_runs(
    stage: str, run: RunRecord, directory: PipelineDirectory
) -> Sequence[tuple[RunRecord, GateResult]]:
    runs = directory.record.stages[stage].runs
    before = runs[: [r.run for r in runs].index(run.run)]
    found = ((r, read_result(directory.folder_of(stage, r))) for r in before)
    return [(r, result) for r, result in found if result is not None]


def _changes(before: dict[str, object], after: dict[str, object]) -> tuple[ConfigChange, ...]:
    old = flat_config({key: before.get(key) or {} for key in ("env", "train")})
    new = flat_config({key: after.get(key) or {} for key in ("env", "train")})
    return tuple(
        ConfigChange(key=key, before=old.get(key), after=new.get(key))
        for key in sorted({*old, *new})
        if old.get(key) != new.get(key)
    )


def _speed(run: RunRecord, result: GateResult) -> Speed | None:
    if not run.training_s or not result.last_step:
        return None
    return Speed(steps_per_s=result.last_step / run.training_s, training_s=run.training_s)


def _change_note(run: RunRecord) -> ChangeNote | None:
    if not run.note and not run.expectation:
        return None
    return ChangeNote(change=run.note, expectation=run.expectation)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
