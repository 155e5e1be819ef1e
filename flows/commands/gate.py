"""`gonogo gate` and `gonogo report`: judge any directory, and render what was judged."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from flows.commands.terminal import EXIT_CODES, result_lines, say
from flows.errors import UsageError, writing
from flows.judging.judge_run import Judged, free_judgement_folder, judge_directory
from flows.judging.rules import (
    Asked,
    foreign_folder,
    live_stop_of,
    own_run,
    pipeline_of,
    recorded_run,
    rules_for,
)
from flows.records.json_file import utc_now
from flows.records.stored_result import GATE_FILE, read_result
from flows.settings.run_options import DEFAULT_STAGES
from flows.settings.shell_path import shell_path
from flows.settings.stage_rules import is_path, shipped_after
from gates.audit.trainer import MAPPING_FILE
from gates.findings import GateResult
from gates.judgement import Judgement
from gates.runs.drives import read_final_evaluation, read_pictures
from reports.context import Command, NextStage, StageContext
from reports.losses import Losses


def show_verdict(judged: Judged, *, as_json: bool) -> int:
    """Print the verdict on a directory of event files and return the exit code."""
    result = judged.judgement.result
    if as_json:
        print(judged.gate_json.read_text(encoding="utf-8"), end="")
    else:
        for line in result_lines(result):
            say(line)
        say(f"Report: {shell_path(judged.report)}")
        say(f"{result.verdict.value}  {result.stage}: {result.deciding}")
    return EXIT_CODES[result.verdict]


def judge_with(
    directory: Path, asked: Asked, *, out: Path | None = None, plots_later: bool = False
) -> Judged:
    """Judge a directory of event files by what is asked for, else by what it says of itself.

    With `plots_later` the plots are not drawn before `draw` of what is returned is called.

    Raises:
        UsageError: There is no such directory, or no stage is known.
        GatesError: It cannot be judged.
        OutputError: The results cannot be written.
    """
    if not directory.is_dir():
        kind = "a file, not a folder" if directory.exists() else "no such folder"
        raise UsageError(f"{directory}: {kind}. Name the folder that holds the event files.")
    run = own_run(directory)
    rules = rules_for(run, asked)
    return judge_directory(
        directory,
        rules,
        asked,
        out=out or (free_judgement_folder(run) if run else foreign_folder(directory)),
        context=lambda judgement: context_of(directory, rules.stage, judgement, asked),
        live_stop=live_stop_of(run, rules),
        plots_later=plots_later,
    )


def context_of(
    directory: Path, stage: str, judgement: Judgement, asked: Asked | None = None
) -> StageContext:
    """Collect what is known about a directory that is judged outside a pipeline's flow.

    What was asked for makes the printed command give the same verdict again.
    """
    asked = asked or Asked()
    run = own_run(directory)
    record = pipeline_of(run)
    if run and record and (recorded := recorded_run(run, record)):
        from flows.judging.stage_context import stage_context
        from flows.records.run_dir import PipelineDirectory

        pipeline = PipelineDirectory(run.absolute().parents[1], record, lock=-1)
        return stage_context(run.absolute().parent.name, recorded, pipeline, judgement)
    info = judgement.run_info
    planned = judgement.result.planned_steps
    given = {"gate": asked.gate, "config": asked.config, "dialect": asked.dialect}
    # A stage of the user's own is known by its file alone.
    named = asked.stage if asked.stage and is_path(asked.stage) else stage
    again = " ".join(
        [
            f"gonogo gate {shell_path(directory)} --stage {shell_path(Path(named))}",
            *([f"--planned-steps {planned}"] if planned else []),
            *(f"--{name} {shell_path(Path(value))}" for name, value in given.items() if value),
        ]
    )
    commands: tuple[Command, ...] = (Command(text=again, purpose="judge this directory again"),)
    if not (judgement.log.recognised or asked.dialect):
        commands = (
            Command(
                text=f"gonogo tags {shell_path(directory)} --write {MAPPING_FILE}",
                purpose="map the tags of this trainer",
            ),
            Command(
                text=f"{again} --dialect {MAPPING_FILE}", purpose="judge it by the mapping file"
            ),
        )
    following = shipped_after(stage, DEFAULT_STAGES)
    losses = Losses()
    driven = losses.guard(
        "The evaluation at the end", lambda: read_final_evaluation(directory), None
    )
    seen = losses.guard("The pictures of the evaluation", lambda: read_pictures(directory), None)
    return StageContext(
        title=f"{directory.resolve().name}, {stage}",
        generated_at=utc_now(),
        preset=info.preset if info else "",
        seed=info.seed if info else None,
        config={"env": dict(info.env), "train": dict(info.train)} if info else {},
        git_revision=info.git_revision if info else None,
        next_commands=commands,
        next_stage=NextStage(name=following.name, steps=following.steps) if following else None,
        final_evaluation=driven,
        final_pictures=seen,
        lost=tuple(losses.sentences),
    )


def render_report(directory: Path, form: str) -> int:
    """Write the report of a judged run, a pipeline or a group in another format, and print its path.

    Nothing is judged again: the verdict is the one in gate.json.

    Raises:
        UsageError: There is nothing judged in the folder.
        OutputError: The report cannot be written.
    """
    from flows.decisions.judged import newest_judged, view_directory
    from flows.judging.pipeline_report import save_pipeline_report
    from flows.judging.stored_judgement import stored_judgement

    pipeline = view_directory(directory)
    if pipeline is not None:
        if form != "md":
            folders = (judged.folder for judged in newest_judged(directory))
            runs = [folder for folder in folders if (folder / GATE_FILE).is_file()]
            example = f", for example {runs[0]}" if runs else ""
            raise UsageError(
                f"{directory} holds several runs; its report exists as md only. For {form} name one of "
                f"its runs{example}."
            )
        say(str(save_pipeline_report(pipeline)))
        return 0
    result = read_result(directory)
    if result is None:
        raise UsageError(f"{directory} holds no {GATE_FILE}; judge it first with gonogo gate.")
    source = _judged_folder(directory, result)
    judgement = stored_judgement(source, result)
    with writing("The report", directory):
        path = _writer(form)(judgement, context_of(source, result.stage, judgement), directory)
    say(str(path))
    return 0


def _writer(form: str) -> Callable[[Judgement, StageContext, Path], Path]:
    if form == "html":
        from reports.stage.html import write_html_report

        return write_html_report
    if form == "latex":
        from reports.stage.latex import write_latex_report

        return write_latex_report
    from reports.stage.markdown import write_stage_report

    return write_stage_report


def _judged_folder(directory: Path, result: GateResult) -> Path:
    """Return the folder whose events were judged; a run folder may have been moved since."""
    if own_run(directory):
        return directory
    source = Path(result.run)
    if not source.is_dir():
        raise UsageError(f"{source}, the folder that was judged, no longer exists.")
    return source
