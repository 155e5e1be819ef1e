"""Towns laid out on a grid: streets between crossings, bends at corners, junctions elsewhere."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

from carla_double.town.road_network import (
    Connection,
    Contact,
    Junction,
    Piece,
    Pose,
    Road,
    RoadLink,
    RoadNetwork,
)

Node = tuple[int, int]
Street = tuple[Node, Node]

CORNER_RADIUS_M = 20.0
"""Bends between two streets, and how far from the corner the streets end."""
JUNCTION_RADIUS_M = 14.0
"""How far from its centre a junction's streets end."""
FIRST_JUNCTION_ID = 1000
"""Junctions are numbered from here, so that no road has the same number."""
_CONTACTS: tuple[Contact, Contact] = ("start", "end")
_WINDING_RADIUS_M, _WINDING_RAD = 30.0, 0.35


@dataclass(frozen=True, kw_only=True)
class TownPlan:
    """A town as a grid; every crossing must keep at least two streets."""

    columns_m: tuple[float, ...]
    rows_m: tuple[float, ...]
    without: frozenset[Street] = frozenset()
    """Streets of the full grid that the town lacks."""
    winding: frozenset[Street] = frozenset()
    """Streets that swing to one side in the middle."""


PLANS: dict[str, TownPlan] = {
    "Carla/Maps/Town01": TownPlan(
        columns_m=(0.0, 110.0, 230.0, 340.0),
        rows_m=(0.0, 90.0, 200.0),
        without=frozenset({((1, 0), (1, 1)), ((2, 1), (2, 2))}),
        winding=frozenset({((0, 0), (1, 0)), ((1, 2), (2, 2)), ((3, 0), (3, 1))}),
    ),
    "Carla/Maps/Town02": TownPlan(
        columns_m=(0.0, 100.0, 190.0),
        rows_m=(0.0, 80.0, 170.0),
        without=frozenset({((1, 1), (2, 1))}),
        winding=frozenset({((0, 1), (0, 2))}),
    ),
}
"""The maps that the double knows, by CARLA's names; the layouts are its own."""

DEFAULT_MAP = "Carla/Maps/Town01"


@dataclass(frozen=True, kw_only=True)
class _Arm:
    """A street as seen from one of its two crossings."""

    road: int
    contact: Contact
    direction: tuple[int, int]
    """From the crossing along the street."""

    @property
    def lane_in(self) -> int:
        """Lane of the street that leads to the crossing."""
        return -1 if self.contact == "end" else 1

    @property
    def lane_out(self) -> int:
        """Lane of the street that leads away from the crossing."""
        return -self.lane_in


@lru_cache(maxsize=4)
def build_town(name: str) -> RoadNetwork:
    """Return the roads of one of `PLANS`.

    Raises:
        KeyError: The double has no map of that name.
    """
    plan = PLANS[name]
    streets = _streets(plan)
    arms: dict[Node, list[_Arm]] = {}
    for number, (a, b) in enumerate(streets, 1):
        direction = (_sign(b[0] - a[0]), _sign(b[1] - a[1]))
        back = (-direction[0], -direction[1])
        arms.setdefault(a, []).append(_Arm(road=number, contact="start", direction=direction))
        arms.setdefault(b, []).append(_Arm(road=number, contact="end", direction=back))
    roads: list[Road] = []
    junctions: list[Junction] = []
    links: dict[tuple[int, Contact], RoadLink] = {}
    next_id = len(streets) + 1
    for number, (node, here) in enumerate(sorted(arms.items())):
        if len(here) < 2:
            raise ValueError(f"{name}: the crossing {node} is a dead end")
        if len(here) == 2:
            roads.append(_bend(next_id, plan, node, here[0], here[1]))
            for arm, contact in zip(here, _CONTACTS, strict=True):
                links[arm.road, arm.contact] = RoadLink(
                    kind="road",
                    id=next_id,
                    contact=contact,
                    lanes=_continued(arm.contact, contact),
                )
            next_id += 1
            continue
        junction = FIRST_JUNCTION_ID + number
        ways = []
        for source in here:
            links[source.road, source.contact] = RoadLink(kind="junction", id=junction)
            for target in here:
                if target is source:
                    continue
                roads.append(_way(next_id, junction, plan, node, source, target))
                ways.append(
                    Connection(
                        incoming_road=source.road,
                        incoming_lane=source.lane_in,
                        connecting_road=next_id,
                    )
                )
                next_id += 1
        junctions.append(Junction(id=junction, connections=tuple(ways)))
    streets_built = [
        _street(number, plan, street, arms, links) for number, street in enumerate(streets, 1)
    ]
    return RoadNetwork(name=name, roads=tuple(streets_built + roads), junctions=tuple(junctions))


def _streets(plan: TownPlan) -> list[Street]:
    grid: list[Street] = []
    for i in range(len(plan.columns_m)):
        for j in range(len(plan.rows_m)):
            if i + 1 < len(plan.columns_m):
                grid.append(((i, j), (i + 1, j)))
            if j + 1 < len(plan.rows_m):
                grid.append(((i, j), (i, j + 1)))
    return [street for street in grid if street not in plan.without]


def _street(
    number: int,
    plan: TownPlan,
    street: Street,
    arms: dict[Node, list[_Arm]],
    links: dict[tuple[int, Contact], RoadLink],
) -> Road:
    a, b = street
    direction = (_sign(b[0] - a[0]), _sign(b[1] - a[1]))
    start = _leave(plan, a, direction, _radius(arms[a]))
    gap_m = math.hypot(
        plan.columns_m[b[0]] - plan.columns_m[a[0]], plan.rows_m[b[1]] - plan.rows_m[a[1]]
    )
    length_m = gap_m - _radius(arms[a]) - _radius(arms[b])
    pieces = _winding(length_m) if street in plan.winding else (Piece(length_m=length_m),)
    return Road(
        id=number,
        start=start,
        pieces=pieces,
        lanes=(-1, 1),
        predecessor=links[number, "start"],
        successor=links[number, "end"],
    )


def _winding(length_m: float) -> tuple[Piece, ...]:
    """Return a line that swings left by some metres and comes back, `length_m` from end to end."""
    swing_m = 4.0 * _WINDING_RADIUS_M * math.sin(_WINDING_RAD)
    straight = Piece(length_m=0.5 * (length_m - swing_m))
    arc_m, bend = _WINDING_RADIUS_M * _WINDING_RAD, 1.0 / _WINDING_RADIUS_M
    return (
        straight,
        Piece(length_m=arc_m, curvature=bend),
        Piece(length_m=2.0 * arc_m, curvature=-bend),
        Piece(length_m=arc_m, curvature=bend),
        straight,
    )


def _bend(number: int, plan: TownPlan, node: Node, first: _Arm, second: _Arm) -> Road:
    """Return the road in both directions that joins the two streets of a corner."""
    start, piece = _through(plan, node, first, second, CORNER_RADIUS_M)
    return Road(
        id=number,
        start=start,
        pieces=(piece,),
        lanes=(-1, 1),
        predecessor=_link(first, _continued("start", first.contact)),
        successor=_link(second, _continued("end", second.contact)),
    )


def _way(
    number: int, junction: int, plan: TownPlan, node: Node, source: _Arm, target: _Arm
) -> Road:
    """Return the one lane that leads through a junction from one street to another."""
    start, piece = _through(plan, node, source, target, JUNCTION_RADIUS_M)
    return Road(
        id=number,
        junction=junction,
        start=start,
        pieces=(piece,),
        lanes=(-1,),
        predecessor=_link(source, {-1: source.lane_in}),
        successor=_link(target, {-1: target.lane_out}),
    )


def _through(
    plan: TownPlan, node: Node, source: _Arm, target: _Arm, radius_m: float
) -> tuple[Pose, Piece]:
    """Return the line or the arc that leads from one street of a crossing to another."""
    way = (-source.direction[0], -source.direction[1])
    at = _leave(plan, node, source.direction, radius_m)
    start = Pose(x_m=at.x_m, y_m=at.y_m, heading_rad=math.atan2(way[1], way[0]))
    turn = way[0] * target.direction[1] - way[1] * target.direction[0]
    if turn == 0:
        return start, Piece(length_m=2.0 * radius_m)
    return start, Piece(length_m=0.5 * math.pi * radius_m, curvature=turn / radius_m)


def _link(arm: _Arm, lanes: dict[int, int]) -> RoadLink:
    return RoadLink(kind="road", id=arm.road, contact=arm.contact, lanes=lanes)


def _continued(own: Contact, other: Contact) -> dict[int, int]:
    """Return which lane continues which, where two roads in both directions touch."""
    same = own != other
    return {-1: -1, 1: 1} if same else {-1: 1, 1: -1}


def _leave(plan: TownPlan, node: Node, direction: tuple[int, int], radius_m: float) -> Pose:
    return Pose(
        x_m=plan.columns_m[node[0]] + radius_m * direction[0],
        y_m=plan.rows_m[node[1]] + radius_m * direction[1],
        heading_rad=math.atan2(direction[1], direction[0]),
    )


def _radius(arms: list[_Arm]) -> float:
    return CORNER_RADIUS_M if len(arms) == 2 else JUNCTION_RADIUS_M


def _sign(number: int) -> int:
    return (number > 0) - (number < 0)
