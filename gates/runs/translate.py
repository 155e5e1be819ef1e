"""Recognises the trainer that wrote a log and translates its tags into the canonical ones."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from gates.metrics import align
from gates.runs.dialect_file import (
    UNKNOWN,
    DerivedEntry,
    Dialect,
    TagEntry,
    load_dialect,
    shipped_dialects,
)
from gates.series import EventLog, FloatArray, IntArray, Series
from gates.tags import CANONICAL_TAGS

__all__ = ["Dialect", "choose_dialect", "detect", "load_dialect", "translate"]

_STEP_LIMIT = 2.0**53
AS_LOGGED = "as_logged/"
"""Prefix of a tag whose name is canonical but whose meaning is another one in its dialect."""


def detect(log: EventLog) -> Dialect:
    """Return the shipped dialect that fits the tags best, or one that leaves every tag as it is."""
    best, best_score = UNKNOWN, 0.0
    for dialect in shipped_dialects():
        score = match(log, dialect)
        if score > best_score:
            best, best_score = dialect, score
    return best


def choose_dialect(log: EventLog, declared: str = "") -> Dialect:
    """Return the dialect that a run declares, by name or path; without a word the one that fits best.

    Raises:
        GateConfigError: The declared one is missing or has mistakes.
    """
    return load_dialect(Path(declared)) if declared else detect(log)


def match(log: EventLog, dialect: Dialect) -> float:
    """Return how well a log fits a dialect's signature: 0 (not at all) to 1."""
    signature = dialect.signature
    if signature is None:
        return 0.0
    logged = log.series.keys()
    if not logged >= set(signature.all_of) or not logged.isdisjoint(signature.none_of):
        return 0.0
    return sum(tag in logged for tag in signature.any_of) / len(signature.any_of)


def translate(log: EventLog, dialect: Dialect) -> EventLog:
    """Return the log under canonical tags.

    Nothing is dropped: tags that mean nothing known keep their names, and a logged tag that stands
    in the way of a translation moves to `as_logged/...`. Computed values carry `derived_from`,
    values that sum up several measurements `aggregated`. Whatever cannot be translated is named in
    `skipped_tags` under its canonical name.
    """
    chosen = _choose(log, dialect)
    axes = _Axes(log, dialect)
    series: dict[str, Series] = {}
    skipped = dict(log.skipped_tags)
    for tag, original in log.series.items():
        targets = chosen.get(tag)
        if targets is None:
            continue
        entry = dialect.tags[tag]
        moved = axes.to_env_steps(original, entry)
        if isinstance(moved, str):
            skipped.update(dict.fromkeys(targets, moved))
            series[f"{AS_LOGGED}{tag}" if tag in CANONICAL_TAGS else tag] = original
        else:
            series.update((target, _translated(moved, target, entry)) for target in targets)
    for tag, original in log.series.items():
        if tag not in chosen:
            series[f"{AS_LOGGED}{tag}" if tag in series else tag] = original
    for derived in dialect.derived:
        _derive(derived, series, log)
    order = {tag: position for position, tag in enumerate(log.series)}
    ordered = sorted(series.items(), key=lambda item: order.get(item[0], len(order)))
    return replace(log, series=dict(ordered), skipped_tags=skipped)


def _choose(log: EventLog, dialect: Dialect) -> dict[str, tuple[str, ...]]:
    """Return the targets of each translated tag; of several for one target the first wins."""
    taken: set[str] = set()
    chosen: dict[str, tuple[str, ...]] = {}
    for tag, entry in dialect.tags.items():
        if tag not in log.series:
            continue
        targets = tuple(target for target in entry.to or (tag,) if target not in taken)
        taken.update(targets)
        if targets:
            chosen[tag] = targets
    return chosen


def _translated(series: Series, target: str, entry: TagEntry) -> Series:
    steps, values, walls = series.steps, series.values, series.wall_times
    if entry.absent_value is not None:
        measured = values != entry.absent_value
        steps, values, walls = steps[measured], values[measured], walls[measured]
    derived_from = series.derived_from
    if entry.factor != 1.0:
        with np.errstate(over="ignore"):
            values = values * entry.factor
        word = "-" if entry.factor == -1.0 else f"{entry.factor:g} * "
        derived_from = f"{word}{derived_from or series.tag}"
    if entry.aggregated:
        derived_from = f"{derived_from or series.tag} ({entry.aggregated})"
    return Series(
        tag=target,
        steps=steps,
        values=values,
        wall_times=walls,
        derived_from=derived_from,
        aggregated=entry.aggregated,
    )


def _derive(entry: DerivedEntry, series: dict[str, Series], log: EventLog) -> None:
    """Add a computed tag, unless it is logged already or the formula does not hold."""
    present = entry.to in series and len(series[entry.to]) > 0
    if present and not entry.replaces_logged:
        return
    if any(tag in log.series for tag in entry.unless_logged):
        return
    names = [*entry.sources, *((entry.times, entry.over) if entry.times else ())]
    found = [series.get(name) or log.series.get(name) for name in names]
    inputs = [source for source in found if source is not None and len(source)]
    if len(inputs) < len(names):
        return
    steps, values, walls = _combined(entry, inputs)
    if entry.to in series:
        series[f"{AS_LOGGED}{entry.to}"] = series[entry.to]
    inherited = [source.derived_from for source in inputs if source.derived_from]
    words = [
        entry.formula,
        *(f"({entry.note})" if entry.note else "",),
        *(f"[{i}]" for i in inherited),
    ]
    series[entry.to] = Series(
        tag=entry.to,
        steps=steps,
        values=values,
        wall_times=walls,
        derived_from=" ".join(word for word in words if word),
        aggregated=next((source.aggregated for source in inputs if source.aggregated), ""),
    )


def _combined(entry: DerivedEntry, inputs: list[Series]) -> tuple[IntArray, FloatArray, FloatArray]:
    """Compute factor * sum * times / over where all inputs have a point."""
    first = inputs[0]
    if all(np.array_equal(source.steps, first.steps) for source in inputs[1:]):
        steps, walls, columns = first.steps, first.wall_times, tuple(s.values for s in inputs)
    else:
        walls_of_first = replace(first, values=first.wall_times)
        steps, (walls, *columns_list) = align(walls_of_first, *inputs)
        columns = tuple(columns_list)
    with np.errstate(all="ignore"):
        total = sum(columns[1 : len(entry.sources)], start=columns[0]) * entry.factor
        if entry.times:
            times, over = columns[-2:]
            total = np.where(total == 0.0, 0.0, total * times / over)
    return steps, np.asarray(total, dtype=np.float64), walls


@dataclass(frozen=True, eq=False)
class _Axes:
    """Converts the axes of a log into environment steps."""

    log: EventLog
    dialect: Dialect

    def to_env_steps(self, series: Series, entry: TagEntry) -> Series | str:
        """Return the series over environment steps, or why that is not possible."""
        if entry.axis in ("episode", "auto"):
            return self._from_episodes(series, sure=entry.axis == "episode")
        if entry.axis == "update":
            return self._from_updates(series)
        return series

    def _from_episodes(self, series: Series, *, sure: bool) -> Series | str:
        """An episode ends at the sum of all lengths up to it: exact while none is missing."""
        tag = self.dialect.episode_axis.length if self.dialect.episode_axis else ""
        lengths = self.log.series.get(tag)
        if lengths is None or not len(lengths):
            return self._unless(sure, series, f"{tag} is not logged")
        with np.errstate(invalid="ignore", over="ignore"):
            numbers, ends = lengths.steps, np.cumsum(lengths.values)
        if not (np.abs(ends) < _STEP_LIMIT).all():
            return self._unless(sure, series, "a length is no number of steps")
        if ends[-1] <= numbers[-1]:
            return series  # as many steps as that can have been made: environment steps already
        if np.any(np.diff(numbers) <= 0):
            return self._unless(sure, series, "episode numbers repeat")
        if not sure and int(numbers[-1]) - int(numbers[0]) >= 2 * len(numbers):
            return series
        places = np.searchsorted(numbers, series.steps, side="right") - 1
        steps = np.where(places >= 0, ends[np.maximum(places, 0)], 0.0).astype(np.int64)
        missing = int(numbers[-1]) + 1 - len(numbers) - int(numbers[0] == 1)
        note = f"{series.tag}; steps too small, as the lengths of {missing} episodes are missing"
        return replace(series, steps=steps, derived_from=note if missing > 0 else "")

    @staticmethod
    def _unless(sure: bool, series: Series, reason: str) -> Series | str:
        return f"{series.tag} is indexed by episode number and {reason}" if sure else series

    def _from_updates(self, series: Series) -> Series | str:
        """Interpolate between the moments at which both counts are logged."""
        for axis in self.dialect.update_axis:
            updates, steps = self.log.series.get(axis.updates), self.log.series.get(axis.steps)
            if updates is None or steps is None or len(updates) != len(steps):
                continue
            known = np.column_stack([updates.values, steps.values])
            known = known[(np.abs(known) < _STEP_LIMIT).all(axis=1)]
            known = known[np.append(True, np.diff(known[:, 0]) > 0)] if len(known) else known
            if len(known) == 1:
                known = np.vstack([[0.0, 0.0], known])
            if len(known) < 2 or np.any(np.diff(known, axis=0) <= 0):
                continue
            note = f"{series.tag}; steps interpolated between {axis.updates} and {axis.steps}"
            return replace(series, steps=_line(series.steps, known), derived_from=note)
        return f"{series.tag} is indexed by update and nothing logged tells its environment step"


def _line(updates: IntArray, known: FloatArray) -> IntArray:
    """Interpolate `float64[n, 2]` (updates, steps); its outer pieces go on beyond both ends."""
    place = np.clip(np.searchsorted(known[:, 0], updates) - 1, 0, len(known) - 2)
    (x0, y0), (x1, y1) = known[place].T, known[place + 1].T
    steps = y0 + (updates - x0) * (y1 - y0) / (x1 - x0)
    rounded: IntArray = np.rint(np.clip(steps, 0.0, _STEP_LIMIT)).astype(np.int64)
    return rounded
