"""What all check types share: their common keys, levels, windows, and how a number becomes a finding."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from gates.facts import Missing, RunFacts
from gates.findings import Finding, Outcome
from gates.metrics import Reduced, first_breach, has_n_of_m, window
from gates.number_text import in_words
from gates.series import FloatArray, Series

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


class Strict(BaseModel):
    """A part of a gate file: unknown keys, NaN and infinity are mistakes."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Window(Strict):
    """Which end of a series is judged; all of it when neither key is given."""

    last_share: float | None = Field(default=None, gt=0, le=1)
    """Share of the points, from the end."""
    last_points: int | None = Field(default=None, ge=1)
    """Number of points, from the end."""

    @model_validator(mode="after")
    def _only_one(self) -> Window:
        if self.last_share is not None and self.last_points is not None:
            raise ValueError("give last_share or last_points, not both")
        return self

    def cut(self, series: Series) -> Series:
        """Return the points in the window."""
        return window(series, last_share=self.last_share, last_points=self.last_points)

    def words(self) -> str:
        """Say which points these are."""
        if self.last_share is not None:
            return f"of the last {self.last_share:.0%} of the points"
        return f"of the last {self.last_points} points" if self.last_points else "of all points"


class Patience(Strict):
    """How many points must break a level before it counts: N of M in a row."""

    breaches: int = Field(ge=1)
    """Points that break the level, N."""
    of: int = Field(ge=1)
    """Points in a row among which they stand, M."""

    @model_validator(mode="after")
    def _possible(self) -> Patience:
        if self.breaches > self.of:
            raise ValueError(f"breaches ({self.breaches}) cannot exceed of ({self.of})")
        return self


class Levels(Strict):
    """Where WARN and FAIL start; at least one of them."""

    warn: float | None = None
    """WARN beyond this value."""
    fail: float | None = None
    """FAIL beyond this value."""

    @model_validator(mode="after")
    def _at_least_one(self) -> Levels:
        if self.warn is None and self.fail is None:
            raise ValueError("give warn, fail or both: a check without a level cannot fail")
        return self


class CommonKeys(Strict):
    """Keys of every check."""

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


class TwoSided(CommonKeys):
    """Keys of a check whose value has levels above, below or both."""

    max: Levels | None = None
    """Levels that the value may not exceed."""
    min: Levels | None = None
    """Levels that the value may not fall below."""

    @model_validator(mode="after")
    def _levels_make_sense(self) -> TwoSided:
        if self.max is None and self.min is None:
            raise ValueError("give max, min or both: a check without a level cannot fail")
        for name, levels, sign in (("max", self.max, 1.0), ("min", self.min, -1.0)):
            pair = (levels.warn, levels.fail) if levels else (None, None)
            if None not in pair and sign * pair[0] > sign * pair[1]:  # type: ignore[operator]
                raise ValueError(
                    f"{name}: warn ({pair[0]:g}) must be reached before fail ({pair[1]:g})"
                )
        if self.max and self.min:
            lows = [v for v in (self.min.warn, self.min.fail) if v is not None]
            highs = [v for v in (self.max.warn, self.max.fail) if v is not None]
            if max(lows) > min(highs):
                raise ValueError("the levels of min lie above those of max: nothing could pass")
        return self

    def sides(self) -> tuple[Side, ...]:
        """Return the sides that have levels."""
        pairs = (("max", self.max), ("min", self.min))
        return tuple(
            Side(direction=direction, warn=levels.warn, fail=levels.fail)  # type: ignore[arg-type]
            for direction, levels in pairs
            if levels
        )


@dataclass(frozen=True, kw_only=True)
class NotApplicable:
    """A check that makes no sense for this run; it is named in the result and never counted."""

    check: str
    title: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Outcomes:
    """What a check returns: a finding, or why it does not apply, and the series that it derived."""

    finding: Finding | NotApplicable
    series: Series | None = None


def missing(check: CommonKeys, facts: RunFacts, why: Missing, **numbers: object) -> Outcomes:
    """Turn missing evidence into INCONCLUSIVE, or into a check that does not apply."""
    if why.not_applicable:
        return Outcomes(
            finding=NotApplicable(check=check.id, title=check.title, reason=why.reason)
        )
    hint = f"; log {', '.join(why.tags)}" if why.tags else ""
    return Outcomes(
        finding=finding(
            check,
            outcome=Outcome.INCONCLUSIVE,
            reason=f"cannot be judged: {why.reason}{hint}.",
            required=is_required(check, facts),
            tag=why.tags[0] if why.tags else "",
            **numbers,
        )
    )


def is_required(check: CommonKeys, facts: RunFacts) -> bool:
    """Say whether missing evidence counts as a required finding for this run."""
    return check.required and not (check.optional_for_other_trainers and not facts.own_trainer)


def finding(
    check: CommonKeys, *, outcome: Outcome, reason: str, required: bool | None = None, **numbers: object
) -> Finding:
    """Build a finding with the check's own texts."""
    return Finding(
        check=check.id,
        title=check.title,
        outcome=outcome,
        required=check.required if required is None else required,
        reason=reason,
        rationale=check.rationale,
        group=check.group,
        dry_run=check.dry_run,
        live=check.live,
        **{"limit_source": check.source, **numbers},  # type: ignore[arg-type]
    )


@dataclass(frozen=True, kw_only=True)
class Side:
    """One side of a limit: `max` may not be exceeded, `min` may not be undercut."""

    direction: Literal["max", "min"]
    warn: float | None
    fail: float | None

    def broken(self, values: FloatArray, level: float | None) -> np.ndarray:  # type: ignore[type-arg]
        """`bool[n]`: which values break a level; NaN breaks none."""
        if level is None:
            return np.zeros(len(values), dtype=bool)
        with np.errstate(invalid="ignore"):
            return values > level if self.direction == "max" else values < level


def judge_value(
    check: CommonKeys,
    facts: RunFacts,
    *,
    series: Series,
    whole: Series | None,
    reduced: Reduced,
    sides: tuple[Side, ...],
    subject: str,
    statistic: str,
    patience: Patience | None = None,
    points: int | None = None,
    note: str = "",
    unit: str = "",
    limit_source: str = "",
    tag: str = "",
) -> Finding:
    """Compare one reduced value with its levels; NaN and too few points are INCONCLUSIVE, never PASS.

    `series` holds the points in the window, `whole` those in which the first breach is looked for (None: nowhere).
    """
    count = reduced.points if points is None else points
    outcome, side, level = _worst(reduced, series.values, sides, patience)
    if outcome is not Outcome.FAIL:
        why = ""
        if reduced.nan_points:
            why = f"{reduced.nan_points} of {reduced.points} points are NaN"
        elif count < check.min_points:
            why = f"only {count} points, {check.min_points} are needed"
        elif np.isnan(reduced.value):
            why = "the result is not a number"
        if why:
            outcome, level = Outcome.INCONCLUSIVE, _first_level(side)
    breach = None
    if whole is not None and outcome in (Outcome.WARN, Outcome.FAIL):
        breach = first_breach(whole, lambda values: side.broken(values, level))
    first, last = reduced.first_step, reduced.last_step
    required = check.required
    if outcome is Outcome.INCONCLUSIVE:
        required = is_required(check, facts)
        reason = f"{subject} cannot be judged: {why}."
    else:
        text = f"{subject} is {in_words(reduced.value)} ({statistic})"
        reason = f"{text}, {_relation(outcome, side, level, last, breach, patience)}."
    return finding(
        check,
        outcome=outcome,
        reason=f"{reason} {note[:1].upper()}{note[1:]}." if note else reason,
        required=required,
        value=reduced.value,
        limit=level if level is not None else _first_level(side),
        warn_limit=side.warn,
        direction=side.direction,
        statistic=f"{subject}: {statistic}",
        unit=unit,
        tag=tag or series.tag,
        first_step=first,
        last_step=last,
        points=count,
        breach_step=breach,
        limit_source=limit_source or check.source,
        derived_from=series.derived_from,
    )


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
) -> str:
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
        return f"{text}, first at step {breach:,}"
    return text if last is None else f"{text} at step {last:,}"
