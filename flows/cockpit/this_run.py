"""What a flow asks about its own run."""

from __future__ import annotations

from datetime import datetime, timezone
from uuid import UUID, uuid4

from prefect.context import FlowRunContext


def flow_run_id() -> UUID:
    """Return the id of the flow run that is going on."""
    context = FlowRunContext.get()
    run = context.flow_run if context else None
    return run.id if run else uuid4()


def created_at() -> datetime:
    """Return when the flow run was created; a retry does not change it."""
    context = FlowRunContext.get()
    run = context.flow_run if context else None
    return run.created if run and run.created else datetime.now(timezone.utc)


def is_retried() -> bool:
    """Tell whether this flow run was begun before."""
    context = FlowRunContext.get()
    run = context.flow_run if context else None
    return bool(run and run.run_count > 1)
