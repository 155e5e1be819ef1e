"""`presence`: the tags that a judgement needs are logged."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar

from msgspec import Meta

from gates.checks.check import Check, Description, Peers, Ruling
from gates.checks.keys import Tag
from gates.facts.run_facts import RunFacts
from gates.findings import Outcome
from gates.text import format_plural


class PresenceCheck(Check, frozen=True, kw_only=True, tag="presence"):
    """The tags that the other checks need are logged."""

    assumes: ClassVar[tuple[str, ...]] = ("What the trainer logs was read under its right names.",)
    needed: Annotated[tuple[Tag, ...], Meta(min_length=1)]
    """Without one of these nothing can be judged: INCONCLUSIVE."""
    any_of: tuple[Tag, ...] = ()
    """Without all of these nothing can be judged either: INCONCLUSIVE."""
    expected: tuple[Tag, ...] = ()
    """Without one of these part of the judgement is missing: WARN."""

    def judge(self, facts: RunFacts, peers: Peers) -> Ruling:
        """Name the tags that are missing."""
        absent = {
            tag
            for tag in (*self.needed, *self.expected)
            if facts.series(tag) is None
            and not (facts.no_episode_ended and tag.startswith("train/episode_"))
        }
        needed: list[str] = [tag for tag in self.needed if tag in absent]
        expected = [tag for tag in self.expected if tag in absent]
        if self.any_of and all(facts.series(tag) is None for tag in self.any_of):
            needed.append(f"one of {', '.join(self.any_of)}")
        total = len({*self.needed, *self.any_of, *self.expected})
        numbers: dict[str, Any] = {
            "value": float(len(needed) + len(expected)),
            "limit": 0.0,
            "direction": "max",
            "statistic": "tags that are not logged",
            "points": total,
        }
        fact = ""
        if needed:
            # Of another trainer nothing was promised: a person decides what its log cannot show.
            outcome = Outcome.INCONCLUSIVE if facts.own_trainer else Outcome.WARN
            undecided = "not decided, " if facts.own_trainer else ""
            text = f"nothing can be judged without {', '.join(needed)}"
            fact = f"{undecided}{_first(needed)} not logged"
            if (before := facts.before_first_actor_update) is not None:
                text, expected, fact = before.reason, [], f"{undecided}{before.fact}"
        elif expected:
            outcome, text = Outcome.WARN, "parts of the judgement are missing"
            fact = f"{_first(expected)} not logged"
        else:
            outcome, text = Outcome.PASS, f"all {total} tags that the checks need are logged"
        if expected:
            text += f"; log {', '.join(expected)}"
        found = self.finding(outcome=outcome, reason=f"{text}.", fact=fact, **numbers)
        return Ruling(finding=found)

    def describe(self) -> Description:
        """Say what is counted."""
        return Description(
            value="tags that are not logged",
            levels="INCONCLUSIVE without the needed ones, WARN without the expected ones",
        )


def _first(tags: Sequence[str]) -> str:
    """Name the first of some tags and count the rest."""
    if len(tags) == 1:
        return f"{tags[0]} is"
    return f"{tags[0]} and {format_plural(len(tags) - 1, 'more tag')} are"
