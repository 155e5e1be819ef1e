"""`relative`: the value of another check against that of a baseline, or of the last passed run of the recipe."""

from __future__ import annotations

import math
from typing import ClassVar, Literal

from gates.checks.check import Description, Peers, Ruling
from gates.checks.measured import Measured
from gates.checks.two_sided import TwoSided
from gates.facts.breach import Breach
from gates.facts.run_facts import RunFacts
from gates.facts.values import Missing
from gates.findings import Verdict
from gates.metrics import Reduced
from gates.text import format_number


class RelativeCheck(TwoSided, frozen=True, kw_only=True, tag="relative"):
    """The value of another check changed little against the baseline; it does not apply without one."""

    assumes: ClassVar[tuple[str, ...]] = ("The baseline is a run of the same task that passed.",)
    check: str
    """Id of a check of the same gate whose value is compared."""
    change: Literal["ratio", "difference"] = "ratio"
    """How the change is counted: value / baseline, or value - baseline."""

    @property
    def reads(self) -> tuple[str, ...]:
        """The check whose value is compared."""
        return (self.check,)

    def judge(self, facts: RunFacts, peers: Peers) -> Ruling:
        """Compare with the baseline's finding of the same name."""
        theirs = self._theirs(peers)
        if isinstance(theirs, Missing):
            return self.missing(facts, theirs)
        run, before = theirs
        own = peers.findings.get(self.check)
        if own is None or own.value is None:
            return self.missing(facts, Missing(reason=f"this run has no value of {self.check}"))
        value = self._change(own.value, before)
        series = facts.series(own.tag) or next(iter(facts.log.series.values()))
        measured = Measured(
            reduced=Reduced(
                value=value,
                first_step=own.first_step,
                last_step=own.last_step,
                points=max(own.points, self.min_points),
                nan_points=int(math.isnan(value)),
            ),
            series=series.where(slice(0, 0)),
            subject=f"{self.check} against the baseline",
            fact=self._fact,
            statistic=self.change,
            note=f"{format_number(own.value)} here, {format_number(before)} in {run}",
            tag=own.tag,
        )
        return Ruling(finding=self.compare(facts, measured, self.sides()))

    def describe(self) -> Description:
        """Say which check is compared."""
        value = f"{self.change} of the value of `{self.check}` to that of the baseline"
        return Description(value=value, levels=self.levels_text())

    def _theirs(self, peers: Peers) -> tuple[str, float] | Missing:
        """Return the baseline's name and its value of the check."""
        baseline = peers.baseline
        if baseline is None:
            return Missing(reason="there is no baseline run", not_applicable=True)
        if baseline.verdict is Verdict.NO_GO:
            reason = f"the baseline {baseline.run} is a NO_GO; a failed run is no measure"
            return Missing(reason=reason, not_applicable=True)
        found = next((f for f in baseline.findings if f.check == self.check), None)
        if found is None or found.value is None:
            reason = f"the baseline {baseline.run} has no value of {self.check}"
            return Missing(reason=reason, not_applicable=True)
        return baseline.run, found.value

    def _change(self, own: float, theirs: float) -> float:
        if self.change == "difference":
            return own - theirs
        return own / theirs if theirs != 0 else math.nan

    def _fact(self, breach: Breach) -> str:
        if self.change == "ratio":
            return f"{self.check} is {breach.times} that of the baseline"
        return f"{self.check} differs by {format_number(breach.value)} from the baseline"
