"""`finite`: no NaN and no infinity."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

import numpy as np
from msgspec import Meta

from gates.checks.check import Check, Description, Peers, Ruling
from gates.checks.keys import Tag
from gates.facts.run_facts import FIRST_UPDATE_TAGS, RunFacts
from gates.findings import Outcome
from gates.series import AS_LOGGED, Series
from gates.tags import CANONICAL_TAGS, OTHER_ALGORITHMS_TAGS
from gates.text import format_plural

_KNOWN = frozenset((*CANONICAL_TAGS, *OTHER_ALGORITHMS_TAGS))
_LOSSES = tuple(tag for tag in FIRST_UPDATE_TAGS if tag.endswith("loss"))
_RETURNS = 3
"""Times that finite values must follow NaN before it is what a trainer logs without a measurement."""


class FiniteCheck(Check, frozen=True, kw_only=True, tag="finite"):
    """No NaN and no infinity in any tag that starts with one of the prefixes.

    A mean over several episodes is NaN until the first one ends: such values before the first finite one are no fault.
    Other trainers log NaN for what they have not measured yet: neither is that before the first finite value, which may
    take half of the plan, nor is NaN that finite values followed three times. A tag that nobody knows may be infinite
    by its meaning, as for a masked action, so that it fails only where no known loss is finite any more; NaN warns.
    """

    assumes: ClassVar[tuple[str, ...]] = (
        (
            "Tags of these groups come from losses, weights and actions; a statistic over nothing, which "
            "may be NaN, is named under `may_be_nan`."
        ),
    )
    prefixes: Annotated[tuple[str, ...], Meta(min_length=1)]
    """Beginnings of tag names: `train/`."""
    may_be_nan: tuple[Tag, ...] = ()
    """Tags that are NaN where what they measure is not defined; an infinity counts all the same."""

    def judge(self, facts: RunFacts, peers: Peers) -> Ruling:
        """Count values that are not finite."""
        watched = [
            s
            for tag, s in sorted(facts.log.series.items())
            if tag.removeprefix(AS_LOGGED).startswith(self.prefixes)
        ]
        points = sum(len(s) for s in watched)
        names = ", ".join(self.prefixes)
        numbers: dict[str, Any] = {
            "statistic": f"values that are not finite in {names}",
            "points": points,
        }
        if points < self.min_points:
            reason = f"cannot be judged: only {points} values are logged under {names}."
            return Ruling(
                finding=self.finding(
                    outcome=Outcome.INCONCLUSIVE,
                    reason=reason,
                    fact=f"not decided, {format_plural(points, 'value')} logged under {self.prefixes[0]}",
                    required=self.is_required(facts),
                    **numbers,
                )
            )
        numbers |= {"limit": 0.0, "direction": "max"}
        faults = [(s, self._faults_in(s, facts)) for s in watched]
        outcome, bad = Outcome.FAIL, [(s, f) for s, f in faults if len(f) and _counts(s, f, facts)]
        if not bad:
            # An infinity may be what such a tag means; nothing says so of NaN.
            unknown = [s for s in watched if not _known(s, facts) and s.tag not in self.may_be_nan]
            nan = [(s, _nan_once_begun(s)) for s in unknown]
            outcome, bad = Outcome.WARN, [(s, f) for s, f in nan if len(f)]
        if not bad:
            early = sum(int((~np.isfinite(s.values)).sum()) for s in watched)
            reason = f"all {points - early:,} values of {len(watched)} tags are finite"
            reason += (
                f"; {early:,} more stand where nothing was measured, or are infinite in tags that nobody knows."
                if early
                else "."
            )
            return Ruling(
                finding=self.finding(outcome=Outcome.PASS, reason=reason, value=0.0, **numbers)
            )
        first_steps = sorted(((s, int(s.steps[f[0]])) for s, f in bad), key=lambda pair: pair[1])
        count = sum(len(found) for _, found in bad)
        first, step = first_steps[0]
        more = f" and {len(bad) - 4} more" if len(bad) > 4 else ""
        where = ", ".join(_both_names(s) for s, _ in first_steps[:4]) + more
        unclear = " Nobody knows what such a tag means."
        return Ruling(
            finding=self.finding(
                outcome=outcome,
                reason=f"{count:,} of {points:,} values are NaN or infinite, first at "
                f"{first.other_axis or 'step'} {step:,} ({where})."
                f"{unclear if outcome is Outcome.WARN else ''}",
                fact=f"{first.logged_as or first.tag} is not finite at {first.other_axis or 'step'} {step:,}",
                value=float(count),
                tag=first.tag,
                breach_step=step,
                **numbers,
            )
        )

    def _faults_in(self, series: Series, facts: RunFacts) -> np.ndarray:
        may_be_nan = series.tag in self.may_be_nan
        if facts.own_trainer or series.aggregated:
            return _faults(series, may_be_nan=may_be_nan)
        waits = (facts.last_step or 0) < (facts.planned_steps or 0) / 2
        return _unmeasured(series, may_be_nan=may_be_nan, waits=waits)

    def describe(self) -> Description:
        """Name the prefixes."""
        prefixes = ", ".join(f"`{prefix}`" for prefix in self.prefixes)
        return Description(
            value=f"values that are not finite in {prefixes}",
            levels="FAIL above 0; WARN for NaN in tags that nobody knows",
        )

    @property
    def irrevocable(self) -> bool:
        """Nothing brings a NaN back."""
        return True


def _known(series: Series, facts: RunFacts) -> bool:
    """Tell whether what a tag means, and so what it may be, is known."""
    named = series.logged_as or series.tag.removeprefix(AS_LOGGED) in _KNOWN
    return bool(facts.own_trainer or series.aggregated or named or "loss" in series.tag)


def _counts(series: Series, found: np.ndarray, facts: RunFacts) -> bool:
    """Tell whether values that are not finite are a fault, whatever the tag means."""
    if _known(series, facts):
        return True
    lives = any(
        np.isfinite(s.values[s.steps >= series.steps[found[-1]]]).any()
        for tag in _LOSSES
        if (s := facts.series(tag)) is not None
    )
    return not lives and bool(np.isfinite(series.values[: found[-1]]).any())


def _nan_once_begun(series: Series) -> np.ndarray:
    """Return the indices of NaN behind the first finite value, or of all where none is finite."""
    finite = np.isfinite(series.values)
    begun = np.logical_or.accumulate(finite) | (not finite.any())
    return np.flatnonzero(np.isnan(series.values) & begun)


def _faults(series: Series, *, may_be_nan: bool) -> np.ndarray:
    """Return the indices of values that are not finite; of means those after the first finite one, and infinities."""
    bad = np.isinf(series.values) if may_be_nan else ~np.isfinite(series.values)
    if series.aggregated:
        bad &= np.isinf(series.values) | np.logical_or.accumulate(~bad)
    return np.flatnonzero(bad)


def _unmeasured(series: Series, *, may_be_nan: bool, waits: bool) -> np.ndarray:
    """Return the indices of values that are not finite, without NaN that stands for no measurement.

    Args:
        series: Of another trainer.
        may_be_nan: NaN never counts.
        waits: The first measurement may still come.
    """
    absent, finite = np.isnan(series.values), np.isfinite(series.values)
    begun = np.logical_or.accumulate(finite)
    came_back = int((absent[:-1] & finite[1:] & begun[:-1]).sum())
    no_fault = absent & ~begun if waits or finite.any() else np.zeros(len(absent), dtype=np.bool_)
    if may_be_nan or (came_back >= _RETURNS and finite[-_RETURNS:].any()):
        no_fault = absent
    return np.flatnonzero(~finite & ~no_fault)


def _both_names(series: Series) -> str:
    return f"{series.tag}, logged as {series.logged_as}" if series.logged_as else series.tag
