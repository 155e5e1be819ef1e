"""The base of every check type: the keys they share, and what every check can do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, ClassVar, Literal

from msgspec import Meta, Struct, field

from gates.algorithms import KnownOrOther, holds_for, why_not
from gates.checks.keys import Patience
from gates.checks.measured import Measured, compare
from gates.facts.run_facts import RunFacts
from gates.facts.values import Missing
from gates.findings import Finding, GateResult, NotApplicable, Outcome, Side
from gates.schema import Count, Keys, Line
from gates.series import Series
from gates.text import as_sentence

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
Id = Annotated[
    str,
    Meta(
        pattern=r"^[a-z][a-z0-9_]*\Z",
        max_length=60,
        description="at most 60 lower-case letters, digits and underscores, a letter first",
    ),
]
Title = Annotated[
    str,
    Meta(
        pattern=r"^[^\r\n]+\Z",
        min_length=1,
        max_length=90,
        description="one line of at most 90 characters",
    ),
]


class Description(Struct, frozen=True, kw_only=True):
    """A check in the words of the documentation."""

    value: str
    """What is measured."""
    levels: str
    """Where WARN and FAIL start."""


class Peers(Struct, frozen=True, kw_only=True):
    """What a check may read besides the run's facts."""

    findings: Mapping[str, Finding] = field(default_factory=dict)
    """By id, of the checks that it names in `reads`, where they gave one."""
    baseline: GateResult | None = None
    """Result of an earlier run that passed."""


class Ruling(Struct, frozen=True, kw_only=True):
    """What a check says of a run, with the series that it derived."""

    finding: Finding | NotApplicable
    series: Series | None = None


class Check(Keys, frozen=True, kw_only=True, tag_field="type"):
    """Keys and behaviour of every check; a check type is a subclass, whose `tag` is the word under `type`."""

    assumes: ClassVar[tuple[str, ...]]
    """When the check is right, and what makes it wrong; a sentence each."""

    id: Id
    """Stable identifier, unique in the gate: `actor_q_bound`."""
    title: Title
    """Name for people."""
    group: Group
    """Family, for the order of the report."""
    required: bool = True
    """A required FAIL or INCONCLUSIVE is a NO_GO; an advisory FAIL makes the verdict CONDITIONAL at most."""
    optional_for_other_trainers: bool = False
    """Another trainer that does not log what is needed gets an advisory INCONCLUSIVE; our own must log it."""
    required_for: tuple[KnownOrOther, ...] = ()
    """Algorithms of which other trainers must log what is needed all the same."""
    algorithms: tuple[KnownOrOther, ...] = ()
    """Algorithms that the check holds for, empty: all; to others it does not apply. A run that names none counts as
    TD3, and `other` is one that is not in this list."""
    dry_run: bool = False
    """Shown, never counted: for a new level that was not backtested yet."""
    live: bool = False
    """Also judged while the run is training."""
    min_points: Count = 5
    """Fewer points are INCONCLUSIVE."""
    rationale: Line
    """Why this is checked, one line."""
    source: Line
    """Where the levels come from."""

    def judge(self, facts: RunFacts, peers: Peers) -> Ruling:
        """Judge a run; pure."""
        raise NotImplementedError

    def describe(self) -> Description:
        """Say what is measured and where the levels are."""
        raise NotImplementedError

    @property
    def type(self) -> str:
        """Word that selects the check type."""
        return str(self.__struct_config__.tag)

    def applies_to(self, facts: RunFacts) -> bool:
        """Whether the check holds for the algorithm of a run."""
        return holds_for(self.algorithms, facts.algorithms)

    def not_applicable(self, facts: RunFacts) -> NotApplicable:
        """Say that the check does not hold for the algorithm of a run."""
        reason = why_not(self.algorithms, facts.algorithms)
        return NotApplicable(check=self.id, title=self.title, reason=reason)

    @property
    def assumptions(self) -> tuple[str, ...]:
        """What the finding relies on, a sentence each."""
        return self.assumes

    @property
    def reads(self) -> tuple[str, ...]:
        """Ids of checks of the same gate that must be judged before."""
        return ()

    @property
    def irrevocable(self) -> bool:
        """Whether a FAIL stays one, whatever is logged later."""
        return False

    @property
    def of_updates(self) -> bool:
        """Whether its points are logged updates: a stage with fewer than `min_points` of them cannot be judged."""
        return False

    def is_required(self, facts: RunFacts) -> bool:
        """Whether missing evidence counts as a required finding for this run."""
        optional = self.optional_for_other_trainers and not facts.own_trainer
        if optional and self.required_for:
            optional = not holds_for(self.required_for, facts.algorithms)
        return self.required and not optional

    def finding(
        self, *, outcome: Outcome, reason: str, required: bool | None = None, **numbers: Any
    ) -> Finding:
        """Build a finding with the check's own texts."""
        return Finding(
            check=self.id,
            type=self.type,
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
        # A brief reason names the tags that are missing already.
        hint = f"; log {', '.join(why.tags)}" if why.tags and not why.brief else ""
        brief = why.brief or why.reason
        if why.tags and (before := facts.before_first_actor_update) is not None:
            hint, brief = f"; {before.reason}", before.fact
        return Ruling(
            finding=self.finding(
                outcome=Outcome.INCONCLUSIVE,
                reason=f"cannot be judged: {why.reason}{hint}.",
                fact=f"not decided, {brief}",
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
        found = compare(measured, sides, patience, least=self.min_points)
        undecided = found["outcome"] is Outcome.INCONCLUSIVE
        return self.finding(
            **found, required=self.is_required(facts) if undecided else self.required
        )


def undecided(finding: Finding, why: str, brief: str) -> Finding:
    """Make a FAIL that the evidence does not carry a WARN, and say why.

    Args:
        finding: Finding to weaken; other outcomes stay as they are.
        why: Reason, a clause with its numbers.
        brief: The same in a few words, to follow the finding's fact.
    """
    if finding.outcome is not Outcome.FAIL:
        return finding
    reason = f"{finding.reason} {as_sentence(why)}."
    return replace(finding, outcome=Outcome.WARN, reason=reason, fact=f"{finding.fact}, {brief}")


def levels_text(pattern: str, warn: float | None, fail: float | None) -> str:
    """Write levels for `Description`: `WARN above 3, FAIL above 10`."""
    named = (("WARN", warn), ("FAIL", fail))
    return ", ".join(f"{n} {pattern.format(f'{v:g}')}" for n, v in named if v is not None)
