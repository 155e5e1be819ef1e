"""Calls about the server, its episode, its map and its settings."""

from __future__ import annotations

from typing import Any

from carla_double.simulator import Call, Simulator
from carla_double.town.opendrive import opendrive_text
from carla_double.town.town import PLANS, build_town
from carla_double.wire.encodings import (
    CallError,
    Encoded,
    EpisodeSettings,
    no_value,
    token,
    value,
)
from carla_double.world.actors import NOBODY
from carla_double.world.blueprints import actor_definitions
from carla_double.world.world import STATE_STREAM, spawn_points

VERSION = "0.9.16"
"""What the double says it is: another version makes the client print warnings."""


def _version(_: Simulator) -> Encoded:
    return value(VERSION)


def _episode_info(simulator: Simulator) -> Encoded:
    return value([simulator.world.episode, [token(STATE_STREAM, simulator.streams.port)]])


def _sensor_token(simulator: Simulator, stream_id: int) -> Encoded:
    simulator.streams.expect(stream_id)
    return value([token(stream_id, simulator.streams.port)])


def _settings(simulator: Simulator) -> Encoded:
    return value(simulator.world.settings.encode())


def _set_settings(simulator: Simulator, settings: Any) -> Encoded:
    simulator.world.settings = EpisodeSettings.decode(settings)
    return value(simulator.world.frame)


def _tick(simulator: Simulator) -> Encoded:
    return value(simulator.tick())


def _map_info(simulator: Simulator) -> Encoded:
    world = simulator.world
    return value([world.map_name, [at.encode() for at in spawn_points(world.lanes)]])


def _map_data(simulator: Simulator) -> Encoded:
    return value(opendrive_text(build_town(simulator.world.map_name)))


def _available_maps(_: Simulator) -> Encoded:
    return value([f"/Game/{name}" for name in PLANS])


def _no_files(_: Simulator, *__: Any) -> Encoded:
    return value([])


def _load(simulator: Simulator, name: str, reset_settings: bool = True, *_: Any) -> Encoded:
    # Reloading the world sends no name.
    simulator.load(name or simulator.world.map_name, reset_settings=reset_settings)
    return no_value()


def _copy_opendrive(_: Simulator, *__: Any) -> Encoded:
    raise CallError("the double of CARLA cannot build a world from an OpenDRIVE text")


def _definitions(_: Simulator) -> Encoded:
    return value(actor_definitions())


def _weather(simulator: Simulator) -> Encoded:
    return value(list(simulator.world.weather))


def _set_weather(simulator: Simulator, weather: Any) -> Encoded:
    simulator.world.weather = tuple(float(part) for part in weather)
    return no_value()


def _spectator(simulator: Simulator) -> Encoded:
    assert simulator.world.spectator.parent == NOBODY
    return value(simulator.world.spectator.encode(simulator.streams.port))


CALLS: dict[str, Call] = {
    "version": Call(answer=_version, any_time=True),
    "get_available_maps": Call(answer=_available_maps),
    "get_episode_info": Call(answer=_episode_info),
    "get_sensor_token": Call(answer=_sensor_token),
    "get_episode_settings": Call(answer=_settings),
    "set_episode_settings": Call(answer=_set_settings),
    "tick_cue": Call(answer=_tick),
    "get_map_info": Call(answer=_map_info),
    "get_map_data": Call(answer=_map_data),
    "get_required_files": Call(answer=_no_files),
    "query_lights_state": Call(answer=_no_files),
    "get_environment_objects": Call(answer=_no_files),
    "get_all_level_BBs": Call(answer=_no_files),
    "load_new_episode": Call(answer=_load, void=True),
    "copy_opendrive_to_file": Call(answer=_copy_opendrive, void=True),
    "get_actor_definitions": Call(answer=_definitions),
    "get_weather_parameters": Call(answer=_weather),
    "set_weather_parameters": Call(answer=_set_weather, void=True),
    "get_spectator": Call(answer=_spectator),
}
"""Answers by method."""
