"""The RPC table: every method that the double answers."""

from __future__ import annotations

from trainer.carla_double import calls_actors, calls_batch, calls_episode, calls_traffic_manager
from trainer.carla_double.simulator import Call

CALLS: dict[str, Call] = {
    **calls_episode.CALLS,
    **calls_actors.CALLS,
    **calls_batch.CALLS,
    **calls_traffic_manager.CALLS,
}
"""Answers by method."""
