"""Reads the judgement of a stored run again, with its events, and writes its report anew."""

from __future__ import annotations

import contextlib
from pathlib import Path

from flows.errors import writing
from flows.judging.run_log import translated_log
from flows.judging.stage_context import stage_context
from flows.records.run_dir import PipelineDirectory
from flows.records.stored_result import read_result
from gates.errors import GatesError
from gates.findings import GateResult
from gates.judgement import Judgement
from gates.runs.run_info import load_run_info
from reports.stage.markdown import write_stage_report


def stored_judgement(folder: Path, result: GateResult) -> Judgement:
    """Return a stored judgement with the events and run.json of its run.

    Raises:
        GatesError: The events cannot be read or translated.
    """
    return Judgement(result=result, log=translated_log(folder), run_info=load_run_info(folder))


def show_run(directory: PipelineDirectory, stage: str, name: str) -> None:
    """Write the report of a judged run again; one whose events can no longer be read stays as it is.

    Raises:
        OutputError: The run's folder cannot be written.
    """
    folder, run = directory.path / stage / name, directory.record.entry(stage, name)
    result = read_result(folder)
    if run is None or result is None:
        return
    with writing("The report", folder), contextlib.suppress(GatesError):
        judgement = stored_judgement(folder, result)
        write_stage_report(judgement, stage_context(stage, run, directory, judgement), folder)
