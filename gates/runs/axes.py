"""Turns steps that count episodes or updates into environment steps, where the log tells how."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from msgspec import Struct, structs

from gates.runs.dialect_file import Dialect, TagEntry
from gates.series import EventLog, FloatArray, IntArray, Series
from gates.tags import CANONICAL_TAGS

_STEP_LIMIT = 2.0**53


class Unplaced(Struct, frozen=True):
    """Why a series cannot be put over environment steps."""

    reason: str


class Axes(Struct, frozen=True, eq=False):
    """The axes of a log as a dialect describes them."""

    log: EventLog
    dialect: Dialect

    def to_env_steps(self, series: Series, entry: TagEntry) -> Series | Unplaced:
        """Return the series over environment steps, or why that is not possible."""
        if entry.axis in ("episode", "auto"):
            return self._from_episodes(series, sure=entry.axis == "episode")
        if entry.axis == "update":
            return self._from_updates(series)
        if entry.step_factor == 1:
            return series
        note = f"{series.tag}; {entry.step_factor:,} environment steps for each of its steps"
        steps = np.clip(
            series.steps.astype(np.float64) * entry.step_factor, -_STEP_LIMIT, _STEP_LIMIT
        )
        return structs.replace(series, steps=steps.astype(np.int64), derived_from=note)

    def _from_episodes(self, series: Series, *, sure: bool) -> Series | Unplaced:
        """An episode ends at the sum of all lengths up to it: exact while none is missing."""
        tag = self.dialect.episode_axis.length if self.dialect.episode_axis else ""
        lengths = self.log.series.get(tag)
        if lengths is None or not len(lengths):
            return _unless(sure, series, f"{tag} is not logged")
        with np.errstate(invalid="ignore", over="ignore"):
            numbers, ends = lengths.steps, np.cumsum(lengths.values)
        if not (np.abs(ends) < _STEP_LIMIT).all():
            return _unless(sure, series, "a length is no number of steps")
        if ends[-1] <= numbers[-1]:
            return series  # as many steps as that can have been made: environment steps already
        if np.any(np.diff(numbers) <= 0):
            return _unless(sure, series, "episode numbers repeat")
        if not sure and int(numbers[-1]) - int(numbers[0]) >= 2 * len(numbers):
            return series
        places = np.searchsorted(numbers, series.steps, side="right") - 1
        steps = np.where(places >= 0, ends[np.maximum(places, 0)], 0.0).astype(np.int64)
        missing = int(numbers[-1]) + 1 - len(numbers) - int(numbers[0] == 1)
        note = f"{series.tag}; steps too small, as the lengths of {missing} episodes are missing"
        return structs.replace(series, steps=steps, derived_from=note if missing > 0 else "")

    def _from_updates(self, series: Series) -> Series | Unplaced:
        """Interpolate between moments at which both counts are logged, else between wall times."""
        for axis in self.dialect.update_axis:
            known = self._known(axis.updates, axis.steps)
            if known is not None:
                counted = f"{axis.updates} and {axis.steps}" if axis.updates else axis.steps
                note = f"{series.tag}; steps interpolated between points of {counted}"
                return structs.replace(series, steps=_line(series.steps, known), derived_from=note)
        length = self._update_length()
        if length is not None:
            note = f"{series.tag}; {length:,} environment steps for each update, by speed and time"
            known = np.array([[0.0, 0.0], [1.0, float(length)]])
            return structs.replace(series, steps=_line(series.steps, known), derived_from=note)
        return self._by_wall_time(series) or Unplaced(
            f"{series.tag} is indexed by update and nothing logged tells its environment step"
        )

    def _known(self, updates_tag: str, steps_tag: str) -> FloatArray | None:
        """Return rising `float64[n, 2]` pairs (updates, environment steps), None when they do not tell enough."""
        steps = self.log.series.get(steps_tag)
        updates = self.log.series.get(updates_tag) if updates_tag else steps
        if updates is None or steps is None or len(updates) != len(steps):
            return None
        counted = updates.values if updates_tag else steps.steps.astype(np.float64)
        known = np.column_stack([counted, steps.values])
        known = known[(np.abs(known) < _STEP_LIMIT).all(axis=1)]
        known = known[np.append(True, np.diff(known[:, 0]) > 0)] if len(known) else known
        if len(known) == 1:
            known = np.vstack([[0.0, 0.0], known])
        if len(known) < 2 or np.any(np.diff(known, axis=0) <= 0):
            return None
        return known

    def _update_length(self) -> int | None:
        """Return the environment steps of one update: the median of speed times time."""
        for length in self.dialect.update_length:
            tags = [self.log.series.get(tag) for tag in (length.steps_per_s, *length.seconds)]
            speed, *seconds = [s.values for s in tags if s is not None] or [np.empty(0)]
            if len(seconds) < len(length.seconds) or any(len(s) != len(speed) for s in seconds):
                continue
            with np.errstate(all="ignore"):
                steps = np.median(speed * np.sum(seconds, axis=0)) if len(speed) else np.nan
            if 1.0 <= steps < _STEP_LIMIT:
                return round(float(steps))
        return None

    def _by_wall_time(self, series: Series) -> Series | None:
        """Place each point between the environment steps that were logged before and after it.

        Points before the first and after the last of them get its step. None when most points lie there, as in a
        file that was written tag by tag: then the times say nothing about the training.
        """
        known = [s for s in self._over_env_steps() if len(s)]
        if not known or not len(series):
            return None
        walls = np.concatenate([s.wall_times for s in known])
        steps = np.concatenate([s.steps for s in known])
        order = np.argsort(walls, kind="stable")
        walls, steps = walls[order], steps[order]
        inside = (series.wall_times > walls[0]) & (series.wall_times < walls[-1])
        if not np.isfinite(walls).all() or inside.mean() < 0.5 or np.any(np.diff(steps) < 0):
            return None
        placed = np.rint(np.interp(series.wall_times, walls, steps.astype(np.float64)))
        note = f"{series.tag}; steps placed by wall time between points over environment steps"
        return structs.replace(series, steps=placed.astype(np.int64), derived_from=note)

    def _over_env_steps(self) -> Iterable[Series]:
        for tag, series in self.log.series.items():
            entry = self.dialect.tags.get(tag)
            axis = entry.axis if entry is not None else ""
            if axis == "env_step" or (entry is None and tag in CANONICAL_TAGS):
                yield series


def _unless(sure: bool, series: Series, reason: str) -> Series | Unplaced:
    return Unplaced(f"{series.tag} is indexed by episode number and {reason}") if sure else series


def _line(updates: IntArray, known: FloatArray) -> IntArray:
    """Interpolate `float64[n, 2]` (updates, steps); its outer pieces go on beyond both ends."""
    place = np.clip(np.searchsorted(known[:, 0], updates) - 1, 0, len(known) - 2)
    (x0, y0), (x1, y1) = known[place].T, known[place + 1].T
    steps = y0 + (updates - x0) * (y1 - y0) / (x1 - x0)
    rounded: IntArray = np.rint(np.clip(steps, 0.0, _STEP_LIMIT)).astype(np.int64)
    return rounded
