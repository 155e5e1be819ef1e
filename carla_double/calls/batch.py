"""The batch call: a list of commands, each answered by itself.

Unlike every other result the list is not wrapped in a response.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from carla_double.calls import actors as calls_actors
from carla_double.simulator import Call, Simulator
from carla_double.wire.encodings import CallError, Encoded, refused, value

_SPAWN, _SET_AUTOPILOT = 0, 16


def _batch(simulator: Simulator, commands: list[Any], _tick: bool = False) -> Encoded:
    return [_carry_out(simulator, command[0]) for command in commands]


def _carry_out(simulator: Simulator, command: list[Any]) -> Encoded:
    """Return the id of the actor concerned, or why it failed."""
    kind, payload = command
    try:
        if kind == _SPAWN:
            return value(_spawn(simulator, payload))
        action = _COMMANDS.get(kind)
        if action is None:
            raise CallError(f"the double of CARLA knows no command of kind {kind}")
        action(simulator, *payload)
        return value(int(payload[0]))
    except CallError as error:
        return refused(str(error), void=False)


def _spawn(simulator: Simulator, payload: list[Any]) -> int:
    description, at, parent, _attachment, _socket, do_after = (*payload, [])[:6]
    if parent[0]:
        answer = calls_actors.spawn(simulator, description, at, parent[1])
    else:
        answer = calls_actors.spawn(simulator, description, at)
    actor_id = int(answer[0][1][0])
    for following in do_after:
        kind, arguments = following[0]
        # The client cannot know the new id: whatever is in its place means the spawned actor.
        _carry_out(simulator, [kind, [actor_id, *arguments[1:]]])
    return actor_id


def _destroy(simulator: Simulator, actor_id: int) -> Encoded:
    answer = calls_actors.destroy(simulator, actor_id)
    if not answer[0][1]:
        raise CallError(f"unable to destroy actor {actor_id}: not found")
    return answer


_COMMANDS: dict[int, Callable[..., Encoded]] = {
    1: _destroy,
    2: calls_actors.apply_control,
    5: calls_actors.accept,
    6: calls_actors.set_transform,
    8: calls_actors.set_velocity,
    14: calls_actors.set_physics,
    15: calls_actors.accept,
    _SET_AUTOPILOT: calls_actors.set_autopilot,
    18: calls_actors.accept,
    19: calls_actors.set_location,
}

CALLS: dict[str, Call] = {"apply_batch": Call(answer=_batch)}
"""Answers by method."""
