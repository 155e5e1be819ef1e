"""What a flow asks about its own run."""

from __future__ import annotations

from datetime import datetime, timezone
from uuid import UUID, uuid4

from prefect.client.schemas import FlowRun
from prefect.context import FlowRunContext


def flow_run_id() -> UUID:
    """Return the id of this flow run."""
    run = _flow_run()
    return run.id if run else uuid4()


def created_at() -> datetime:
    """Return when this flow run was created; a retry does not change it."""
    run = _flow_run()
    return run.created if run and run.created else datetime.now(timezone.utc)


def began_at() -> str:
    """Return `created_at` as records hold times."""
    return created_at().astimezone(timezone.utc).isoformat(timespec="seconds")


def is_retried() -> bool:
    """Tell whether this flow run was started before: by Retry, or by Resume after a decision."""
    run = _flow_run()
    return bool(run and run.run_count > 1)


def _flow_run() -> FlowRun | None:
    context = FlowRunContext.get()
    return context.flow_run if context else None
