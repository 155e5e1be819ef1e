"""What an optimiser moves: all that is its own, and nothing that is the other's."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from gonogo.evidence.update.parts import Networks


class Moved:
    """Compares the weights of actor and critics before and after a step of an optimiser."""

    def __init__(self, networks: Networks) -> None:
        """Take the networks; weights that both share, and encoders, are left out."""
        self.values: dict[str, float] = {}
        """By tag."""
        self._weights = dict(zip(("actor", "critic"), networks.own_weights(), strict=True))
        self._before: dict[str, list[Tensor]] = {}

    def steps(self, *whose: str) -> None:
        """Remember the weights of these networks before a step."""
        self._before = {name: [p.detach().clone() for p in self._weights[name]] for name in whose}

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
    """Return the share of tensors that differ from those before; what is no number stays that."""
    pairs = zip(now, before, strict=True)
    return sum(not torch.equal(p.nan_to_num(), q.nan_to_num()) for p, q in pairs) / len(before)
