"""The RPC table: every method that the double answers."""

from __future__ import annotations

from carla_double.calls import actors as calls_actors
from carla_double.calls import batch as calls_batch
from carla_double.calls import episode as calls_episode
from carla_double.calls import traffic_manager as calls_traffic_manager
from carla_double.simulator import Call

CALLS: dict[str, Call] = {
    **calls_episode.CALLS,
    **calls_actors.CALLS,
    **calls_batch.CALLS,
    **calls_traffic_manager.CALLS,
}
"""Answers by method."""
