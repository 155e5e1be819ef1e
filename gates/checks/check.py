"""The base of every check type: the keys they share, and how a measured number becomes a finding."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from pydantic import Field

from gates.checks.keys import Patience, Side, Strict
from gates.facts.run_facts import RunFacts
from gates.facts.values import Missing
from gates.findings import Finding, GateResult, NotApplicable, Outcome
from gates.metrics import Reduced, first_breach, has_n_of_m
from gates.series import FloatArray, Series
from gates.text import as_sentence, in_words

Group = Literal[
    "integrity",
    "actor_q",
    "critic",
    "actor_loss",
    "rewards",
    "episodes",
    "gradients",
    "policy",
    "learning",
]


@dataclass(frozen=True, kw_only=True)
class Description:
    """A check in the words of the documentation."""

    value: str
    """What is measured."""
    levels: str
    """Where WARN and FAIL start."""


@dataclass(frozen=True, kw_only=True)
class Peers:
    """What a check may read besides the run's facts."""

    findings: Mapping[str, Finding] = field(default_factory=dict)
    """By id, of the checks that it names in `reads`, where they gave one."""
    baseline: GateResult | None = None
    """Result of an earlier run that passed."""


@dataclass(frozen=True, kw_only=True)
class Ruling:
    """What a check says of a run, with the series that it derived."""

    finding: Finding | NotApplicable
    series: Series | None = None


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One measured number with everything that repeats it."""

    reduced: Reduced
    series: Series
    """Points in the window."""
    whole: Series | None = None
    """Points among which the first breach is looked for; None when the value is on another scale than the series."""
    subject: str
    """What was measured."""
    statistic: str
    """How the points became one number."""
    points: int | None = None
    """Logged points behind the number, where `reduced` counts something else."""
    note: str = ""
    """What the reader must know about the number."""
    unit: str = ""
    limit_source: str = ""
    """Where the levels come from; the check's own source when empty."""
    tag: str = ""
    """Series to plot; that of `series` when empty."""


class Check(Strict, ABC):
    """Keys and behaviour of every check; a check type is a subclass with its own `type`."""

    type: str
    """Check type; those that there are follow below."""
    id: str = Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=60)
    """Stable identifier, unique in the gate: `actor_q_bound`."""
    title: str = Field(min_length=1, max_length=90, pattern=r"^[^\r\n]+$")
    """Name for people."""
    group: Group
    """Family, for the order of the report."""
    required: bool = True
    """A required FAIL or INCONCLUSIVE is a NO_GO; an advisory FAIL makes the verdict CONDITIONAL at most."""
    optional_for_other_trainers: bool = False
    """Another trainer that does not log what is needed gets an advisory INCONCLUSIVE; our own must log it."""
    dry_run: bool = False
    """Shown, never counted: for a new level that was not backtested yet."""
    live: bool = False
    """Also judged while the run is training."""
    min_points: int = Field(default=5, ge=1)
    """Fewer points are INCONCLUSIVE."""
    rationale: str = Field(min_length=1, pattern=r"^[^\r\n]+$")
    """Why this is checked, one line."""
    source: str = Field(min_length=1, pattern=r"^[^\r\n]+$")
    """Where the levels come from."""

    @abstractmethod
    def judge(self, facts: RunFacts, peers: Peers) -> Ruling:
        """Judge a run; pure."""

    @abstractmethod
    def describe(self) -> Description:
        """Say what is measured and where the levels are."""

    @property
    def reads(self) -> tuple[str, ...]:
        """Ids of checks of the same gate that must be judged before."""
        return ()

    @property
    def irrevocable(self) -> bool:
        """Whether a FAIL stays one, whatever is logged later."""
        return False

    def is_required(self, facts: RunFacts) -> bool:
        """Whether missing evidence counts as a required finding for this run."""
        return self.required and not (self.optional_for_other_trainers and not facts.own_trainer)

    def finding(
        self, *, outcome: Outcome, reason: str, required: bool | None = None, **numbers: Any
    ) -> Finding:
        """Build a finding with the check's own texts."""
        return Finding(
            check=self.id,
            title=self.title,
            outcome=outcome,
            required=self.required if required is None else required,
            reason=reason,
            rationale=self.rationale,
            group=self.group,
            dry_run=self.dry_run,
            live=self.live,
            **{"limit_source": self.source, **numbers},
        )

    def missing(self, facts: RunFacts, why: Missing) -> Ruling:
        """Turn missing evidence into INCONCLUSIVE, or into a check that does not apply."""
        if why.not_applicable:
            skipped = NotApplicable(check=self.id, title=self.title, reason=why.reason)
            return Ruling(finding=skipped)
        hint = f"; log {', '.join(why.tags)}" if why.tags else ""
        if why.tags and facts.before_first_actor_update:
            hint = f"; {facts.before_first_actor_update}"
        return Ruling(
            finding=self.finding(
                outcome=Outcome.INCONCLUSIVE,
                reason=f"cannot be judged: {why.reason}{hint}.",
                required=self.is_required(facts),
                tag=why.tags[0] if why.tags else "",
            )
        )

    def compare(
        self,
        facts: RunFacts,
        measured: Measured,
        sides: tuple[Side, ...],
        patience: Patience | None = None,
    ) -> Finding:
        """Compare a number with its levels; NaN and too few points are INCONCLUSIVE, never PASS."""
        reduced, series, whole = measured.reduced, measured.series, measured.whole
        count = reduced.points if measured.points is None else measured.points
        outcome, side, level = _worst(reduced, series.values, sides, patience)
        if outcome is not Outcome.FAIL:
            why = ""
            if reduced.nan_points:
                why = f"{reduced.nan_points} of {reduced.points} points are NaN"
            elif count < self.min_points:
                why = f"only {count} points, {self.min_points} are needed"
            elif np.isnan(reduced.value):
                why = "the result is not a number"
            if why:
                outcome, level = Outcome.INCONCLUSIVE, _first_level(side)
        breach = None
        if whole is not None and outcome in (Outcome.WARN, Outcome.FAIL):
            breach = first_breach(whole, lambda values: side.broken(values, level))
        required = self.required
        if outcome is Outcome.INCONCLUSIVE:
            required = self.is_required(facts)
            reason = f"{measured.subject} cannot be judged: {why}."
        else:
            text = f"{measured.subject} is {in_words(reduced.value)} ({measured.statistic})"
            relation = _relation(
                outcome, side, level, reduced.last_step, breach, patience, series.other_axis
            )
            reason = f"{text}, {relation}."
        return self.finding(
            outcome=outcome,
            reason=f"{reason} {as_sentence(measured.note)}." if measured.note else reason,
            required=required,
            value=reduced.value,
            limit=level if level is not None else _first_level(side),
            warn_limit=side.warn,
            direction=side.direction,
            statistic=f"{measured.subject}: {measured.statistic}",
            unit=measured.unit,
            tag=measured.tag or series.tag,
            on_axis=whole is not None,
            first_step=reduced.first_step,
            last_step=reduced.last_step,
            points=count,
            breach_step=breach,
            limit_source=measured.limit_source or self.source,
            derived_from=series.derived_from,
        )


def levels_text(pattern: str, warn: float | None, fail: float | None) -> str:
    """Write levels for `Description`: `WARN above 3, FAIL above 10`."""
    named = (("WARN", warn), ("FAIL", fail))
    return ", ".join(f"{n} {pattern.format(f'{v:g}')}" for n, v in named if v is not None)


def _worst(
    reduced: Reduced, values: FloatArray, sides: tuple[Side, ...], patience: Patience | None
) -> tuple[Outcome, Side, float | None]:
    def breaks(side: Side, level: float | None) -> bool:
        if patience is not None:
            return has_n_of_m(side.broken(values, level), patience.breaches, patience.of)
        return bool(side.broken(np.array([reduced.value]), level)[0])

    for side in sides:
        if breaks(side, side.fail):
            return Outcome.FAIL, side, side.fail
    for side in sides:
        if breaks(side, side.warn):
            return Outcome.WARN, side, side.warn
    return Outcome.PASS, sides[0], None


def _first_level(side: Side) -> float | None:
    return side.fail if side.fail is not None else side.warn


def _relation(
    outcome: Outcome,
    side: Side,
    level: float | None,
    last: int | None,
    breach: int | None,
    patience: Patience | None,
    other_axis: str,
) -> str:
    at = f"at {other_axis or 'step'}"
    limit = level if level is not None else _first_level(side)
    if limit is None:
        return "without a level"
    if outcome is Outcome.PASS:
        relation = "within" if side.direction == "max" else "not below"
    else:
        relation = "above" if side.direction == "max" else "below"
    word = "the warning level" if outcome is Outcome.WARN else "the limit"
    text = f"{relation} {word} {in_words(limit)}"
    if patience and outcome is not Outcome.PASS:
        text += f" in {patience.breaches} of {patience.of} points"
    if breach is not None:
        return f"{text}, first {at} {breach:,}"
    return text if last is None else f"{text} {at} {last:,}"
