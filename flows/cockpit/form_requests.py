"""From a filled-in form to a request."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flows.cockpit.choices import pipeline_folder, presets, runs_folder, stages
from flows.cockpit.form_fields import Given
from flows.commands.rollback import roll_back
from flows.errors import UsageError
from flows.pages.this_run import created_at, flow_run_id, is_retried
from flows.pipeline.request import RunRequest
from flows.records.group_dir import read_group
from flows.records.run_dir import read_record
from flows.records.stored_result import GROUP_FILE, PIPELINE_FILE
from flows.settings.seeds import AUTO

_SHOWN = 5


def whole_pipeline(given: Given, *, seeds_auto: bool = False) -> RunRequest:
    """Return the request of `staged-validation`.

    A flow run has one new directory, however often it is retried.

    Raises:
        FlowsError: The pipeline to continue does not exist, or the options do not fit it.
    """
    options = _options(given)
    if seeds_auto and "seeds" in options:
        raise UsageError("seeds_auto chooses the seeds; leave seeds empty, or seeds_auto off.")
    if seeds_auto:
        options["seeds"] = AUTO
    if "out" in options:
        options["out"] = existing_pipeline(options["out"])
    stamp = f"{created_at().astimezone():%Y%m%d-%H%M%S}-{str(flow_run_id())[:4]}"
    return RunRequest.asked(options).completed(runs=runs_folder(), stamp=stamp)


def one_stage(stage: str, given: Given, *, checkpoint_step: int = 0) -> RunRequest:
    """Return the request of `single-stage`: preset, seeds and earlier overrides are the pipeline's.

    Raises:
        FlowsError: There is no such pipeline or checkpoint, or the options do not fit it.
    """
    options = _options(given)
    out = existing_pipeline(options.get("out", ""))
    if checkpoint_step and not is_retried():
        _roll_back(out, stage, checkpoint_step, options.get("existing", ""))
    alone = {"out": out, "stages": (_stage_of(out, stage),), "single_stage": True}
    return RunRequest.asked({"existing": "retrain", **options, **alone}).completed()


def _options(given: Given) -> dict[str, Any]:
    """Return the options as the command line takes them: names turned into files, texts stripped."""
    options = {
        name: value.strip() if isinstance(value, str) else value for name, value in given.items()
    }
    if "preset" in options:
        options["preset"] = presets()[options["preset"]]
    if "stages" in options:
        options["stages"] = tuple(stages()[name] for name in options["stages"])
    if "overrides" in options:
        options["overrides"] = tuple(text.strip() for text in options["overrides"])
    if "override_no_go" not in options:
        # What was left in the form from an earlier override means nothing.
        options = {name: v for name, v in options.items() if name not in ("name", "reason")}
    return options


def _roll_back(pipeline: Path, stage: str, step: int, existing: str) -> None:
    if existing != "resume":
        raise UsageError("checkpoint_step needs existing: resume.")
    record = read_record(pipeline)
    newest = record.last(stage) if record else None
    if newest is None:
        kind = (
            "is a group; roll back one of its seeds" if read_group(pipeline) else "has no run of it"
        )
        raise UsageError(f"{stage} cannot be rolled back: {pipeline} {kind}.")
    roll_back(pipeline / stage / newest.run, to=str(step), yes=True)


def existing_pipeline(name: str) -> Path:
    """Return the directory of a pipeline or group that a form names; the newest for an empty name.

    Raises:
        UsageError: No such pipeline or group exists.
    """
    known = newest_pipelines()
    if not name.strip():
        if not known:
            raise UsageError(f"There is no pipeline below {runs_folder()} yet.")
        return known[0]
    path = pipeline_folder(name)
    if not (path / PIPELINE_FILE).is_file() and not (path / GROUP_FILE).is_file():
        there = ", ".join(folder.name for folder in known[:_SHOWN]) or "none"
        raise UsageError(f"{path} is no pipeline directory. The newest ones: {there}.")
    return path


def newest_pipelines() -> list[Path]:
    """List pipelines and groups directly below the runs folder, the last one to change first."""
    records = [
        path for name in (PIPELINE_FILE, GROUP_FILE) for path in runs_folder().glob(f"*/{name}")
    ]
    records.sort(key=lambda path: path.stat().st_mtime, reverse=True)
    return [path.parent for path in records]


def _stage_of(pipeline: Path, name: str) -> str:
    """Return the stage as the pipeline knows it: its own file may have the name of a shipped one."""
    record = read_group(pipeline) or read_record(pipeline)
    for asked in record.stages_asked if record else ():
        if asked == name or Path(asked).stem == name:
            return asked
    return stages()[name]
