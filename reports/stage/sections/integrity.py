"""The integrity block: how much of the run is there, and in what state its files are."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from gates.audit.files import SECOND_READER
from gates.facts.run_facts import algorithms_of
from gates.findings import GateResult
from gates.runs.run_info import RunInfo
from gates.series import EventLog, Series
from gates.text import format_bytes, format_count, format_plural, format_share

Rows = tuple[tuple[str, str], ...]
"""Label and text."""

_SHOWN = 3


def integrity_rows(result: GateResult, log: EventLog, run: RunInfo | None = None) -> Rows:
    """Return what was reached, logged, read and damaged."""
    rows = [
        ("Trainer", _trainer(log, run)),
        ("Steps", _steps(result)),
        ("Updates", _updates(log)),
        ("Episodes", _episodes(result, log)),
        ("Scalars", _scalars(log)),
        ("Not finite", _not_finite(log)),
        ("Event files", _files(log)),
        ("One run in", _folders(log)),
        ("Not read", _ignored(log)),
        ("Damage", _damage(log)),
    ]
    readers = [f for f in result.findings if SECOND_READER in (f.type, f.check)]
    rows += [(finding.title, f"{finding.outcome.value}: {finding.reason}") for finding in readers]
    if not readers:
        rows.append(("Second reader", "not asked"))
    return tuple((label, text) for label, text in rows if text)


def _steps(result: GateResult) -> str:
    if result.last_step is None:
        return "no logged tag is known to count environment steps"
    text = format_count(result.last_step)
    if result.planned_steps:
        share = format_share(result.last_step / result.planned_steps)
        return f"{text} of {format_count(result.planned_steps)} planned ({share})"
    return f"{text}; the planned number is unknown"


def _trainer(log: EventLog, run: RunInfo | None) -> str:
    """Name the trainer and what it trained; nothing for tags that were not translated."""
    if not log.recognised:
        return "not recognised"
    algorithms = " or ".join(algorithms_of(log, run))
    return f"{log.trainer}, {algorithms}" if log.trainer and algorithms else log.trainer


def _folders(log: EventLog) -> str:
    """Name the folders of a run that went on in a new one, oldest first."""
    return _some(map(_quoted, log.folders)) if len(log.folders) > 1 else ""


def _ignored(log: EventLog) -> str:
    return _some(f"{_quoted(name)} ({why})" for name, why in log.ignored.items())


def _updates(log: EventLog) -> str:
    parts: list[str] = []
    for tag, name in (("agent/total_updates", "critic"), ("agent/actor_updates", "actor")):
        last = last_finite(log, tag)
        if last is not None:
            parts.append(f"{format_count(int(last))} {name} updates")
    logged = log.series.get("train/critic_loss") or log.series.get("train/actor_loss")
    if logged is not None:
        parts.append(f"{format_count(len(logged))} of them logged" if parts else "")
        parts[-1] = parts[-1] or f"{format_plural(len(logged), 'update')} logged, total not logged"
    return ", ".join(parts) or "none logged"


def last_finite(log: EventLog, tag: str) -> float | None:
    """Return the last finite value of a tag, or None."""
    series = log.series.get(tag)
    if series is None:
        return None
    finite = series.values[np.isfinite(series.values)]
    return float(finite[-1]) if len(finite) else None


def _episodes(result: GateResult, log: EventLog) -> str:
    series = log.series.get("train/episode_length")
    if series is None or not len(series):
        return "none logged"
    if series.aggregated:
        return f"single ones not logged; {format_plural(len(series), 'row')}, each a {series.aggregated}"
    text = format_plural(len(series), "episode")
    total = float(np.nansum(np.where(np.isfinite(series.values), series.values, np.nan)))
    if result.last_step:
        share = format_share(total / result.last_step)
        text += f", {format_count(round(total))} steps long together ({share} of the steps)"
    return text


def _scalars(log: EventLog) -> str:
    logged = _logged(log)
    text = f"{format_count(sum(map(len, logged.values())))} in {format_plural(len(logged), 'tag')}"
    if log.purged_points:
        text += f"; {format_plural(log.purged_points, 'point')} void after a resume"
    if log.skipped_tags:
        text += f"; {format_plural(len(log.skipped_tags), 'tag')} not read: "
        text += _some(f"{_quoted(tag)} ({why})" for tag, why in log.skipped_tags.items())
    return text


def _logged(log: EventLog) -> dict[str, Series]:
    """Return the series that were logged, not computed, by the names in the event files."""
    return {
        s.logged_as or s.tag: s for s in log.series.values() if s.logged_as or not s.derived_from
    }


def _not_finite(log: EventLog) -> str:
    counts = {
        tag: int(np.count_nonzero(~np.isfinite(series.values)))
        for tag, series in _logged(log).items()
    }
    bad = {tag: count for tag, count in counts.items() if count}
    if not bad:
        return "0 values"
    total = format_plural(sum(bad.values()), "value")
    return f"{total}: " + _some(f"{_quoted(tag)} {format_count(n)}" for tag, n in bad.items())


def _files(log: EventLog) -> str:
    if not log.files:
        return "none"
    size = format_bytes(sum(file.size_bytes for file in log.files))
    records = format_plural(sum(file.records for file in log.files), "record")
    text = f"{format_plural(len(log.files), 'file')}, {size}, {records}"
    parts = sorted({f"{file.part}/" for file in log.files if file.part})
    return (
        f"{text}; of them in sub-folders of `add_scalars`: {_some(map(_quoted, parts))}"
        if parts
        else text
    )


def _damage(log: EventLog) -> str:
    if not log.damage:
        return "0 damaged places"
    places = (
        f"{damage.kind} at byte {format_count(damage.offset)} of {_quoted(damage.path.name)}"
        for damage in log.damage
    )
    return f"{format_plural(len(log.damage), 'damaged place')}: {_some(places)}"


def _some(items: Iterable[str]) -> str:
    texts = list(items)
    more = f" and {len(texts) - _SHOWN} more" if len(texts) > _SHOWN else ""
    return ", ".join(texts[:_SHOWN]) + more


def _quoted(name: str) -> str:
    return f"`{name}`"
