"""Blueprints: what can be spawned. Ids are CARLA's; sizes and attributes are close, not equal."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from carla_double.wire.encodings import Box, Encoded


class AttributeType(IntEnum):
    """Types of blueprint attributes."""

    BOOL = 1
    INT = 2
    FLOAT = 3
    STRING = 4
    COLOR = 5


@dataclass(frozen=True)
class Attribute:
    """One attribute of a blueprint; values are always strings."""

    id: str
    type: AttributeType
    value: str
    recommended: tuple[str, ...] = ()
    modifiable: bool = True
    restricted: bool = False

    def encode(self) -> Encoded:
        """Return the client's encoding."""
        return [
            self.id,
            int(self.type),
            self.value,
            list(self.recommended),
            self.modifiable,
            self.restricted,
        ]


@dataclass(frozen=True, kw_only=True)
class Blueprint:
    """One kind of actor."""

    id: str
    attributes: tuple[Attribute, ...] = ()
    box: Box | None = None
    mass_kg: float = 0.0

    def encode(self, uid: int) -> Encoded:
        """Return the client's encoding; the tags are the parts of the id."""
        tags = self.id.replace(".", ",")
        return [uid, self.id, tags, [attribute.encode() for attribute in self.attributes]]


def _fixed(name: str, kind: AttributeType, text: str) -> Attribute:
    return Attribute(name, kind, text, (text,), modifiable=False)


def _role(value: str, *others: str) -> Attribute:
    return Attribute("role_name", AttributeType.STRING, value, (*others, value))


_COLORS = ("180,44,44", "53,85,140", "210,210,205", "40,44,50", "196,156,62", "90,120,84")


def _vehicle(
    name: str, size_m: tuple[float, float, float], mass_kg: float, kind: str = "car"
) -> Blueprint:
    length, width, height = size_m
    wheels = 2 if kind in ("bicycle", "motorcycle") else 4
    return Blueprint(
        id=f"vehicle.{name}",
        attributes=(
            # Not "autopilot" as in CARLA: a vehicle of that role drives itself here.
            _role("scenario", "autopilot", "ego_vehicle"),
            Attribute("sticky_control", AttributeType.BOOL, "true"),
            Attribute("color", AttributeType.COLOR, _COLORS[0], _COLORS, restricted=True),
            _fixed("number_of_wheels", AttributeType.INT, str(wheels)),
            _fixed("object_type", AttributeType.STRING, ""),
            _fixed("base_type", AttributeType.STRING, kind),
            _fixed("special_type", AttributeType.STRING, ""),
            _fixed("generation", AttributeType.INT, "2"),
            _fixed("has_dynamic_doors", AttributeType.BOOL, "false"),
            _fixed("has_lights", AttributeType.BOOL, "true"),
        ),
        box=Box(
            half_length_m=length / 2,
            half_width_m=width / 2,
            half_height_m=height / 2,
            centre_height_m=height / 2,
        ),
        mass_kg=mass_kg,
    )


def _sensor(name: str, *attributes: tuple[str, AttributeType, str]) -> Blueprint:
    return Blueprint(
        id=f"sensor.{name}",
        attributes=(
            _role("front"),
            *(Attribute(key, kind, text) for key, kind, text in attributes),
        ),
    )


def _walker(number: int) -> Blueprint:
    return Blueprint(
        id=f"walker.pedestrian.{number:04d}",
        attributes=(
            _role("pedestrian"),
            Attribute("speed", AttributeType.FLOAT, "0.0", ("0.0", "1.4", "2.6")),
            Attribute("is_invincible", AttributeType.BOOL, "true"),
            _fixed("gender", AttributeType.STRING, "male" if number % 2 else "female"),
            _fixed("age", AttributeType.STRING, "adult"),
            _fixed("generation", AttributeType.INT, "2"),
        ),
        box=Box(half_length_m=0.19, half_width_m=0.19, half_height_m=0.93, centre_height_m=0.93),
        mass_kg=80.0,
    )


_INT, _FLOAT, _BOOL, _TEXT = (
    AttributeType.INT,
    AttributeType.FLOAT,
    AttributeType.BOOL,
    AttributeType.STRING,
)
_SENSOR_TICK = ("sensor_tick", _FLOAT, "0.0")

BLUEPRINTS: dict[str, Blueprint] = {
    blueprint.id: blueprint
    for blueprint in (
        _vehicle("tesla.model3", (4.79, 2.16, 1.49), 1845.0),
        _vehicle("audi.a2", (3.70, 1.79, 1.55), 1200.0),
        _vehicle("audi.tt", (4.18, 1.99, 1.39), 1400.0),
        _vehicle("bmw.grandtourer", (4.61, 2.24, 1.67), 1600.0),
        _vehicle("citroen.c3", (3.99, 1.85, 1.62), 1150.0),
        _vehicle("dodge.charger_2020", (5.01, 2.10, 1.53), 1900.0),
        _vehicle("ford.mustang", (4.72, 1.89, 1.30), 1700.0),
        _vehicle("lincoln.mkz_2020", (4.89, 2.13, 1.51), 1750.0),
        _vehicle("mercedes.coupe_2020", (4.67, 2.00, 1.45), 1650.0),
        _vehicle("mini.cooper_s", (3.81, 1.97, 1.48), 1250.0),
        _vehicle("nissan.patrol_2021", (5.57, 2.15, 2.05), 2800.0),
        _vehicle("seat.leon", (4.19, 1.82, 1.47), 1300.0),
        _vehicle("toyota.prius", (4.51, 2.01, 1.52), 1400.0),
        _vehicle("carlamotors.firetruck", (8.47, 2.50, 3.83), 14000.0, "truck"),
        _vehicle("mercedes.sprinter", (5.92, 1.99, 2.56), 2500.0, "van"),
        _vehicle("mitsubishi.fusorosa", (10.27, 2.50, 4.25), 8000.0, "bus"),
        _vehicle("kawasaki.ninja", (2.03, 0.80, 1.45), 250.0, "motorcycle"),
        _vehicle("diamondback.century", (1.64, 0.37, 1.83), 90.0, "bicycle"),
        *(_walker(number) for number in range(1, 9)),
        _sensor(
            "camera.rgb",
            ("image_size_x", _INT, "800"),
            ("image_size_y", _INT, "600"),
            ("fov", _FLOAT, "90.0"),
            _SENSOR_TICK,
            ("gamma", _FLOAT, "2.2"),
            ("iso", _FLOAT, "100.0"),
            ("fstop", _FLOAT, "1.4"),
            ("shutter_speed", _FLOAT, "200.0"),
            ("exposure_mode", _TEXT, "histogram"),
            ("exposure_compensation", _FLOAT, "0.0"),
            ("motion_blur_intensity", _FLOAT, "0.45"),
            ("enable_postprocess_effects", _BOOL, "true"),
            ("lens_circle_falloff", _FLOAT, "5.0"),
            ("lens_circle_multiplier", _FLOAT, "0.0"),
            ("lens_k", _FLOAT, "-1.0"),
            ("lens_kcube", _FLOAT, "0.0"),
            ("lens_x_size", _FLOAT, "0.08"),
            ("lens_y_size", _FLOAT, "0.08"),
        ),
        _sensor("other.collision"),
        _sensor("other.lane_invasion"),
        _sensor("other.gnss", _SENSOR_TICK),
        _sensor("other.imu", _SENSOR_TICK),
        _sensor(
            "other.obstacle",
            ("distance", _FLOAT, "5.0"),
            ("hit_radius", _FLOAT, "0.5"),
            ("only_dynamics", _BOOL, "false"),
            _SENSOR_TICK,
        ),
    )
}
"""Everything that can be spawned, by id."""


def actor_definitions() -> Encoded:
    """Return all blueprints as the client's blueprint library."""
    return [blueprint.encode(uid) for uid, blueprint in enumerate(BLUEPRINTS.values(), 1)]
