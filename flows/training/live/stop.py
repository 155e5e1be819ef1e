"""Says in one sentence where the live gate stopped a run and what that saved."""

from __future__ import annotations

from flows.records.pipeline_record import LiveStopRecord
from gates.text import format_duration


def live_stop_sentence(stop: LiveStopRecord) -> str:
    """Return where, what it saved and why, without a full stop."""
    saved = f", saved about {format_duration(stop.saved_s)}" if stop.saved_s is not None else ""
    return (
        f"Stopped at step {stop.step:,} of {stop.planned_steps:,}{saved}, by the live gate: "
        f"{stop.title}: {stop.reason.rstrip('.')}"
    )
