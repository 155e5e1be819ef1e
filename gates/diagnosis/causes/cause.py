"""The record of a cause: what it is, what would refute it and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct, field


class Cause(Struct, frozen=True, kw_only=True):
    """One entry of the vocabulary of diagnoses."""

    title: str
    meaning: str
    """What is wrong, and how that produces what the events show."""
    refuted_by: str
    instruction: str
    """What to do when configuration cannot cure it, or beside what it can."""
    config: Mapping[str, object] = field(default_factory=dict)
    """Keys and values of our trainer that cure or relieve it."""
    found_by: Mapping[str, str] = field(default_factory=dict)
    """Of a symptom: tags that would find its cause, and what each one tells. Only a symptom has any."""
    rank: int
    """Causes of lower rank come first: what is wrong in the code or the data before what follows from it."""

    @property
    def kind(self) -> Literal["cause", "symptom"]:
        """A symptom follows from something else, which its `found_by` would show."""
        return "symptom" if self.found_by else "cause"


BEHIND_AN_ACTOR: Mapping[str, str] = {
    "debug/actor_q_mean": "whether the actor raises Q by something other than actions",
    "train/q1_value": "whether the critic's values grow without bound",
    "gradients/actor_cnn_norm": "whether a gradient reaches the encoder past the policy",
    "debug/reward_mean": "whether the critic sees rewards of another size",
    "policy/preact_abs": "when the outputs before the tanh began to grow",
}
"""What would find the cause of an actor that does nothing any more."""
