"""Gets a decision about a CONDITIONAL, as the request asks for, and records it."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path

from flows.decisions.judged import Judged
from flows.errors import UsageError
from flows.records.decisions import (
    Decision,
    Kind,
    Terms,
    Way,
    gate_json_sha256,
    newest_decision,
    user_name,
    write_decision,
)
from flows.records.state_record import WaitRecord, utc_now
from flows.settings.shell_path import shell_path
from gates.findings import Verdict
from reports.stage.markdown import REPORT_NAME
from reports.text.escaping import code_markdown, escape_markdown

POLL_S = 1.0
NOBODY = "nobody"
"""Who approves when the time is over."""


def settle(judged: Judged, terms: Terms, say: Callable[[str], None]) -> Decision | None:
    """Return the decision about a verdict; where it needs one, get it as the terms say.

    Args:
        judged: Judgement of a stage after which another one comes.
        terms: Whether to stop, to wait or to go on after a CONDITIONAL.
        say: Tells a person that the pipeline waits, and for what.
    """
    if judged.undecided and terms.on_conditional == "continue":
        reason = "the pipeline was asked to continue after a CONDITIONAL"
        record_decision(judged.folder, by=user_name(), reason=reason, way="setting")
    elif judged.undecided and terms.on_conditional == "wait":
        _wait(judged, terms, say)
    return note_decision(judged)


def note_decision(judged: Judged) -> Decision | None:
    """Return the newest decision; let the state file and the reports show it where they do not yet."""
    decision, entry = newest_decision(judged.folder), judged.entry
    if decision != entry.decision:
        judged.show()
    elif entry.waits is not None:
        judged.save()
    return decision


def override_no_go(judged: Judged, *, by: str, reason: str, why_not: str | None) -> None:
    """Record that a person overrides a NO_GO, once for the same person and reason.

    Only a verdict that stands can be overridden: nobody overrides what was not read yet.

    Args:
        judged: What ended NO_GO.
        by: Who overrides it.
        reason: Why.
        why_not: Why the verdict does not stand, for instance another recipe; None when it does.

    Raises:
        UsageError: There is no NO_GO that stands.
        OutputError: The decision cannot be written.
    """
    verdict = judged.entry.verdict
    if verdict is not Verdict.NO_GO:
        why_not = f"{judged.name} ended {verdict.value if verdict else 'without a verdict'}"
    if why_not is not None:
        raise no_override(judged.stage, why_not)
    newest = newest_decision(judged.folder)
    if newest is None or (newest.by, newest.reason) != (by, reason):
        record_decision(judged.folder, kind="overridden", by=by, reason=reason, way="setting")
        judged.show()


def no_override(subject: str, why_not: str) -> UsageError:
    """Return the error for a NO_GO that cannot be overridden, as there is none that stands."""
    return UsageError(
        f"There is no NO_GO of {subject} to override: {why_not}. Only a verdict that stands can be "
        "overridden."
    )


def record_decision(
    folder: Path, *, by: str, reason: str, way: Way, kind: Kind = "approved"
) -> Decision:
    """Write a decision about the verdict in a judged folder.

    Raises:
        ValidationError: Name or reason is empty or too long.
        OutputError: It cannot be written.
    """
    decision = Decision(
        kind=kind,
        by=by,
        reason=reason,
        decided_at=utc_now(),
        way=way,
        verdict="NO_GO" if kind == "overridden" else "CONDITIONAL",
        gate_json_sha256=gate_json_sha256(folder) or "",
    )
    write_decision(folder, decision)
    return decision


def _wait(judged: Judged, terms: Terms, say: Callable[[str], None]) -> None:
    """Wait for a decision on Prefect's page, or for its file where no page can show a form."""
    from flows.decisions.form import place

    page = place()
    end = datetime.now(timezone.utc) + timedelta(hours=terms.wait_h)
    until = end.isoformat(timespec="seconds")
    where = {"flow_run": page.flow_run, "api_url": page.api_url} if page else {}
    judged.save(WaitRecord(since=utc_now(), until=until, **where))
    say(
        f"{judged.stage}: CONDITIONAL, {judged.entry.deciding} Waiting until {until} for: "
        f'gonogo approve {shell_path(judged.folder)} --reason "..."'
    )
    if page is not None:
        _ask_in_the_form(judged, terms)
        return
    deadline = time.monotonic() + terms.wait_h * 3600
    while newest_decision(judged.folder) is None:
        if time.monotonic() >= deadline:
            if terms.on_timeout == "continue":
                reason = terms.time_is_over
                record_decision(judged.folder, by=NOBODY, reason=reason, way="time-out")
            return
        time.sleep(POLL_S)


def _ask_in_the_form(judged: Judged, terms: Terms) -> None:
    """Suspend the flow run until a person has decided, then record the decision."""
    from flows.decisions.form import DecisionForm, ask

    by_time_out = False

    def time_out() -> DecisionForm:
        nonlocal by_time_out
        by_time_out = True
        return DecisionForm(name=NOBODY, reason=terms.time_is_over)

    answer = ask(
        question(judged.subject, judged.entry.deciding, judged.folder / REPORT_NAME),
        # A flow run that begins anew finds the answer by this key.
        key=f"{judged.stage}-{judged.name}",
        timeout_s=terms.wait_h * 3600,
        at_timeout=time_out if terms.on_timeout == "continue" else None,
    )
    # Otherwise it was decided on the command line, which then resumed us.
    if newest_decision(judged.folder) is None:
        record_decision(
            judged.folder,
            kind="approved" if answer.decision == "approve" else "rejected",
            by=answer.name,
            reason=answer.reason,
            way="time-out" if by_time_out else "Prefect",
        )


def question(subject: str, deciding: str, report: Path) -> str:
    """Write what a person is asked, as Markdown."""
    return "\n\n".join(
        (
            f"**{escape_markdown(subject)} ended CONDITIONAL.** {escape_markdown(deciding)}",
            f"Read its report first: {code_markdown(report)}, or the artifact of this run.",
            "May the next stage start?",
        )
    )
