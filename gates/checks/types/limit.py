"""`limit`: one series stays below, above or between typed levels."""

from __future__ import annotations

from typing import ClassVar

from msgspec import structs

from gates.checks.check import Description, Peers, Ruling
from gates.checks.keys import Tag, Window
from gates.checks.measured import Measured
from gates.checks.two_sided import OnSeries
from gates.facts.run_facts import RunFacts
from gates.facts.values import Missing
from gates.metrics import magnitudes, reduce
from gates.tags import logged_by_updates, tag_name


class LimitCheck(OnSeries, frozen=True, kw_only=True, tag="limit"):
    """An absolute limit on one tag."""

    assumes: ClassVar[tuple[str, ...]] = (
        (
            "The level holds for the task and the size of its rewards: shares, entropies and exact zeros "
            "do, losses and values do not."
        ),
    )
    tag: Tag
    """Series to judge, one of docs/run-directory.md."""
    only_if_logged: bool = False
    """When the tag is absent the check does not apply, instead of being INCONCLUSIVE."""
    unit: str = ""
    """Unit of the value, for the report."""

    def judge(self, facts: RunFacts, peers: Peers) -> Ruling:
        """Reduce the series and compare."""
        found = facts.need(self.tag)
        if isinstance(found, Missing):
            return self.missing(facts, structs.replace(found, not_applicable=self.only_if_logged))
        (series,) = found
        points = magnitudes(series) if self.statistic == "max_abs" else series
        cut = self.window.cut(points, self.min_points)
        measured = Measured(
            reduced=reduce(cut, self.statistic),
            series=cut,
            whole=points,
            subject=self.tag,
            name=tag_name(self.tag),
            statistic=self.taken,
            note=f"derived: {series.derived_from}" if series.derived_from else "",
            unit=self.unit,
        )
        return Ruling(finding=self.compare(facts, measured, self.sides(), self.patience))

    @property
    def of_updates(self) -> bool:
        """As its tag is."""
        return logged_by_updates(self.tag)

    def describe(self) -> Description:
        """Name the tag and how it is reduced."""
        return Description(value=f"`{self.tag}`, {self.taken}", levels=self.levels_text())

    @property
    def irrevocable(self) -> bool:
        """A level that was exceeded once, over all points."""
        whole = self.window == Window() and self.patience is None
        return whole and self.statistic == "max_abs"
