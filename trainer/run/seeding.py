"""One seed, independent random streams: what one part draws never shifts what another part draws."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch


class RandomStreams:
    """The random generators of a run, whose states can be saved and restored.

    Environments have generators of their own, seeded from `env_seed`.
    """

    def __init__(self, seed: int) -> None:
        children = np.random.SeedSequence(seed).spawn(5)
        self.exploration = np.random.default_rng(children[0])
        """Random actions and exploration noise."""
        self.replay = np.random.default_rng(children[1])
        """Indices of sampled transitions."""
        self.env_seed = int(children[2].generate_state(1)[0] >> 1)
        self.eval_seed = int(children[3].generate_state(1)[0] >> 1)
        self.torch_seed = int(children[4].generate_state(1)[0])
        """For network initialisation and target noise, both from torch's default generators."""

    def seed_torch(self) -> None:
        """Seed torch's generators on every device."""
        torch.manual_seed(self.torch_seed)

    def capture(self) -> dict[str, Any]:
        """Return the states as tensors and plain values, loadable without executing code."""
        return {
            "exploration": self.exploration.bit_generator.state,
            "replay": self.replay.bit_generator.state,
            "torch": torch.get_rng_state(),
            "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Continue every stream where `capture` left it."""
        self.exploration.bit_generator.state = state["exploration"]
        self.replay.bit_generator.state = state["replay"]
        torch.set_rng_state(state["torch"].cpu())
        if state["cuda"]:
            torch.cuda.set_rng_state_all([one.cpu() for one in state["cuda"]])
