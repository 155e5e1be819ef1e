"""Faults that the double can be told to have, each known from real servers.

A fault is one JSON object with a `kind`; `docs/carla-double.md` lists them.
"""

from __future__ import annotations

import json
from typing import Annotated, Literal, TypeAlias, TypeVar

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError


class FaultError(ValueError):
    """A fault is described wrongly."""


class _Fault(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    after_ticks: int = Field(default=0, ge=0)
    """Frames from when the fault is set until it is live; 0: at once."""


class _Counted(_Fault):
    count: int | None = Field(default=None, ge=1)
    """How often it strikes; none: until it is cleared."""


class _OfMethod(_Counted):
    method: str
    """RPC method, such as `tick_cue`."""


class Delay(_OfMethod):
    """A call is answered late, and everything behind it in the queue as well."""

    kind: Literal["delay"] = "delay"
    seconds: float = Field(ge=0)


class Hang(_OfMethod):
    """A call is never answered; other calls are."""

    kind: Literal["hang"] = "hang"


class Refuse(_OfMethod):
    """A call is answered with an error and has no effect."""

    kind: Literal["error"] = "error"
    message: str = "refused by a fault of the double"


class Freeze(_Fault):
    """The whole server stops, as a stopped process does; pending calls are answered later."""

    kind: Literal["freeze"] = "freeze"
    seconds: float = Field(gt=0)


class Busy(_Fault):
    """The game thread is busy: only calls that need no world are answered."""

    kind: Literal["busy"] = "busy"
    seconds: float = Field(gt=0)


class SlowLoad(_Counted):
    """`load_new_episode` is answered at once, then the game thread is busy with the new map."""

    kind: Literal["slow_load"] = "slow_load"
    seconds: float = Field(gt=0)


class Kill(_Fault):
    """The process ends without a goodbye."""

    kind: Literal["kill"] = "kill"
    when: Literal["idle", "mid_tick", "load_world"] = "idle"
    """After a call, inside a frame before it is published, or inside `load_new_episode`."""


class DropFrames(_Counted):
    """Messages of a stream are lost."""

    kind: Literal["drop_frames"] = "drop_frames"
    stream: Literal["camera", "state"] = "camera"
    share: float = Field(default=1.0, gt=0, le=1)
    """Of the messages."""


class DelayFrames(_Counted):
    """Camera images come late; ticks do not."""

    kind: Literal["delay_frames"] = "delay_frames"
    seconds: float = Field(gt=0)


class BlackFrames(_Counted):
    """Camera images have the right size and frame, but hold no light."""

    kind: Literal["black_frames"] = "black_frames"


class StampedFrames(_Counted):
    """Camera images show their frame number, as one grey level: the number modulo 256."""

    kind: Literal["stamped_frames"] = "stamped_frames"


class FrameGap(_Counted):
    """The frame number jumps, as after a stall in which the server went on by itself."""

    kind: Literal["frame_gap"] = "frame_gap"
    frames: int = Field(default=3, ge=1, le=1_000_000)


class Occupied(_Fault):
    """Parked vehicles occupy spawn points, left behind by a client that crashed."""

    kind: Literal["occupied"] = "occupied"
    points: tuple[int, ...] | None = None
    """Numbers of the spawn points; none: all of them."""


class NoBarrier(_Fault):
    """Ticks do not wait for subscriptions that are on their way."""

    kind: Literal["no_barrier"] = "no_barrier"


Fault: TypeAlias = Annotated[
    Delay
    | Hang
    | Refuse
    | Freeze
    | Busy
    | SlowLoad
    | Kill
    | DropFrames
    | DelayFrames
    | BlackFrames
    | StampedFrames
    | FrameGap
    | Occupied
    | NoBarrier,
    Field(discriminator="kind"),
]
_ADAPTER: TypeAdapter[Fault] = TypeAdapter(Fault)
_LIST: TypeAdapter[list[Fault]] = TypeAdapter(list[Fault])
F = TypeVar("F", bound=_Fault)


def parse_fault(value: object) -> Fault:
    """Return the fault that a mapping describes.

    Raises:
        FaultError: It has no known kind, or a setting is unknown or wrong.
    """
    try:
        return _ADAPTER.validate_python(value)
    except ValidationError as error:
        raise FaultError(_sentence(error)) from error


def parse_fault_list(text: str) -> list[Fault]:
    """Return the faults of a JSON list.

    Raises:
        FaultError: It is no JSON, no list, or one of its faults is wrong.
    """
    try:
        return _LIST.validate_json(text)
    except ValidationError as error:
        raise FaultError(_sentence(error)) from error


def parse_fault_option(text: str) -> Fault:
    """Return the fault that `kind` or `kind:key=value,key=value` describes.

    Raises:
        FaultError: It is written otherwise, or `parse_fault` rejects it.
    """
    kind, _, settings = text.partition(":")
    values: dict[str, object] = {"kind": kind}
    for part in filter(None, settings.split(",")):
        key, equals, value = part.partition("=")
        if not equals:
            raise FaultError(f"fault '{text}': '{part}' is no key=value")
        values[key] = [int(n) for n in value.split("+")] if key == "points" else value
    return parse_fault(values)


def _sentence(error: ValidationError) -> str:
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"])
    return f"fault{f' {place}' if place else ''}: {first['msg']} (got {json.dumps(first['input'], default=str)[:80]})"


class Faults:
    """The faults that are set, and how much of each is left."""

    def __init__(self, seed: int = 0) -> None:
        self._set: list[tuple[Fault, int, int | None]] = []
        self._ticks = 0
        self._rng = np.random.default_rng(seed)

    def __bool__(self) -> bool:
        return bool(self._set)

    def add(self, fault: Fault) -> None:
        """Set a fault; it is live `after_ticks` frames from now."""
        self._set.append((fault, self._ticks + fault.after_ticks, getattr(fault, "count", 1)))

    def clear(self) -> None:
        """Have no fault any more."""
        self._set.clear()

    def ticked(self) -> None:
        """Count a frame."""
        self._ticks += 1

    def live(self, kind: type[F]) -> F | None:
        """Return the first live fault of a kind, and leave it as it is."""
        for fault, start, _ in self._set:
            if isinstance(fault, kind) and self._ticks >= start:
                return fault
        return None

    def strike(self, kind: type[F], **wanted: object) -> F | None:
        """Return a live fault of a kind with these settings and use it up by one; None: no fault."""
        for number, (fault, start, left) in enumerate(self._set):
            if not isinstance(fault, kind) or self._ticks < start:
                continue
            if any(getattr(fault, name) != value for name, value in wanted.items()):
                continue
            share = getattr(fault, "share", 1.0)
            if share < 1.0 and self._rng.random() >= share:
                return None
            if left == 1:
                del self._set[number]
            elif left is not None:
                self._set[number] = (fault, start, left - 1)
            return fault
        return None

    def describe(self) -> list[dict[str, object]]:
        """Return what is set, as JSON values."""
        return [fault.model_dump(mode="json") for fault, _, _ in self._set]
