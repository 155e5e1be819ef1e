"""What an optimiser moves: all that is its own, and nothing that is the other's."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from gonogo.evidence.update.parts import Networks

FIRST, APART = 5, 5
"""Updates at the start that are all measured, and how many it is from one to the next after them."""
BITS = {1: torch.int8, 2: torch.int16, 4: torch.int32, 8: torch.int64}
"""By the bytes of a number."""


class Moved:
    """Compares the weights of actor and critics before and after a step of an optimiser, in some of the updates."""

    def __init__(self, networks: Networks) -> None:
        """Take the networks; weights that both share, and encoders, are left out."""
        self.values: dict[str, float] = {}
        """By tag."""
        self._weights = dict(zip(("actor", "critic"), networks.own_weights(), strict=True))
        self._before: dict[str, list[Tensor]] = {}
        self._updates = 0
        self._looks = False

    def begin(self) -> None:
        """Begin an update."""
        self.values, self._before = {}, {}
        self._looks = self._updates < FIRST or self._updates % APART == 0

    def end(self) -> None:
        """Count the update, which was looked at to its end."""
        self._updates += 1

    def steps(self, *whose: str) -> None:
        """Remember the weights of these networks before a step."""
        if self._looks:
            self._before = {name: [_bits(p).clone() for p in self._weights[name]] for name in whose}

    def critic_stepped(self) -> None:
        """Measure the first step of the critics' optimiser."""
        if "weights/critic_reached" not in self.values:
            self._compare("critic", "weights/critic_reached")
            self._compare("actor", "weights/actor_moved_by_critic")

    def actor_stepped(self) -> None:
        """Measure a step of the actor's optimiser."""
        self._compare("critic", "weights/critic_moved_by_actor")

    def _compare(self, name: str, tag: str) -> None:
        before = self._before.pop(name, None)
        if before:
            self.values[tag] = _share_moved(self._weights[name], before)


def _share_moved(now: Sequence[Tensor], before: Sequence[Tensor]) -> float:
    """Return the share of tensors that differ from their bits before; what is no number stays that."""
    return sum(not torch.equal(_bits(p), q) for p, q in zip(now, before, strict=True)) / len(before)


def _bits(weights: Tensor) -> Tensor:
    return weights.detach().view(BITS[weights.element_size()])
