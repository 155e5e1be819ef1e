"""Findings about the event files themselves: damage, and what an independent reader says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gates.findings import Finding, Outcome
from gates.runs.dialect_file import UNKNOWN, Dialect
from gates.runs.translate import detect, match
from gates.second_reader.tbparse_reader import Read, read_files
from gates.series import Damage, EventLog
from gates.tags import CANONICAL_TAGS
from gates.text import format_plural, format_share

SECOND_READER = "independent_reader"
"""Type of the finding about the second reading."""
TOLERATED_LOSS = 0.01
"""Share of a file or of its records whose loss is a warning; more is INCONCLUSIVE."""
ONE_RECORD_BYTES = 65_536
"""No single record of scalars is larger; a torn tail beyond this hides more than the last one."""


def files_intact(log: EventLog) -> Finding:
    """Judge what could not be read."""
    sizes = {file.path: file.size_bytes for file in log.files}
    records = {file.path: file.records for file in log.files}
    shares = [_lost_share(d, sizes.get(d.path, 0), records.get(d.path, 0)) for d in log.damage]
    lost = sum(shares)
    total = sum(records.values())
    places = len(log.damage)
    outcome, fact = Outcome.PASS, ""
    text = f"{format_plural(total, 'record')} in {format_plural(len(log.files), 'file')} read without damage"
    numbers: dict[str, Any] = {
        "value": float(places),
        "limit": 0.0,
        "statistic": "damaged places in the event files",
    }
    if log.damage:
        first = log.damage[0]
        kinds = ", ".join(sorted({d.kind for d in log.damage}))
        shown = format_plural(places, "damaged place")
        text = (
            f"{shown} ({kinds}), first in {first.path.name} at byte {first.offset:,}: "
            f"{first.note.rstrip('.')}; about {lost:.1%} of the data is lost"
        )
        outcome, fact = Outcome.WARN, f"{shown} in the event files"
    if lost > TOLERATED_LOSS:
        outcome = Outcome.INCONCLUSIVE
        fact = f"not decided, about {format_share(lost)} of the data could not be read"
        numbers = {
            "value": lost,
            "limit": TOLERATED_LOSS,
            "statistic": "share of the data that could not be read",
            "unit": "share",
        }
    return Finding(
        check="files_intact",
        type="files_intact",
        title="Event files intact",
        outcome=outcome,
        required=True,
        reason=f"{text}.",
        fact=fact,
        direction="max",
        points=total,
        rationale="A verdict on what is left of a damaged file may miss what was lost.",
        limit_source="a torn last record is normal when a run is cut off; more is not",
        group="integrity",
        **numbers,
    )


def all_files_read(log: EventLog) -> Finding | None:
    """Find event files that are there in compressed form alone; what is left says nothing about the whole run."""
    if not log.compressed:
        return None
    count, first = len(log.compressed), log.compressed[0]
    these = f"{first} is" if count == 1 else f"{first} and {count - 1} more event files are"
    return Finding(
        check="all_files_read",
        type="all_files_read",
        title="All event files read",
        outcome=Outcome.WARN,
        required=True,
        reason=(
            f"{these} compressed, so a part of the run is missing and nothing else was judged. Unpack "
            f"{'it' if count == 1 else 'them'} in {log.files[0].path.parent}, or move {'it' if count == 1 else 'them'} "
            "away if of another run, and judge again."
        ),
        fact=f"not judged, {these} compressed; unpack and judge again",
        value=float(count),
        limit=0.0,
        direction="max",
        statistic="event files that are there in compressed form alone",
        points=count,
        rationale="Checks take what was logged for the whole run; half of one may pass or fail in their place.",
        limit_source="every event file of a run is read",
        group="integrity",
    )


def declared_dialect(log: EventLog, dialect: Dialect) -> Finding | None:
    """Find a declared dialect whose tags are all absent while another one's are there; else None."""
    own_names = dialect.tags or CANONICAL_TAGS
    if match(log, dialect) > 0 or any(tag in log.series for tag in own_names):
        return None
    fitting = detect(log)
    if fitting is UNKNOWN or fitting.name == dialect.name:
        return None
    return Finding(
        check="declared_dialect",
        type="declared_dialect",
        title="Tags are those of the declared dialect",
        outcome=Outcome.INCONCLUSIVE,
        required=True,
        reason=(
            f"declared is {dialect.name}, of whose tags none is logged; the tags are those of "
            f"{fitting.name} ({fitting.title}). Set the dialect to {fitting.name}."
        ),
        fact=f"not decided, declared is {dialect.name}, the tags are those of {fitting.name}",
        points=len(log.series),
        rationale="Read under wrong names, values that matter are missing.",
        limit_source="signatures in config/dialects",
        group="integrity",
    )


def _lost_share(damage: Damage, size: int, records: int) -> float:
    if damage.kind == "zeros":
        return 0.0
    if damage.kind == "torn_tail":
        lost = max(0, size - damage.offset)
        return lost / size if size and lost > ONE_RECORD_BYTES else 0.0
    if damage.kind == "bad_length":
        return max(0, size - damage.offset) / size if size else 1.0
    return 1.0 / max(1, records)


def independent_reader(log: EventLog, directory: Path, read: Read = read_files) -> Finding:
    """Read the same files with another reader and compare; a difference that damage does not explain is no GO."""
    from gates.second_reader.compare import STRETCHES, WHOLE_POINTS, cross_check

    check = cross_check(log, directory, read)
    points = sum(map(len, log.series.values()))
    compared = f"{check.compared_points:,} points"
    if points > WHOLE_POINTS:
        compared = f"{compared} of {points:,}, in {STRETCHES} stretches of each file,"
    shown = "; ".join(str(d) for d in check.differences[:3])
    more = f" and {len(check.differences) - 3} more" if len(check.differences) > 3 else ""
    if check.agrees:
        outcome, text = Outcome.PASS, "agree"
    elif check.explained_by_damage:
        outcome, text = Outcome.PASS, f"differ only where files are damaged ({shown}{more})"
    else:
        outcome, text = Outcome.INCONCLUSIVE, f"differ: {shown}{more}"
    unexplained = 0 if outcome is Outcome.PASS else len(check.differences)
    count = format_plural(unexplained, "difference")
    return Finding(
        check=SECOND_READER,
        type=SECOND_READER,
        title="A second reader agrees",
        outcome=outcome,
        required=True,
        reason=f"{compared} of {check.compared_tags:,} tags read with {check.reader} {text}.",
        fact=f"not decided, {count} between two readers of the files" if unexplained else "",
        value=float(unexplained),
        limit=0.0,
        direction="max",
        statistic="differences between two readers that no damage explains",
        points=check.compared_points,
        rationale="A verdict must not hang on one implementation of a file format.",
        limit_source=f"independent reader: {check.reader}",
        group="integrity",
    )
