"""Recognises the trainer that wrote a log and translates its tags into the canonical ones."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from msgspec import structs

from gates.metrics import align
from gates.runs.axes import Axes, Unplaced
from gates.runs.dialect_file import (
    UNKNOWN,
    DerivedEntry,
    Dialect,
    TagEntry,
    load_dialect,
    shipped_dialects,
)
from gates.series import AS_LOGGED, EventLog, FloatArray, IntArray, Series
from gates.tags import CANONICAL_TAGS

__all__ = ["Dialect", "choose_dialect", "detect", "load_dialect", "translate"]

_MEANS = "means, as lengths are no whole numbers"
_EPISODE_TAGS = ("train/episode_length", "train/episode_reward")


def detect(log: EventLog) -> Dialect:
    """Return the shipped dialect that fits the tags best, or one that leaves every tag as it is."""
    best, best_score = UNKNOWN, 0.0
    for dialect in shipped_dialects():
        score = match(log, dialect)
        if score > best_score:
            best, best_score = dialect, score
        if score == 1.0:  # none fits better, so that no other one is read
            break
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
    values that sum up several measurements `aggregated`. A series over updates that nothing places among the
    environment steps says so in `other_axis`; one over episodes is named in `skipped_tags` under its canonical name.
    """
    chosen = _choose(log, dialect)
    axes = Axes(log, dialect)
    series: dict[str, Series] = {}
    placed: dict[str, Series] = {}
    skipped = dict(log.skipped_tags)
    for tag, original in log.series.items():
        targets = chosen.get(tag)
        if targets is None:
            continue
        entry = dialect.tags[tag]
        moved = axes.to_env_steps(original, entry)
        if isinstance(moved, Unplaced) and entry.axis != "update":
            skipped.update(dict.fromkeys(targets, moved.reason))
            series[f"{AS_LOGGED}{tag}" if tag in CANONICAL_TAGS else tag] = original
            continue
        if isinstance(moved, Unplaced):
            moved = structs.replace(original, other_axis="update")
        placed[tag] = moved
        series.update((target, _translated(moved, target, entry)) for target in targets)
    for tag, original in log.series.items():
        if tag not in chosen:
            series[f"{AS_LOGGED}{tag}" if tag in series else tag] = original
    _note_means(series)
    for derived in dialect.derived:
        _derive(derived, series, placed, log)
    order = {tag: position for position, tag in enumerate(log.series)}
    ordered = sorted(series.items(), key=lambda item: order.get(item[0], len(order)))
    return structs.replace(
        log,
        series=dict(ordered),
        skipped_tags=skipped,
        trainer="" if dialect is UNKNOWN else dialect.title,
        recognised=dialect is not UNKNOWN,
        algorithms=recognise_algorithm(log, dialect),
    )


def _note_means(series: dict[str, Series]) -> None:
    """Notice that lengths are means of episodes, whatever a trainer calls them: a single length is a whole number."""
    length, reward = (series.get(tag) for tag in _EPISODE_TAGS)
    if length is None or length.aggregated:
        return
    finite = length.values[np.isfinite(length.values)]
    if bool((finite == np.rint(finite)).all()):
        return
    series[length.tag] = structs.replace(length, aggregated=_MEANS)
    if reward is not None and np.array_equal(reward.steps, length.steps):
        series[reward.tag] = structs.replace(reward, aggregated=reward.aggregated or _MEANS)


def recognise_algorithm(log: EventLog, dialect: Dialect) -> tuple[str, ...]:
    """Return the algorithms that log these tags; several where the tags do not tell them apart."""
    logged = log.series.keys()
    for entry in dialect.algorithms:
        if logged >= set(entry.all_of) and logged.isdisjoint(entry.none_of):
            return entry.names
    return ()


def _choose(log: EventLog, dialect: Dialect) -> dict[str, tuple[str, ...]]:
    """Return the targets of each translated tag; of several for one target the first wins."""
    taken: set[str] = set()
    chosen: dict[str, tuple[str, ...]] = {}
    for tag, entry in dialect.tags.items():
        if tag not in log.series:
            continue
        targets = tuple(
            target
            for target in entry.to or (tag,)
            if target not in taken and not _logged_finer(log, dialect, tag, target)
        )
        taken.update(targets)
        if targets:
            chosen[tag] = targets
    return chosen


def _logged_finer(log: EventLog, dialect: Dialect, tag: str, target: str) -> bool:
    """Tell whether the run logs a canonical tag itself, finer than the tag that would take its name."""
    own, entry = log.series.get(target), dialect.tags[tag]
    if own is None or target == tag or target in dialect.tags:
        return False
    return len(own) + bool(entry.aggregated) > len(log.series[tag])


def _translated(series: Series, target: str, entry: TagEntry) -> Series:
    if entry.absent_value is not None:
        series = series.where(series.values != entry.absent_value)
    if entry.aggregated and target in _EPISODE_TAGS:
        # A mean over no episode yet is NaN and says nothing about the networks.
        series = series.where(np.logical_or.accumulate(~np.isnan(series.values)))
    values, derived_from = series.values, series.derived_from
    if entry.factor != 1.0:
        with np.errstate(over="ignore"):
            values = values * entry.factor
        word = "-" if entry.factor == -1.0 else f"{entry.factor:g} * "
        derived_from = f"{word}{derived_from or series.tag}"
    if entry.aggregated:
        derived_from = f"{derived_from or series.tag} ({entry.aggregated})"
    return structs.replace(
        series,
        tag=target,
        values=values,
        derived_from=derived_from,
        aggregated=entry.aggregated,
        logged_as=series.tag if series.tag != target else "",
    )


def _derive(
    entry: DerivedEntry, series: dict[str, Series], placed: Mapping[str, Series], log: EventLog
) -> None:
    """Add a computed tag, unless it is logged already or the formula does not hold.

    Its sources have canonical names, or those under which the run logged them (`placed`).
    """
    present = entry.to in series and len(series[entry.to]) > 0
    if present and not entry.replaces_logged:
        return
    if any(tag in log.series for tag in entry.unless_logged):
        return
    names = [*entry.sources, *((entry.times, entry.over) if entry.times else ())]
    found = [series.get(name) or placed.get(name) for name in names]
    inputs = [source for source in found if source is not None and len(source)]
    if len(inputs) < len(names) or len({source.other_axis for source in inputs}) > 1:
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
        other_axis=inputs[0].other_axis,
    )


def _combined(entry: DerivedEntry, inputs: list[Series]) -> tuple[IntArray, FloatArray, FloatArray]:
    """Compute factor * sum * times / over where all inputs have a point."""
    first = inputs[0]
    if all(np.array_equal(source.steps, first.steps) for source in inputs[1:]):
        steps, walls, columns = first.steps, first.wall_times, tuple(s.values for s in inputs)
    else:
        walls_of_first = structs.replace(first, values=first.wall_times)
        steps, (walls, *columns_list) = align(walls_of_first, *inputs)
        columns = tuple(columns_list)
    with np.errstate(all="ignore"):
        total = sum(columns[1 : len(entry.sources)], start=columns[0]) * entry.factor
        if entry.times:
            times, over = columns[-2:]
            total = np.where(total == 0.0, 0.0, total * times / over)
    return steps, np.asarray(total, dtype=np.float64), walls
