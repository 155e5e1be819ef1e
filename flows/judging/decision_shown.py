"""Lets pipeline.json and the reports say what the decision files of a run say."""

from __future__ import annotations

from pathlib import Path

from flows.errors import OutputError
from flows.judging.translated_log import translated_log
from flows.records.decisions import newest_decision
from flows.records.run_dir import PipelineDirectory
from flows.records.state_record import WaitRecord
from flows.records.stored_result import read_result
from flows.report_context.pipeline import save_pipeline_report
from flows.report_context.stage import stage_context
from gates.errors import GatesError
from gates.judgement import Judgement
from gates.runs.run_info import load_run_info
from reports.stage.markdown import write_stage_report


def show_decision(
    directory: PipelineDirectory, stage: str, folder: Path, *, waits: WaitRecord | None = None
) -> None:
    """Take the newest decision over into pipeline.json and write both reports again.

    The decision itself stands on disk already. A report whose events cannot be read any more stays
    as it is. `waits` names a suspended flow run that has still to hear of the decision.

    Raises:
        OutputError: The pipeline's folder cannot be written.
    """
    run = next(r for r in directory.record.stages[stage].runs if r.run == folder.name)
    run = run.model_copy(update={"decision": newest_decision(folder), "waits": waits})
    directory.save_entry(stage, run)
    result = read_result(folder)
    if result is not None:
        try:
            judgement = Judgement(
                result=result, log=translated_log(folder), run_info=load_run_info(folder)
            )
        except GatesError:
            pass
        else:
            context = stage_context(stage, run, directory, judgement)
            try:
                write_stage_report(judgement, context, folder)
            except OSError as error:
                raise OutputError.from_os_error("The report", folder, error) from error
    save_pipeline_report(directory)
