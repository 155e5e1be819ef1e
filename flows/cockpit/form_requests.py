"""From a filled-in form to a request: what the form leaves open comes from the pipeline directory."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from uuid import UUID

from flows.cockpit.choices import pipeline_folder, presets, runs_folder, stages
from flows.cockpit.form_fields import BY_STAGE_FILE
from flows.commands.run_request import build_request
from flows.errors import UsageError
from flows.pipeline.request import OnConditional, OnTimeout, PipelineRequest
from flows.records.run_dir import default_directory, read_record
from flows.records.stored_result import PIPELINE_FILE
from flows.settings.supervision import LiveMode

_SHOWN = 5


def whole_pipeline(
    *,
    preset: str,
    stage_names: Sequence[str],
    seed: int,
    overrides: Sequence[str],
    changed: str,
    expected: str,
    live_gate: str,
    on_conditional: OnConditional,
    wait_h: float,
    on_timeout: OnTimeout,
    go_on_in: str,
    override_no_go: str | None,
    overridden_by: str,
    override_reason: str,
    new_folder: Path,
    retried: bool,
) -> PipelineRequest:
    """Return the request of `staged-validation`.

    Raises:
        UsageError: The pipeline to go on with does not exist, or an override says not who or why.
    """
    going_on = bool(go_on_in.strip())
    if override_no_go is not None and not going_on:
        raise UsageError("override_no_go needs go_on_in: only a verdict that stands is overridden.")
    request = build_request(
        preset=None if going_on else presets()[preset],
        stages=None if going_on else [stages()[name] for name in stage_names],
        seed=None if going_on else seed,
        out=existing_pipeline(go_on_in) if going_on else new_folder,
        overrides=[text.strip() for text in overrides],
        note=changed.strip(),
        expectation=expected.strip(),
        on_conditional=on_conditional,
        wait_h=wait_h,
        on_timeout=on_timeout,
        override_no_go=override_no_go,
        name=overridden_by.strip() if override_no_go else "",
        reason=override_reason.strip() if override_no_go else "",
        retrain=False,
        live=live_mode(live_gate),
    )
    return request.model_copy(update={"retried": retried})


def one_stage(
    *,
    pipeline: Path,
    stage: str,
    overrides: Sequence[str],
    changed: str,
    expected: str,
    live_gate: str,
    resume: bool,
    retried: bool,
) -> PipelineRequest:
    """Return the request of `single-stage`: preset, seed and overrides are the pipeline's own.

    Raises:
        UsageError: The pipeline's state cannot be read.
    """
    request = build_request(
        preset=None,
        stages=[_stage_of(pipeline, stage)],
        seed=None,
        out=pipeline,
        overrides=[text.strip() for text in overrides],
        note=changed.strip(),
        expectation=expected.strip(),
        retrain=True,
        resume=resume,
        live=live_mode(live_gate),
    )
    return request.model_copy(update={"retried": retried})


def new_pipeline_folder(preset: str, seed: int, created: datetime, flow_run: UUID) -> Path:
    """Return the folder of a flow run's pipeline: the same one whenever that run is retried."""
    return runs_folder() / default_directory(preset, seed, stamp(created, flow_run)).name


def stamp(created: datetime, flow_run: UUID) -> str:
    """Return what tells a flow run's folder from others, the same whenever that run is retried."""
    return f"{created.astimezone():%Y%m%d-%H%M%S}-{str(flow_run)[:4]}"


def existing_pipeline(name: str) -> Path:
    """Return the pipeline directory that a form names; an empty name means the newest one.

    Raises:
        UsageError: There is none.
    """
    known = newest_pipelines()
    if not name.strip():
        if not known:
            raise UsageError(f"There is no pipeline below {runs_folder()} yet.")
        return known[0]
    path = pipeline_folder(name)
    if not (path / PIPELINE_FILE).is_file():
        there = ", ".join(folder.name for folder in known[:_SHOWN]) or "none"
        raise UsageError(f"{path} is no pipeline directory. The newest ones: {there}.")
    return path


def newest_pipelines() -> list[Path]:
    """List the pipeline directories below the runs folder, the one that changed last first."""
    records = list(runs_folder().glob(f"*/{PIPELINE_FILE}"))
    records.sort(key=lambda path: path.stat().st_mtime, reverse=True)
    return [path.parent for path in records]


def _stage_of(pipeline: Path, name: str) -> str:
    """Return the stage as the pipeline knows it: its own file may have the name of a shipped one."""
    record = read_record(pipeline)
    for asked in record.stages_asked if record else ():
        if asked == name or Path(asked).stem == name:
            return asked
    return stages()[name]


def live_mode(choice: str) -> LiveMode | None:
    """Return what `--live` takes for a choice of the form."""
    modes: dict[str, LiveMode | None] = {BY_STAGE_FILE: None, "stop": "stop", "warn": "warn"}
    return modes.get(choice, "off")
