"""A closed two-lane oval as OpenDRIVE text; carla.Map needs no server to read it."""

from __future__ import annotations

import math

STRAIGHT_M, RADIUS_M, LANE_M = 100.0, 30.0, 3.5

_MARK = (
    '<roadMark sOffset="0" type="solid" weight="standard" color="white" width="0.15" '
    'laneChange="none"/>'
)
_LANE = (
    '<lane id="{id}" type="driving" level="false"><link><predecessor id="{id}"/>'
    '<successor id="{id}"/></link><width sOffset="0" a="3.5" b="0" c="0" d="0"/>{mark}</lane>'
)
_ROAD = (
    '<road name="r{i}" length="{length}" id="{i}" junction="-1"><link>'
    '<predecessor elementType="road" elementId="{before}" contactPoint="end"/>'
    '<successor elementType="road" elementId="{after}" contactPoint="start"/></link>'
    '<planView><geometry s="0" x="{x}" y="{y}" hdg="{heading}" length="{length}">{shape}'
    '</geometry></planView><lanes><laneSection s="0"><left>{left}</left><center>'
    '<lane id="0" type="none" level="false">{mark}</lane></center><right>{right}</right>'
    "</laneSection></lanes></road>"
)


def oval() -> str:
    """Return the map: two straights and two half circles, driven counter-clockwise on the right."""
    bend_m = math.pi * RADIUS_M
    bend = f'<arc curvature="{1 / RADIUS_M}"/>'
    parts = [
        (0.0, 0.0, 0.0, STRAIGHT_M, "<line/>"),
        (STRAIGHT_M, 0.0, 0.0, bend_m, bend),
        (STRAIGHT_M, 2 * RADIUS_M, math.pi, STRAIGHT_M, "<line/>"),
        (0.0, 2 * RADIUS_M, math.pi, bend_m, bend),
    ]
    roads = "".join(
        _ROAD.format(
            i=i,
            before=(i - 1) % 4,
            after=(i + 1) % 4,
            x=x,
            y=y,
            heading=heading,
            length=length,
            shape=shape,
            mark=_MARK,
            left=_LANE.format(id=1, mark=_MARK),
            right=_LANE.format(id=-1, mark=_MARK),
        )
        for i, (x, y, heading, length, shape) in enumerate(parts)
    )
    return (
        '<?xml version="1.0"?><OpenDRIVE><header revMajor="1" revMinor="4" name="oval" version="1" '
        'date="" north="0" south="0" east="0" west="0"><geoReference>+proj=tmerc +lat_0=0 +lon_0=0'
        f"</geoReference></header>{roads}</OpenDRIVE>"
    )
