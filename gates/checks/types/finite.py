"""`finite`: no NaN and no infinity."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from pydantic import Field

from gates.checks.check import Check, Description, Peers, Ruling
from gates.facts.run_facts import RunFacts
from gates.findings import Outcome
from gates.series import AS_LOGGED, Series


class FiniteCheck(Check):
    """No NaN and no infinity in any tag that starts with one of the prefixes."""

    type: Literal["finite"]
    prefixes: tuple[str, ...] = Field(min_length=1)
    """Beginnings of tag names: `train/`."""

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
                    required=self.is_required(facts),
                    **numbers,
                )
            )
        numbers |= {"limit": 0.0, "direction": "max"}
        bad = [(s, _first_not_finite(s)) for s in watched if not np.isfinite(s.values).all()]
        if not bad:
            reason = f"all {points:,} values of {len(watched)} tags are finite."
            return Ruling(
                finding=self.finding(outcome=Outcome.PASS, reason=reason, value=0.0, **numbers)
            )
        bad.sort(key=lambda pair: pair[1])
        count = sum(int((~np.isfinite(s.values)).sum()) for s, _ in bad)
        first, step = bad[0]
        more = f" and {len(bad) - 4} more" if len(bad) > 4 else ""
        where = ", ".join(_both_names(s) for s, _ in bad[:4]) + more
        return Ruling(
            finding=self.finding(
                outcome=Outcome.FAIL,
                reason=f"{count:,} of {points:,} values are NaN or infinite, first at "
                f"{first.other_axis or 'step'} {step:,} ({where}).",
                value=float(count),
                tag=first.tag,
                breach_step=step,
                **numbers,
            )
        )

    def describe(self) -> Description:
        """Name the prefixes."""
        prefixes = ", ".join(f"`{prefix}`" for prefix in self.prefixes)
        return Description(value=f"values that are not finite in {prefixes}", levels="FAIL above 0")

    @property
    def irrevocable(self) -> bool:
        """Nothing brings a NaN back."""
        return True


def _both_names(series: Series) -> str:
    return f"{series.tag}, logged as {series.logged_as}" if series.logged_as else series.tag


def _first_not_finite(series: Series) -> int:
    return int(series.steps[np.flatnonzero(~np.isfinite(series.values))[0]])
