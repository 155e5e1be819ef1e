"""What people decided about a verdict: numbered files next to gate.json, never changed, never replaced.

gate.json stays what the gate found. A decision names the gate.json it is about by its hash, so it does
not apply to another judgement of the same folder.
"""

from __future__ import annotations

import contextlib
import getpass
import hashlib
import itertools
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from flows.errors import UsageError, writing
from flows.records.stored_result import GATE_FILE, JOINT_FILE
from flows.settings.mistakes import message_of
from reports.text.escaping import one_line

LONGEST_NAME, LONGEST_REASON = 100, 2_000


def _plain(text: str) -> str:
    line = " ".join(one_line(text, longest=2 * LONGEST_REASON).split())
    if not line:
        raise ValueError("must not be empty")
    return line


Name = Annotated[str, Field(min_length=1, max_length=LONGEST_NAME), AfterValidator(_plain)]
Reason = Annotated[str, Field(min_length=1, max_length=LONGEST_REASON), AfterValidator(_plain)]
Kind = Literal["approved", "rejected", "overridden"]
Way = Literal["command line", "Prefect", "setting", "time-out"]


class Signed(BaseModel):
    """Who decides, and why."""

    model_config = ConfigDict(extra="ignore", frozen=True, defer_build=True)

    by: Name
    reason: Reason


class Decision(Signed):
    """One decision about one verdict."""

    format: Literal[1] = 1
    kind: Kind
    """`approved` and `rejected` are about a CONDITIONAL, `overridden` is about a NO_GO."""
    decided_at: str
    """UTC, ISO 8601."""
    way: Way
    """How the decision reached us."""
    verdict: Literal["CONDITIONAL", "NO_GO"]
    """What was decided about."""
    gate_json_sha256: str
    """Of the gate.json that was decided about."""

    @property
    def goes_on(self) -> bool:
        """True when the next stage may start."""
        return self.kind != "rejected"

    @property
    def outcome(self) -> str:
        """`CONDITIONAL, approved by the reviewer`."""
        return f"{self.verdict}, {self.kind} by {self.by}"

    @property
    def text(self) -> str:
        """`CONDITIONAL, approved by the reviewer: known spike at step 40,000`."""
        return f"{self.outcome}: {self.reason}"


def read_decisions(folder: Path) -> tuple[Decision, ...]:
    """Return the decisions about the gate.json of a run folder as it is now, oldest first.

    Files that hold no decision, or one about another gate.json, are ignored.
    """
    paths = list(itertools.takewhile(Path.exists, _numbered(folder)))
    judged = gate_json_sha256(folder) if paths else None
    found = []
    for path in paths:
        try:
            decision = Decision.model_validate_json(path.read_bytes())
        except (OSError, ValidationError):
            continue
        if judged is not None and decision.gate_json_sha256 == judged:
            found.append(decision)
    return tuple(found)


def newest_decision(folder: Path) -> Decision | None:
    """Return the decision that counts: the last one."""
    decisions = read_decisions(folder)
    return decisions[-1] if decisions else None


def write_decision(folder: Path, decision: Decision) -> Path:
    """Write the decision next to earlier ones, whole or not at all.

    Raises:
        OutputError: The folder cannot be written.
    """
    with writing("The decision", folder):
        descriptor, temporary = tempfile.mkstemp(prefix=".decision.", dir=folder)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(decision.model_dump_json(indent=2) + "\n")
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).chmod(0o644)
            for path in _numbered(folder):
                # Unlike a rename, a link never replaces what another person decided meanwhile.
                with contextlib.suppress(FileExistsError):
                    path.hardlink_to(temporary)
                    return path
        finally:
            Path(temporary).unlink(missing_ok=True)
    raise AssertionError("unreachable")


def _numbered(folder: Path) -> Iterator[Path]:
    """Return the names that decisions take, one after the other and without gaps."""
    return (folder / f"decision-{number:03d}.json" for number in itertools.count(1))


def gate_json_sha256(folder: Path) -> str | None:
    """Return the hash of a folder's gate.json, or of its joint.json; None without either."""
    for name in (GATE_FILE, JOINT_FILE):
        with contextlib.suppress(OSError):
            return hashlib.sha256((folder / name).read_bytes()).hexdigest()
    return None


def signed(name: str, reason: str, *, before: str = "") -> Signed:
    """Return who decides and why; the login name stands for an empty one.

    Raises:
        UsageError: The reason is missing, or one of the two is too long; `before` begins the sentence.
    """
    try:
        return Signed(by=name or user_name(), reason=reason)
    except ValidationError as error:
        first = error.errors()[0]
        option = "--name" if first["loc"] == ("by",) else "--reason"
        raise UsageError(f"{before}{option}: {message_of(first)}.") from None


def user_name() -> str:
    """Return the login name of the user of this process."""
    try:
        return one_line(getpass.getuser()).strip() or "unknown"
    except (OSError, KeyError):
        return f"user {os.getuid()}"
