"""Duration of the next stage, from the speed that was measured."""

from __future__ import annotations

import numpy as np
from msgspec import Struct

from gates.series import EventLog
from gates.text import format_count, format_duration, format_number
from reports.context import NextStage, Speed

_TAIL_SHARE = 0.2


class StageCost(Struct, frozen=True, kw_only=True):
    """What the next stage takes on this machine; all fields are text."""

    stage: str
    steps: str
    measured: str
    """Speed of the judged run and what it was measured over."""
    duration: str
    """At the average speed."""
    late_speed: str
    """Speed of the last logged updates; empty when it was not logged."""
    late_duration: str
    """At that speed."""


def next_stage_cost(
    next_stage: NextStage | None, speed: Speed | None, log: EventLog, last_step: int | None
) -> StageCost | None:
    """Estimate the next stage's duration; None when there is no next stage or no speed."""
    if next_stage is None:
        return None
    measured = speed if speed is not None and _positive(speed.steps_per_s) else None
    measured = measured or speed_of_log(log, last_step)
    if measured is None or not _positive(measured.steps_per_s):
        return None
    rate = measured.steps_per_s or 0.0
    text = f"{format_number(rate, digits=3)} steps/s"
    if measured.training_s is not None:
        text += f" over {format_duration(measured.training_s)}"
    late = _late_speed(log)
    return StageCost(
        stage=next_stage.name,
        steps=format_count(next_stage.steps),
        measured=text,
        duration=format_duration(next_stage.steps / rate),
        late_speed=f"{format_number(late, digits=3)} steps/s" if late else "",
        late_duration=format_duration(next_stage.steps / late) if late else "",
    )


def speed_of_log(log: EventLog, last_step: int | None) -> Speed | None:
    """Measure the speed from the wall times of the event files, when nobody else measured it."""
    starts = [file.first_wall_time for file in log.files if file.first_wall_time is not None]
    ends = [file.last_wall_time for file in log.files if file.last_wall_time is not None]
    if not starts or not ends or not last_step or len(log.files) > 1:
        # Several attempts may have had hours between them.
        return None
    duration_s = max(ends) - min(starts)
    if not _positive(duration_s):
        return None
    return Speed(steps_per_s=last_step / duration_s, training_s=duration_s)


def _positive(value: float | None) -> bool:
    return value is not None and bool(np.isfinite(value)) and value > 0


def _late_speed(log: EventLog) -> float | None:
    series = log.series.get("time/steps_per_s")
    if series is None:
        return None
    values = series.values[np.isfinite(series.values) & (series.values > 0)]
    if not len(values):
        return None
    return float(np.median(values[-max(1, round(len(values) * _TAIL_SHARE)) :]))
