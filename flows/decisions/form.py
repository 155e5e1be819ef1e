"""The form on Prefect's page with which a person decides about a CONDITIONAL, and its answer."""

from __future__ import annotations

import itertools
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from httpx import HTTPError
from prefect.context import FlowRunContext
from prefect.exceptions import PrefectException
from prefect.flow_runs import pause_flow_run, resume_flow_run, suspend_flow_run
from prefect.input import RunInput
from prefect.input.actions import read_flow_run_input
from prefect.input.run_input import keyset_from_base_key
from prefect.settings import PREFECT_API_URL, PREFECT_CLIENT_MAX_RETRIES, temporary_settings
from pydantic import Field

from flows.records.decisions import LONGEST_NAME, LONGEST_REASON, Decision

_SLACK_S = 3_600
"""The server must not give up before we do."""


class ResumeError(Exception):
    """The flow run cannot be resumed; the text says why."""


class DecisionForm(RunInput):
    """What a person fills in."""

    decision: Literal["approve", "reject"] = Field(
        default="approve", description="approve: the next stage starts. reject: the pipeline ends."
    )
    name: str = Field(min_length=1, max_length=LONGEST_NAME, description="Who decides.")
    reason: str = Field(
        min_length=1, max_length=LONGEST_REASON, description="Why; it stands in every report."
    )


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where the form is shown."""

    flow_run: str
    """Id of the flow run that waits."""
    api_url: str


def place() -> Place | None:
    """Return where a form can be shown; None in a flow run that nobody could start again."""
    context = FlowRunContext.get()
    if context is None or context.flow_run is None or context.flow_run.deployment_id is None:
        return None
    return Place(flow_run=str(context.flow_run.id), api_url=PREFECT_API_URL.value() or "")


def ask(
    question: str, *, key: str, timeout_s: float, at_timeout: Callable[[], DecisionForm] | None
) -> DecisionForm:
    """Suspend the flow run until a person has filled in the form; then return what was filled in.

    The process ends while nobody has answered. After the answer the flow begins anew and comes here
    again, so that whatever comes before must do nothing twice.

    Args:
        question: Markdown above the form.
        key: Names what is asked; the same key finds the answer again.
        timeout_s: After this time the server fails the flow run.
        at_timeout: Answers when nobody did; then the process stays and nothing fails.
    """
    form = DecisionForm.with_initial_data(description=question)
    for number in itertools.count(1):
        name = f"{key}-{number}"
        kept = keyset_from_base_key(f"{'paused' if at_timeout else 'suspended'}-{name}")
        if _has_input(kept["schema"]) and not _has_input(kept["response"]):
            # Nobody answered in time, and the flow run was started again: ask again.
            continue
        if at_timeout is not None:
            return _ask_and_stay(form, name, timeout_s, at_timeout)
        return suspend_flow_run(wait_for_input=form, timeout=round(timeout_s), key=name)
    raise AssertionError("unreachable")


def _ask_and_stay(
    form: type[DecisionForm], key: str, timeout_s: float, at_timeout: Callable[[], DecisionForm]
) -> DecisionForm:
    context = FlowRunContext.get()
    assert context is not None
    assert context.flow_run is not None
    flow_run = str(context.flow_run.id)

    def answer() -> None:
        try:
            _resume(flow_run, at_timeout())
        except ResumeError as error:
            logging.getLogger(__name__).warning("The time-out could not be told: %s", error)

    timer = threading.Timer(timeout_s, answer)
    timer.daemon = True
    timer.start()
    try:
        return pause_flow_run(wait_for_input=form, timeout=round(timeout_s) + _SLACK_S, key=key)
    finally:
        timer.cancel()


def _has_input(key: str) -> bool:
    return read_flow_run_input(key) is not None


def resume_waiting(flow_run: str, decision: Decision) -> None:
    """Resume a flow run that waits, with the decision that a person made elsewhere.

    Raises:
        ResumeError: The server is away, or the flow run does not wait any more.
    """
    choice: Literal["approve", "reject"] = "approve" if decision.goes_on else "reject"
    _resume(flow_run, DecisionForm(decision=choice, name=decision.by, reason=decision.reason))


def _resume(flow_run: str, answer: DecisionForm) -> None:
    try:
        # Whoever asked for it waits; a server that is away should show soon.
        with temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 2}):
            resume_flow_run(UUID(flow_run), run_input=answer.model_dump(mode="json"))
    except (PrefectException, HTTPError, OSError, RuntimeError) as error:
        raise ResumeError(str(error) or type(error).__name__) from error
