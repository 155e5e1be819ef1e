"""What a stage bought: its policies against those of the stages before, on the same episodes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from msgspec import Struct

from gates.errors import InputError
from gates.findings import Certainty, Finding, Outcome
from gates.runs.afresh import Afresh, PolicyAfresh
from gates.series import FloatArray
from gates.sign_flips import sign_flip_p
from gates.text import format_number

LOST_BY_LUCK = 0.01
"""How often equal policies may be called lost."""
MATTERS = 0.1
"""Share of what the earlier policy gained over the untrained one; a smaller loss is none."""

Bought = Literal["gained", "kept", "lost"]


class Candidate(Struct, frozen=True, kw_only=True):
    """A policy that could be taken: of which stage and run, and how it did."""

    stage: str
    run: str
    policy: PolicyAfresh

    @property
    def words(self) -> str:
        """Name it: `the best policy of 50k, step 40,000`."""
        return f"the {self.policy.policy} policy of {self.stage}, step {self.policy.step:,}"


class StageAfresh(Struct, frozen=True):
    """What a stage's run recorded."""

    stage: str
    run: str
    afresh: Afresh

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        """The policies that it made."""
        return tuple(
            Candidate(stage=self.stage, run=self.run, policy=policy)
            for policy in self.afresh.trained
        )


class Comparison(Struct, frozen=True, kw_only=True):
    """The better policy of a stage against the best one of the stages before."""

    own: Candidate
    earlier: Candidate
    differences: FloatArray
    """Own minus earlier return of each episode that both ran."""
    bought: Bought
    p_lost: float
    """How often equal policies lose as much or more, by luck."""
    p_gained: float
    choices: tuple[int, int]
    """Policies of which the own and the earlier one are the best: the best is partly lucky."""
    tolerated: float
    """Loss that does not matter."""

    @property
    def mean(self) -> float:
        """Mean difference of the returns."""
        return float(self.differences.mean())


def policy_to_take(stages: Sequence[StageAfresh]) -> Candidate | None:
    """Return the policy with the highest mean return over the episodes that all stages share.

    One that ran fewer than half as many episodes as another says little: it is taken only where luck hardly explains
    that it did better on the episodes that both ran.
    """
    candidates = [candidate for stage in stages for candidate in stage.candidates]
    most = max((len(c.policy.returns) for c in candidates), default=0)
    able = [c for c in candidates if 2 * len(c.policy.returns) >= most]
    shared = min((len(c.policy.returns) for c in able), default=0)
    taken = max(reversed(able), key=lambda c: float(c.policy.values[:shared].mean()), default=None)
    for other in candidates:
        few = 2 * len(other.policy.returns) < most
        if few and taken and sign_flip_p(_differences(other, taken)) <= LOST_BY_LUCK:
            taken = other
    return taken


def _differences(one: Candidate, other: Candidate) -> FloatArray:
    """Subtract the other's returns from the one's, over the episodes that both ran."""
    count = min(len(one.policy.returns), len(other.policy.returns))
    return one.policy.values[:count] - other.policy.values[:count]


def best_of(candidates: Sequence[Candidate]) -> Candidate | None:
    """Return the candidate with the highest mean return; of equal ones the later."""
    return max(reversed(candidates), key=lambda c: c.policy.mean, default=None)


def compare_stages(own: StageAfresh, before: Sequence[StageAfresh]) -> Comparison | None:
    """Compare a stage with those before it; None where they share no episodes.

    The best of several earlier policies is partly lucky, so the error that is allowed is divided by their number.
    """
    shared = [stage for stage in before if stage.afresh.first_seed == own.afresh.first_seed]
    earlier = [candidate for stage in shared for candidate in stage.candidates]
    mine, theirs = best_of(own.candidates), best_of(earlier)
    if mine is None or theirs is None:
        return None
    differences = _differences(mine, theirs)
    p_lost, p_gained = sign_flip_p(-differences), sign_flip_p(differences)
    untrained = own.afresh.untrained
    gained = abs(theirs.policy.mean - untrained.mean) if untrained is not None else 0.0
    tolerated = MATTERS * gained
    allowed = LOST_BY_LUCK / len(earlier)
    bought: Bought = "kept"
    if p_gained <= allowed:
        bought = "gained"
    elif p_lost <= allowed and -float(differences.mean()) > tolerated:
        bought = "lost"
    return Comparison(
        own=mine,
        earlier=theirs,
        differences=differences,
        bought=bought,
        p_lost=p_lost,
        p_gained=p_gained,
        choices=(len(own.candidates), len(earlier)),
        tolerated=tolerated,
    )


def stage_gain(own: StageAfresh, before: Sequence[StageAfresh]) -> Finding | None:
    """Judge what a stage bought: one that lost is no GO. None for a first stage."""
    found = compare_stages(own, before)
    if found is None:
        return None
    count, change = len(found.differences), format_number(abs(found.mean))
    means = (
        f"{found.own.words}, returns {format_number(found.own.policy.mean)}; {found.earlier.words}, "
        f"{format_number(found.earlier.policy.mean)}"
    )
    result = {
        "gained": f"the stage gained {change}, which luck explains with p = {found.p_gained:.2g}",
        "kept": f"the stage kept what was learned: {format_number(found.mean)} is within luck or too little to matter",
        "lost": f"the stage lost {change}, which luck explains with p = {found.p_lost:.2g}",
    }[found.bought]
    lost = found.bought == "lost"
    return replace(
        _FINDING,
        outcome=Outcome.WARN if lost else Outcome.PASS,
        reason=f"{result}, over {count} episodes that both ran. {means[0].upper()}{means[1:]}.",
        fact=f"the stage lost {change} of return; take {found.earlier.words}" if lost else "",
        value=found.mean,
        limit=-found.tolerated,
        direction="min",
        statistic=f"difference of returns over {count} episodes, evaluated afresh",
        points=count,
        last_step=found.own.policy.step,
        certainty=_certainty(found),
    )


def _certainty(found: Comparison) -> Certainty:
    gained, (own, earlier) = found.mean >= 0, found.choices
    return Certainty(
        claim=f"a policy {'no better' if gained else 'no worse'} than {found.earlier.words}",
        p=min(1.0, found.p_gained * own if gained else found.p_lost * earlier),
        model=f"signs of {len(found.differences)} paired differences",
        decided=found.bought != "kept",
    )


def unreadable(error: InputError) -> Finding:
    """Say that a record of the evaluation cannot be used."""
    return replace(
        _FINDING,
        outcome=Outcome.INCONCLUSIVE,
        required=False,
        reason=f"cannot be judged: {error}.",
        fact="not decided, the evaluation afresh cannot be read",
    )


_FINDING = Finding(
    check="stage_gain",
    type="stage_gain",
    title="No worse than the stages before",
    outcome=Outcome.PASS,
    required=True,
    reason="",
    rationale="A long stage that makes the policy worse bought nothing.",
    limit_source=(
        f"signs of paired differences (Fisher 1935), error {LOST_BY_LUCK:g}; a loss matters from {MATTERS:.0%} of "
        "what was gained over the untrained policy"
    ),
    group="learning",
)
