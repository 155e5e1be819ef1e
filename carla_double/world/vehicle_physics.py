"""The physics parameters that the client may ask for; the double's motion does not depend on them."""

from __future__ import annotations

import math

from carla_double.wire.encodings import Encoded
from carla_double.world.actors import Actor
from carla_double.world.vehicle_model import MAX_STEER_RAD


def physics_control(actor: Actor) -> Encoded:
    """Return a plausible set for a vehicle, as the client encodes it."""
    box = actor.blueprint.box
    assert box is not None
    steer = math.degrees(MAX_STEER_RAD)
    wheels = [
        [3.5, 0.25, steer if front else 0.0, 35.0, 1500.0, 3000.0, 20.0, 20.0, 2.0, [x, y, 0.3]]
        for front, x in ((True, box.half_length_m * 0.62), (False, -box.half_length_m * 0.62))
        for y in (-0.8 * box.half_width_m, 0.8 * box.half_width_m)
    ]
    return [
        [[0.0, 400.0], [1500.0, 500.0], [6000.0, 400.0]],
        6000.0,
        1.0,
        0.15,
        2.0,
        0.35,
        True,
        0.0,
        10.0,
        4.0,
        [[1.0, 0.5, 0.65]],
        actor.blueprint.mass_kg,
        0.3,
        [0.0, 0.0, -0.1],
        [[0.0, 1.0], [120.0, 0.8]],
        wheels,
        False,
    ]
