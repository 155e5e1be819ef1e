"""One number per run for each curve and each check, and how it differs between two runs of a seed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
from msgspec import Struct

from gates.regress.evidence import Curve, RunEvidence
from gates.series import FloatArray

ROUNDING = 1.0e-3
"""Differences below this share of a curve's largest value are rounding, or as small as that."""
_FEWEST_COMMON = 3
"""Steps that both runs logged, from which on only these are compared."""
Pair = tuple[RunEvidence, RunEvidence]
"""The run before the change and the run after it, of one seed."""


class Measures(Struct, frozen=True, eq=False, kw_only=True):
    """Numbers of several pairs of runs; a measure that one of the runs lacks is left out."""

    names: tuple[str, ...]
    base: FloatArray
    """`float64[pairs, measures]`."""
    head: FloatArray
    """`float64[pairs, measures]`."""

    @property
    def differences(self) -> FloatArray:
        """`float64[pairs, measures]`, head less base; 0 where only rounding differs."""
        differences = self.head - self.base
        scale = np.maximum(np.abs(self.base), np.abs(self.head)).max(axis=0, initial=0.0)
        return np.where(np.abs(differences) > ROUNDING * scale, differences, 0.0)


def identical(base: RunEvidence, head: RunEvidence) -> bool:
    """Tell whether two runs logged the same values to the last bit, as far as both logged a tag at all."""
    return _alike(base, head, _equal)


def same_but_for_rounding(base: RunEvidence, head: RunEvidence) -> bool:
    """Tell whether two runs logged the same curves but for rounding: the same computation in another order."""
    return _alike(base, head, _close)


def _alike(
    base: RunEvidence, head: RunEvidence, same: Callable[[FloatArray, FloatArray], bool]
) -> bool:
    common = base.curves.keys() & head.curves.keys()
    return bool(common) and all(
        np.array_equal(base.curves[tag].steps, head.curves[tag].steps)
        and same(base.curves[tag].values, head.curves[tag].values)
        for tag in common
    )


def _equal(a: FloatArray, b: FloatArray) -> bool:
    return np.array_equal(a, b, equal_nan=True)


def _close(a: FloatArray, b: FloatArray) -> bool:
    finite = np.isfinite(a)
    if not np.array_equal(finite, np.isfinite(b)):
        return False
    a, b = a[finite], b[finite]
    return bool(np.all(np.abs(a - b) <= ROUNDING * np.abs(a).max(initial=0.0)))


def measures(pairs: Sequence[Pair]) -> Measures:
    """Reduce pairs of runs to numbers: of a curve its first value and the means of its first and last third.

    Of a check it is the measured value. Faults that only some runs show count as well, as 0 and 1.
    """
    faults = sorted({key for pair in pairs for run in pair for key in run.fault_keys})
    rows = []
    for base, head in pairs:
        found = dict(_curves(base, head))
        for check in base.checks.keys() & head.checks.keys():
            found[f"check {check}"] = (base.checks[check], head.checks[check])
        for key in faults:
            found[f"fault {key}"] = tuple(  # type: ignore[assignment]
                float(key in run.fault_keys) for run in (base, head)
            )
        rows.append(found)
    names = sorted(set.intersection(*(set(row) for row in rows))) if rows else []
    table = np.array([[row[name] for name in names] for row in rows]).reshape(
        len(rows), len(names), 2
    )
    return Measures(names=tuple(names), base=table[:, :, 0], head=table[:, :, 1])


def _curves(base: RunEvidence, head: RunEvidence) -> Iterator[tuple[str, tuple[float, float]]]:
    for tag in base.curves.keys() & head.curves.keys():
        a, b = base.curves[tag].per_step(), head.curves[tag].per_step()
        common = np.intersect1d(a.steps, b.steps)
        if len(common) >= _FEWEST_COMMON:
            a, b = (Curve(c.steps[k := np.isin(c.steps, common)], c.values[k]) for c in (a, b))
        if a.steps[0] == b.steps[0] and np.isfinite([a.values[0], b.values[0]]).all():
            yield f"{tag}, first", (float(a.values[0]), float(b.values[0]))
        end = max(a.steps[-1], b.steps[-1])
        for words, low, high in (("first third", -1, end / 3), ("last third", end * 2 / 3, end)):
            both = [_mean(curve, low, high) for curve in (a, b)]
            if np.isfinite(both).all():
                yield f"{tag}, {words}", (both[0], both[1])


def _mean(curve: Curve, after: float, up_to: float) -> float:
    values = curve.values[(curve.steps > after) & (curve.steps <= up_to)]
    values = values[np.isfinite(values)]
    return float(values.mean()) if len(values) else float("nan")


def tags_of_one_side(pairs: Sequence[Pair]) -> Mapping[str, tuple[str, ...]]:
    """Return the tags that only the runs before the change logged (`base`), and only those after it (`head`)."""
    base = {tag for a, _ in pairs for tag in a.curves}
    head = {tag for _, b in pairs for tag in b.curves}
    return {"base": tuple(sorted(base - head)), "head": tuple(sorted(head - base))}
