"""Calls of Traffic Managers, which run inside clients and register with the server."""

from __future__ import annotations

from typing import Any

from carla_double.simulator import Call, Simulator
from carla_double.wire.encodings import Encoded, no_value, value


def _is_running(simulator: Simulator, port: int) -> Encoded:
    return value(port in simulator.traffic_managers)


def _running(simulator: Simulator, port: int) -> Encoded:
    return value([simulator.traffic_managers.get(port, ""), port])


def _add(simulator: Simulator, address: Any) -> Encoded:
    host, port = str(address[0]), int(address[1])
    if port in simulator.traffic_managers:
        return value(False)
    simulator.traffic_managers[port] = host
    return value(True)


def _remove(simulator: Simulator, port: int) -> Encoded:
    return value(simulator.traffic_managers.pop(port, None) is not None)


def _light_states(simulator: Simulator) -> Encoded:
    return value([[int(actor_id), 0] for actor_id in simulator.world.fleet.id])


def _reset_lights(_: Simulator) -> Encoded:
    return no_value()


CALLS: dict[str, Call] = {
    "is_traffic_manager_running": Call(answer=_is_running, any_time=True),
    "get_traffic_manager_running": Call(answer=_running, any_time=True),
    "add_traffic_manager_running": Call(answer=_add, any_time=True),
    "destroy_traffic_manager": Call(answer=_remove, any_time=True),
    "get_vehicle_light_states": Call(answer=_light_states),
    "reset_all_traffic_lights": Call(answer=_reset_lights, void=True),
}
"""Answers by method."""
