"""Reads stored runs again: their events under the tag names that reports know, and their judgement."""

from __future__ import annotations

from pathlib import Path

from flows.errors import OutputError
from flows.records.run_dir import PipelineDirectory
from flows.records.stored_result import read_result
from flows.report_context.stage import stage_context
from gates.errors import GatesError
from gates.events.reader import read_events
from gates.findings import GateResult
from gates.judgement import Judgement
from gates.runs.run_info import load_run_info
from gates.runs.translate import choose_dialect, translate
from gates.series import EventLog
from reports.stage.markdown import write_stage_report


def translated_log(folder: Path) -> EventLog:
    """Read the events of a run with canonical tags.

    Raises:
        GatesError: They cannot be read or translated.
    """
    raw, info = read_events(folder), load_run_info(folder)
    return translate(raw, choose_dialect(raw, info.dialect if info else ""))


def read_log(source: Path) -> tuple[EventLog | None, str]:
    """Read a run's series with canonical tags; without any, say why."""
    try:
        return translated_log(source), ""
    except GatesError as error:
        return None, f"its events cannot be drawn: {error}."


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
    try:
        judgement = stored_judgement(folder, result)
        write_stage_report(judgement, stage_context(stage, run, directory, judgement), folder)
    except GatesError:
        return
    except OSError as error:
        raise OutputError.from_os_error("The report", folder, error) from error
