"""Names of the algorithms: a new one is its own file and one line here."""

from __future__ import annotations

ALGORITHMS = {
    "td3": "trainer.agents.td3:TD3",
    "ddpg": "trainer.agents.td3:TD3",
}
"""`train.algorithm` to `module:class`; the class is an `Agent` and is imported only for a training."""
