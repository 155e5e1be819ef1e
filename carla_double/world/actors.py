"""Actors: everything that lives in the world and has an id."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from carla_double.wire.encodings import CallError, Encoded, Transform, token
from carla_double.world.blueprints import BLUEPRINTS, Blueprint

NOWHERE = Transform()
"""Mount of an actor that has none."""
NOBODY = 0
"""Id of the parent of actors without one."""
_NO_BOX = [[0.0, 0.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]]
_SEMANTIC_TAGS = {"vehicle": b"\x0e", "walker": b"\x0c"}
SPECTATOR = Blueprint(id="spectator")
"""The one actor that exists from the start and cannot be spawned."""


@dataclass(frozen=True)
class Description:
    """What a client asks to be spawned."""

    uid: int
    id: str
    attributes: Mapping[str, str]
    encoded: Encoded
    """As it came; the client gets it back in the actor."""

    @classmethod
    def decode(cls, encoded: Sequence[Any]) -> Description:
        """Read `[uid, id, [[id, type, value]...]]`.

        Raises:
            CallError: It has another shape.
        """
        try:
            uid, blueprint_id, attributes = encoded[:3]
            values = {str(a[0]): str(a[2]) for a in attributes}
            return cls(int(uid), str(blueprint_id), values, list(encoded))
        except (TypeError, ValueError, IndexError) as error:
            raise CallError(f"not an actor description: {encoded!r}"[:200]) from error


@dataclass(frozen=True, kw_only=True)
class Actor:
    """One living actor; where it is, is known to the world."""

    id: int
    blueprint: Blueprint
    description: Encoded
    attributes: Mapping[str, str]
    parent: int = NOBODY
    mount: Transform = NOWHERE
    """Place relative to the parent; absolute without one."""
    stream_id: int | None = None
    """Stream of a sensor that the server computes."""

    @property
    def is_vehicle(self) -> bool:
        """Whether the actor is driven by a vehicle control."""
        return self.blueprint.id.startswith("vehicle.")

    def number(self, attribute: str, least: float = 0.0) -> float:
        """Return the value of a numeric attribute.

        Raises:
            CallError: It is no number of at least `least`.
        """
        text = self.attributes.get(attribute, "")
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if not value >= least:
            raise CallError(
                f"{self.blueprint.id}: {attribute} is '{text}', give a number of at least {least}"
            )
        return value

    def encode_box(self) -> Encoded:
        """Return the bounding box as the client encodes it."""
        box = self.blueprint.box
        return box.encode(self.id) if box else [*_NO_BOX, self.id]

    def encode(self, stream_port: int) -> Encoded:
        """Return the actor as the client encodes it."""
        return [
            self.id,
            self.parent,
            self.description,
            self.encode_box(),
            _SEMANTIC_TAGS.get(self.blueprint.id.partition(".")[0], b""),
            b"" if self.stream_id is None else token(self.stream_id, stream_port),
        ]


def blueprint_of(description: Description) -> Blueprint:
    """Return what a description asks for.

    Raises:
        CallError: The double does not offer it.
    """
    blueprint = BLUEPRINTS.get(description.id)
    if blueprint is None:
        raise CallError(f"the double of CARLA offers no '{description.id}'")
    return blueprint
