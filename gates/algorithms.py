"""Which algorithms a run may be, and which checks and laws hold for them."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from typing import Literal, get_args

Algorithm = Literal["TD3", "DDPG", "SAC", "TQC", "PPO", "A2C", "DQN"]
KnownOrOther = Literal[Algorithm, "other"]
"""`other` is an algorithm that is named and not among the known ones."""

TD3_LIKE: tuple[KnownOrOther, ...] = ("TD3", "DDPG")
"""Deterministic actor, Q critics and averaged targets."""
SAC_ONLY: tuple[KnownOrOther, ...] = ("SAC",)
TD3_AND_SAC: tuple[KnownOrOther, ...] = (*TD3_LIKE, *SAC_ONLY)
"""One value per critic, state and action."""
TD3_KIN: tuple[KnownOrOther, ...] = (*TD3_LIKE, "SAC", "TQC")
"""Actors that climb Q critics learned from a replay buffer."""
ON_POLICY: tuple[KnownOrOther, ...] = ("PPO", "A2C")
"""Stochastic actor and value function, learned from the policy's own rollouts."""


def known(names: Iterable[str]) -> frozenset[str]:
    """Return the algorithms behind names as programs write them (`td3_bc` is TD3); without a name it is TD3."""
    found: set[str] = set()
    for name in names:
        words = set(re.findall(r"[A-Z0-9]+", name.upper()))
        found |= words.intersection(get_args(Algorithm)) or {"other"}
    return frozenset(found or {"TD3"})


def holds_for(algorithms: Collection[str], names: Iterable[str]) -> bool:
    """Whether something that holds for some algorithms (none: for all) holds for what a run may be."""
    return not algorithms or not known(names).isdisjoint(algorithms)


def why_not(algorithms: Collection[str], names: Iterable[str]) -> str:
    """Say why something does not apply to a run: `holds for PPO and A2C, not for DQN`."""
    listed = [name for name in algorithms if name != "other"]
    return f"holds for {_join(listed, 'and')}, not for {_join(list(names) or ['TD3'], 'or')}"


def _join(names: list[str], word: str) -> str:
    *first, last = names
    return f"{', '.join(first)} {word} {last}" if first else last
