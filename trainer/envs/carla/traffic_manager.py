"""CARLA's Traffic Manager, which lives in our process and drives the other vehicles."""

from __future__ import annotations

import socket
from typing import Any

import numpy as np

from trainer.envs.carla.session import CarlaSession

FOLLOWING_DISTANCE_M = 2.5
"""Distance that the other vehicles keep to the vehicle ahead."""


class TrafficManager:
    """The Traffic Manager of one server, on a port of its own.

    Order matters: synchronous mode, a tick, vehicles, a tick, autopilot. Otherwise vehicles may
    never move.
    """

    def __init__(self, session: CarlaSession) -> None:
        """Start it.

        Raises:
            SimulatorLostError: It could not be started, for instance because its port is taken.
        """
        self._session = session
        self.port = session.config.traffic_manager_port or free_port()
        with session.asking("start the Traffic Manager"):
            self._manager = session.client.get_trafficmanager(self.port)
            self._manager.set_synchronous_mode(True)
            self._manager.set_global_distance_to_leading_vehicle(FOLLOWING_DISTANCE_M)
        session.tick()

    def drive(self, vehicles: list[Any], rng: np.random.Generator) -> None:
        """Drive vehicles that exist since the tick before."""
        with self._session.asking("set the autopilot"):
            self._manager.set_random_device_seed(int(rng.integers(2**31)))
            for vehicle in vehicles:
                vehicle.set_autopilot(True, self.port)

    def follow(self, vehicle: Any, locations: list[Any], speed_mps: float) -> None:
        """Drive a vehicle along places, nearest first, at a speed where others leave it room.

        Lights and signs are passed over: no task here knows them, and who waits for long has stalled.
        """
        with self._session.asking("set the autopilot"):
            self._manager.set_path(vehicle, locations)
            self._manager.auto_lane_change(vehicle, False)
            self._manager.ignore_lights_percentage(vehicle, 100)
            self._manager.ignore_signs_percentage(vehicle, 100)
            self._manager.set_desired_speed(vehicle, 3.6 * speed_mps)
            vehicle.set_autopilot(True, self.port)

    def close(self) -> None:
        """Shut it down; this must come before the server ends, or the whole process is aborted."""
        if not self._session.lost:
            with self._session.asking("shut down the Traffic Manager"):
                self._manager.shut_down()


def free_port() -> int:
    """Return an unused port."""
    with socket.socket() as probe:
        probe.bind(("", 0))
        return int(probe.getsockname()[1])
