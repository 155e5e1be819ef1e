"""Tells a pipeline that waits for a person's decision that it was made on the command line."""

from __future__ import annotations

import os
from pathlib import Path

from flows.commands.terminal import say
from flows.prefect_environment import home_for, prepare_environment
from flows.records.decisions import Decision
from flows.records.state_record import WaitRecord


def wake(waits: WaitRecord, out: Path, decision: Decision) -> bool:
    """Resume the flow run that waits; a pipeline that waits in its own process sees the decision's file.

    Args:
        waits: What is recorded of the waiting.
        out: Directory of the pipeline or of the group.
        decision: What was decided.

    Returns:
        False when its flow run cannot be resumed; a sentence said why.
    """
    if not waits.flow_run:
        say("The pipeline that waits for it goes on by itself.")
        return True
    os.environ.setdefault("PREFECT_API_URL", waits.api_url)
    prepare_environment(home_for(out))
    from flows.pages.decision_form import ResumeError, resume_waiting

    try:
        resume_waiting(waits.flow_run, decision)
    except ResumeError as error:
        say(f"Its flow run could not be resumed: {error}")
        return False
    say(f"Resumed flow run {waits.flow_run}.")
    return True
