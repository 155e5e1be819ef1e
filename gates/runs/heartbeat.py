"""Phases of a trainer's heartbeat, as status.json names them (docs/run-directory.md)."""

from __future__ import annotations

from enum import Enum


class Phase(str, Enum):
    """What a trainer is doing, or how it ended."""

    STARTING = "starting"
    CONNECTING = "connecting"
    LOADING_MAP = "loading_map"
    EXPLORING = "exploring"
    TRAINING = "training"
    EVALUATING = "evaluating"
    CHECKPOINTING = "checkpointing"
    FINISHED = "finished"
    STOPPED = "stopped"
    DIVERGED = "diverged"
    FAILED = "failed"


PREPARING = frozenset({Phase.STARTING, Phase.CONNECTING, Phase.LOADING_MAP})
"""The trainer sets itself up or waits for a simulator."""
ENDED = frozenset({Phase.FINISHED, Phase.STOPPED, Phase.DIVERGED, Phase.FAILED})
"""The process ends after these."""
