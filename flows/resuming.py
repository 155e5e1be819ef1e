"""Resumes a Prefect flow run that was suspended until a person decides."""

from __future__ import annotations

from uuid import UUID

from prefect.exceptions import PrefectException
from prefect.flow_runs import resume_flow_run

from flows.records.decisions import Decision


class ResumeError(Exception):
    """The flow run cannot be resumed; the text says why."""


def resume_waiting(flow_run: str, decision: Decision) -> None:
    """Resume a suspended flow run with the decision that a person made.

    Raises:
        ResumeError: The server is away, or the flow run does not wait any more.
    """
    choice = "approve" if decision.goes_on else "reject"
    answer = {"decision": choice, "name": decision.by, "reason": decision.reason}
    try:
        resume_flow_run(UUID(flow_run), run_input=answer)
    except (PrefectException, OSError, RuntimeError) as error:
        raise ResumeError(str(error)) from error
