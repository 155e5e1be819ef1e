"""Builds the request of a pipeline from the options of the command line."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from flows.errors import UsageError
from flows.pipeline.request import (
    LONGEST_WAIT_H,
    NoGoOverride,
    OnConditional,
    OnTimeout,
    PipelineRequest,
)
from flows.records.decisions import user_name
from flows.records.run_dir import default_directory, read_record
from flows.settings.plan import DEFAULT_PRESET, SEED_LIMIT
from flows.settings.setting_files import DEFAULT_STAGES, is_path
from flows.settings.supervision import LiveMode
from flows.settings.warm_start import Carry, parse_warm_start


def build_request(
    *,
    preset: str | None,
    stages: Sequence[str] | None,
    seed: int | None,
    out: Path | None,
    overrides: Sequence[str],
    note: str,
    expectation: str = "",
    retrain: bool,
    resume: bool = False,
    live: LiveMode | None = None,
    on_conditional: OnConditional = "stop",
    wait_h: float = 72.0,
    on_timeout: OnTimeout = "stop",
    override_no_go: str | None = None,
    reason: str = "",
    name: str = "",
    warm_start: str | None = None,
    carry: Carry | None = None,
) -> PipelineRequest:
    """Fill in what was not given: from the pipeline that `out` holds, else from the defaults.

    Raises:
        UsageError: The folder's pipeline.json or the seed cannot be used.
    """
    record = read_record(out) if out else None
    preset = preset or (record.preset_source if record else DEFAULT_PRESET)
    if seed is None:
        seed = record.seed if record else 0
    if not 0 <= seed < SEED_LIMIT:
        raise UsageError(f"--seed {seed}: must be at least 0 and below {SEED_LIMIT}.")
    check_wait(wait_h)
    if out is None:
        recipe = Path(preset).stem if is_path(preset) else preset
        out = unused_folder(default_directory(recipe, seed, time.strftime("%Y%m%d-%H%M%S")))
    return PipelineRequest(
        preset=preset,
        stages=tuple(stages or (record.stages_asked if record else ()) or DEFAULT_STAGES),
        seed=seed,
        overrides=merge_overrides(record.overrides if record else (), overrides),
        out=out.absolute(),
        note=note,
        expectation=expectation,
        retrain=retrain,
        resume=resume,
        live=live,
        on_conditional=on_conditional,
        wait_h=wait_h,
        on_timeout=on_timeout,
        override_no_go=no_go_override(override_no_go, name, reason),
        warm_start=parse_warm_start(warm_start, carry),
    )


def check_wait(wait_h: float) -> None:
    """Refuse a time to wait that is none.

    Raises:
        UsageError: With what is allowed.
    """
    if not 0 < wait_h <= LONGEST_WAIT_H:
        raise UsageError(f"--wait-h {wait_h:g}: must be above 0 and at most {LONGEST_WAIT_H:,}.")


def no_go_override(stage: str | None, name: str, reason: str) -> NoGoOverride | None:
    """Return the order to go on after a NO_GO, with who gave it and why.

    Raises:
        UsageError: The reason is missing or too long.
    """
    if stage is None:
        if reason or name:
            raise UsageError("--reason and --name belong to --override-no-go.")
        return None
    try:
        return NoGoOverride(stage=stage, name=name or user_name(), reason=reason)
    except ValidationError as error:
        first = error.errors()[0]
        raise UsageError(f"--override-no-go needs --reason: {first['msg']}.") from None


def merge_overrides(old: Sequence[str], new: Sequence[str]) -> tuple[str, ...]:
    """Return the old overrides with the new ones; for the same key the new one counts."""
    keys = {text.partition("=")[0].strip() for text in new}
    return (*(text for text in old if text.partition("=")[0].strip() not in keys), *new)


def unused_folder(path: Path) -> Path:
    """Return `path`, or with a number behind it when somebody started in the same second."""
    number = 1
    candidate = path
    while candidate.exists():
        number += 1
        candidate = path.with_name(f"{path.name}-{number}")
    return candidate
