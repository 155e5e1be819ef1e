"""Gets a decision about a CONDITIONAL, as the request asks for, and records it."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path

from flows.decisions.judged import Judged
from flows.records.decisions import (
    Decision,
    Kind,
    Signed,
    Way,
    gate_json_sha256,
    newest_decision,
    signed,
    write_decision,
)
from flows.records.json_file import utc_now
from flows.records.state_record import WaitRecord
from flows.settings.run_options import RunOptions
from flows.settings.shell_path import shell_path
from reports.stage.markdown import REPORT_NAME
from reports.text.escaping import code_markdown, escape_markdown

POLL_S = 1.0
NOBODY = "nobody"
"""Who approves when the time is over."""


def settle(judged: Judged, options: RunOptions, say: Callable[[str], None]) -> Decision | None:
    """Return the decision about a verdict after which another stage comes; where it needs one, get it as asked."""
    if judged.undecided and options.on_conditional == "continue":
        reason = "the pipeline was asked to continue after a CONDITIONAL"
        record_decision(judged.folder, signed("", reason), way="setting")
    elif judged.undecided and options.on_conditional == "wait":
        _wait(judged, options, say)
    return note_decision(judged)


def note_decision(judged: Judged) -> Decision | None:
    """Return the newest decision; let the state file and the reports show it where they do not yet."""
    decision, entry = newest_decision(judged.folder), judged.entry
    if decision != entry.decision:
        judged.show()
    elif entry.waits is not None:
        judged.save()
    return decision


def record_decision(
    folder: Path, signature: Signed, *, way: Way, kind: Kind = "approved"
) -> Decision:
    """Write a decision about the verdict in a judged folder.

    Raises:
        OutputError: It cannot be written.
    """
    decision = Decision(
        kind=kind,
        by=signature.by,
        reason=signature.reason,
        decided_at=utc_now(),
        way=way,
        verdict="NO_GO" if kind == "overridden" else "CONDITIONAL",
        gate_json_sha256=gate_json_sha256(folder) or "",
    )
    write_decision(folder, decision)
    return decision


def _wait(judged: Judged, options: RunOptions, say: Callable[[str], None]) -> None:
    """Wait for a decision on Prefect's page, or for its file where no page can show a form."""
    from flows.decisions.form import place

    page = place()
    end = datetime.now(timezone.utc) + timedelta(hours=options.wait_h)
    until = end.isoformat(timespec="seconds")
    where = {"flow_run": page.flow_run, "api_url": page.api_url} if page else {}
    judged.save(WaitRecord(since=utc_now(), until=until, **where))
    say(
        f"{judged.stage}: CONDITIONAL, {judged.entry.deciding} Waiting until {until} for: "
        f'gonogo approve {shell_path(judged.folder)} --reason "..."'
    )
    if page is not None:
        _ask_in_the_form(judged, options)
        return
    deadline = time.monotonic() + options.wait_h * 3600
    while newest_decision(judged.folder) is None:
        if time.monotonic() >= deadline:
            if options.on_timeout == "continue":
                record_decision(judged.folder, _time_is_over(options), way="time-out")
            return
        time.sleep(POLL_S)


def _time_is_over(options: RunOptions) -> Signed:
    reason = f"{options.wait_h:g} h went by, after which the pipeline was asked to continue"
    return Signed(by=NOBODY, reason=reason)


def _ask_in_the_form(judged: Judged, options: RunOptions) -> None:
    """Suspend the flow run until a person has decided, then record the decision."""
    from flows.decisions.form import DecisionForm, ask

    by_time_out = False

    def time_out() -> DecisionForm:
        nonlocal by_time_out
        by_time_out = True
        return DecisionForm(name=NOBODY, reason=_time_is_over(options).reason)

    answer = ask(
        question(judged.subject, judged.entry.deciding, judged.folder / REPORT_NAME),
        # A flow run that begins anew finds the answer by this key.
        key=f"{judged.stage}-{judged.name}",
        timeout_s=options.wait_h * 3600,
        at_timeout=time_out if options.on_timeout == "continue" else None,
    )
    # Otherwise it was decided on the command line, which then resumed us.
    if newest_decision(judged.folder) is None:
        record_decision(
            judged.folder,
            Signed(by=answer.name, reason=answer.reason),
            kind="approved" if answer.decision == "approve" else "rejected",
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
