"""`consistency`: a law that holds for every correctly wired run stays within typed levels."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from gates.checks.check import Description, Peers, Ruling
from gates.checks.measured import Measured
from gates.checks.two_sided import OnSeries
from gates.facts.run_facts import RunFacts
from gates.facts.values import Missing
from gates.laws.table import LAWS, LawName, evaluate
from gates.metrics import reduce


class ConsistencyCheck(OnSeries, frozen=True, kw_only=True, tag="consistency"):
    """A law that holds for every correctly wired run, computed from several tags."""

    assumes: ClassVar[tuple[str, ...]] = ("What its law assumes.",)
    law: LawName
    """Quantity to judge; docs/gates.md lists them."""

    def judge(self, facts: RunFacts, peers: Peers) -> Ruling:
        """Compute the law's quantity and compare."""
        law = LAWS[self.law]
        quantity = evaluate(self.law, facts)
        if isinstance(quantity, Missing):
            return self.missing(facts, quantity)
        series, whole_run = quantity.series, quantity.whole_run
        cut = series if whole_run else self.window.cut(series, self.min_points)
        measured = Measured(
            reduced=reduce(cut, self.statistic),
            series=cut,
            whole=None if whole_run else series,
            points=quantity.points if whole_run else None,
            subject=law.words,
            fact=law.fact,
            statistic="over the whole run" if whole_run else self.taken,
            note="; ".join(filter(None, (quantity.note, quantity.unproven))),
            # One value for the whole run is no line in a plot: its source is shown in its place.
            tag=quantity.tags[0] if whole_run and quantity.tags else "",
        )
        patience = None if whole_run else self.patience
        found = self.compare(facts, measured, self.sides(), patience)
        required = found.required and not quantity.unproven
        found = replace(found, law=self.law, required=required)
        return Ruling(finding=found, series=None if whole_run else series)

    @property
    def assumptions(self) -> tuple[str, ...]:
        """Those of the law."""
        return LAWS[self.law].assumes

    @property
    def of_updates(self) -> bool:
        """As its law says."""
        return LAWS[self.law].of_updates

    def describe(self) -> Description:
        """Say what the law measures and how it is reduced."""
        return Description(value=f"{LAWS[self.law].words}, {self.taken}", levels=self.levels_text())
