"""`gonogo approve` and `gonogo reject`: a person's decision about a CONDITIONAL."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from flows.commands.decide_jointly import decide_jointly, is_joint
from flows.commands.terminal import say
from flows.commands.wake import wake
from flows.errors import InUseError, OutputError, UsageError
from flows.judging.decision_shown import show_decision
from flows.records.decisions import (
    Decision,
    Kind,
    gate_json_sha256,
    newest_decision,
    user_name,
    write_decision,
)
from flows.records.pipeline_record import RunRecord
from flows.records.run_dir import PipelineDirectory, read_record
from flows.records.state_record import WaitRecord, utc_now
from flows.records.stored_result import read_result
from flows.report_context.stage import next_stage
from flows.settings.shell_path import shell_path
from gates.findings import Verdict


def decide(run: Path, *, kind: Kind, reason: str, name: str) -> int:
    """Record what a person decided about a CONDITIONAL and let a pipeline that waits go on.

    Args:
        run: Run folder, or a pipeline directory with one run that waits for a decision.
        kind: `approved` or `rejected`.
        reason: Why, in the person's words.
        name: Who; the login name when empty.

    Raises:
        UsageError: There is nothing to decide, or the reason is missing.
        OutputError: The decision cannot be written.
    """
    if is_joint(run.absolute()):
        return decide_jointly(run.absolute(), lambda at: _decision(at, kind, reason, name))
    folder = _judged_run(run.absolute())
    decision = _decision(folder, kind, reason, name)
    # Read before: a pipeline that waits takes its mark away as soon as it sees the decision.
    record = _recorded(folder)
    write_decision(folder, decision)
    say(f"{folder.parent.name}/{folder.name}: {decision.text}")
    suspended = record.waits if record and record.waits and record.waits.flow_run else None
    _show(folder, suspended)
    heard = (
        record is not None
        and record.waits is not None
        and wake(record.waits, folder.parents[1], decision)
    )
    if record is not None and not heard:
        _say_what_follows(folder, decision)
    return 0


def _judged_run(path: Path) -> Path:
    """Find the run to decide about.

    Raises:
        UsageError: It has no verdict, or none that a person decides about.
    """
    record = read_record(path) if path.is_dir() else None
    if record is not None:
        open_runs = [
            path / name / run.run
            for name in record.stages
            if (run := record.last(name)) is not None
            and run.state.value == Verdict.CONDITIONAL.value
            and newest_decision(path / name / run.run) is None
        ]
        if len(open_runs) != 1:
            found = ", ".join(shell_path(run) for run in open_runs) or "none"
            raise UsageError(
                f"{path} must hold exactly one CONDITIONAL that nobody decided about; there are: "
                f"{found}. Name the run's folder."
            )
        path = open_runs[0]
    result = read_result(path)
    if result is None:
        raise UsageError(f"{path} has no verdict: it holds no gate.json.")
    if result.verdict is Verdict.NO_GO:
        raise UsageError(
            f"{path} ended NO_GO, which nobody can approve. To go on all the same, on record: "
            f"gonogo run --out {shell_path(path.parents[1])} --override-no-go {path.parent.name} "
            '--reason "..."'
        )
    if result.verdict is Verdict.GO:
        raise UsageError(f"{path} ended GO; there is nothing to decide.")
    return path


def _decision(folder: Path, kind: Kind, reason: str, name: str) -> Decision:
    try:
        return Decision(
            kind=kind,
            by=name or user_name(),
            reason=reason,
            decided_at=utc_now(),
            way="command line",
            verdict="CONDITIONAL",
            gate_json_sha256=gate_json_sha256(folder) or "",
        )
    except ValidationError as error:
        first = error.errors()[0]
        option = "--name" if first["loc"][0] == "by" else "--reason"
        raise UsageError(f"{option}: {first['msg'].removeprefix('Value error, ')}.") from None


def _recorded(folder: Path) -> RunRecord | None:
    """Return what pipeline.json says about the run; None for a run without a pipeline."""
    record = read_record(folder.parents[1])
    stage = record.stages.get(folder.parent.name) if record else None
    return next((r for r in stage.runs if r.run == folder.name), None) if stage else None


def _show(folder: Path, suspended: WaitRecord | None) -> None:
    """Write pipeline.json and the reports again, unless a pipeline works there and does it itself."""
    if _recorded(folder) is None:
        return
    try:
        with PipelineDirectory.reopen(folder.parents[1]) as directory:
            show_decision(directory, folder.parent.name, folder, waits=suspended)
    except InUseError:
        pass
    except OutputError as error:
        say(f"The decision stands, but: {error}")


def _say_what_follows(folder: Path, decision: Decision) -> None:
    out = shell_path(folder.parents[1])
    directory = PipelineDirectory.view(folder.parents[1])
    following = next_stage(folder.parent.name, directory) if directory else None
    if decision.goes_on and following is not None:
        say(f"Go on with {following.name}:  gonogo run --out {out}")
    elif not decision.goes_on:
        say(f"Train it again:  gonogo stage {folder.parent.name} --out {out} --set KEY=VALUE")
