"""Writes a road network as OpenDRIVE 1.4, the format that the client builds its map from.

Every lane, the middle included, gets a road mark: without one the client's lane-invasion sensor
ends the whole process at the first crossing.
"""

from __future__ import annotations

from xml.sax.saxutils import quoteattr

from carla_double.town.road_network import (
    LANE_WIDTH_M,
    NO_JUNCTION,
    Junction,
    Road,
    RoadLink,
    RoadNetwork,
)

_GEO_REFERENCE = "+proj=tmerc +lat_0=42.0 +lon_0=2.0 +k=1 +x_0=0 +y_0=0 +datum=WGS84 +units=m"


def opendrive_text(network: RoadNetwork) -> str:
    """Return the network as an OpenDRIVE document."""
    parts = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        "<OpenDRIVE>",
        f'<header revMajor="1" revMinor="4" name={quoteattr(network.name)} version="1" north="0" south="0" '
        f'east="0" west="0"><geoReference><![CDATA[{_GEO_REFERENCE}]]></geoReference></header>',
        *(_road(road) for road in network.roads),
        *(_junction(junction) for junction in network.junctions),
        "</OpenDRIVE>",
    ]
    return "\n".join(parts) + "\n"


def _road(road: Road) -> str:
    geometry, pose, done_m = [], road.start, 0.0
    for piece in road.pieces:
        shape = (
            "<line/>" if piece.curvature == 0.0 else f'<arc curvature="{piece.curvature:.16e}"/>'
        )
        geometry.append(
            f'<geometry s="{done_m:.16e}" x="{pose.x_m:.16e}" y="{pose.y_m:.16e}" '
            f'hdg="{pose.heading_rad:.16e}" length="{piece.length_m:.16e}">{shape}</geometry>'
        )
        pose, done_m = pose.after(piece), done_m + piece.length_m
    left = "".join(_lane(road, lane) for lane in road.lanes if lane > 0)
    right = "".join(_lane(road, lane) for lane in road.lanes if lane < 0)
    return (
        f'<road name="Road {road.id}" length="{road.length_m:.16e}" id="{road.id}" '
        f'junction="{road.junction}">'
        f"<link>{_link('predecessor', road.predecessor)}{_link('successor', road.successor)}</link>"
        '<type s="0" type="town"><speed max="30" unit="mph"/></type>'
        f"<planView>{''.join(geometry)}</planView>"
        '<elevationProfile><elevation s="0" a="0" b="0" c="0" d="0"/></elevationProfile>'
        '<lateralProfile/><lanes><laneOffset s="0" a="0" b="0" c="0" d="0"/><laneSection s="0">'
        f"{f'<left>{left}</left>' if left else ''}"
        f'<center><lane id="0" type="none" level="false">{_mark(road, 0)}</lane></center>'
        f"<right>{right}</right></laneSection></lanes></road>"
    )


def _lane(road: Road, lane: int) -> str:
    links = "".join(
        f'<{name} id="{link.lanes[lane]}"/>'
        for name, link in (("predecessor", road.predecessor), ("successor", road.successor))
        if lane in link.lanes
    )
    return (
        f'<lane id="{lane}" type="driving" level="false"><link>{links}</link>'
        f'<width sOffset="0" a="{LANE_WIDTH_M}" b="0" c="0" d="0"/>{_mark(road, lane)}</lane>'
    )


def _mark(road: Road, lane: int) -> str:
    on_street = "broken" if lane == 0 else "solid"
    kind = on_street if road.junction == NO_JUNCTION else "none"
    return (
        f'<roadMark sOffset="0" type="{kind}" weight="standard" color="white" '
        'material="standard" width="0.15" laneChange="none"/>'
    )


def _link(name: str, link: RoadLink) -> str:
    contact = f' contactPoint="{link.contact}"' if link.contact else ""
    return f'<{name} elementType="{link.kind}" elementId="{link.id}"{contact}/>'


def _junction(junction: Junction) -> str:
    connections = "".join(
        f'<connection id="{number}" incomingRoad="{way.incoming_road}" '
        f'connectingRoad="{way.connecting_road}" contactPoint="start">'
        f'<laneLink from="{way.incoming_lane}" to="-1"/></connection>'
        for number, way in enumerate(junction.connections)
    )
    return f'<junction id="{junction.id}" name="Junction {junction.id}">{connections}</junction>'
