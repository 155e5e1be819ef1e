"""How much a replay buffer stores, known before there is one; imports no torch."""

from __future__ import annotations

from trainer.envs.environment import EnvSpec


def most_transitions(steps: int) -> int:
    """Return the most transitions that so many steps store; truncated episodes take one more each."""
    return steps + steps // 10


def transition_bytes(spec: EnvSpec) -> int:
    """Return what the replay buffer takes for one transition."""
    height, width = spec.camera_shape[1:] if spec.camera_shape else (0, 0)
    numbers = spec.vector_dim + spec.action_dim + 2  # reward and terminated
    return height * width + 4 * numbers + 6  # age and validity take a byte each, the number four
