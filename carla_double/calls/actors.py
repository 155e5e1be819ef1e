"""Calls about actors: spawning, destroying, moving, controlling."""

from __future__ import annotations

from typing import Any

from carla_double.sensors.sensors import Sensor
from carla_double.simulator import Call, Simulator
from carla_double.wire.encodings import (
    CallError,
    Encoded,
    Transform,
    VehicleControl,
    no_value,
    value,
)
from carla_double.world.actors import NOBODY, Description
from carla_double.world.vehicle_physics import physics_control


def spawn(
    simulator: Simulator, description: Any, at: Any, parent: int = NOBODY, *_: Any
) -> Encoded:
    """Answer a spawn, with or without a parent."""
    world = simulator.world
    actor = world.spawn(Description.decode(description), Transform.decode(at), int(parent))
    if actor.stream_id is not None:
        try:
            simulator.sensors[actor.id] = Sensor(actor, world)
        except CallError:
            world.destroy(actor.id)
            raise
        simulator.streams.open(actor.stream_id)
    return value(actor.encode(simulator.streams.port))


def destroy(simulator: Simulator, actor_id: int) -> Encoded:
    """Answer a destruction: whether there was such an actor."""
    actor = simulator.world.destroy(actor_id)
    if actor is not None and actor.stream_id is not None:
        del simulator.sensors[actor.id]
        simulator.streams.close(actor.stream_id)
    return value(actor is not None)


def apply_control(simulator: Simulator, actor_id: int, control: Any) -> Encoded:
    """Answer a vehicle control."""
    simulator.world.control(actor_id, VehicleControl.decode(control))
    return no_value()


def set_transform(simulator: Simulator, actor_id: int, at: Any) -> Encoded:
    """Answer a teleport."""
    simulator.world.set_transform(actor_id, Transform.decode(at))
    return no_value()


def set_location(simulator: Simulator, actor_id: int, location: Any) -> Encoded:
    """Answer a teleport that keeps the direction."""
    at = simulator.world.transform_of(actor_id)
    turned = [at.pitch, at.yaw, at.roll]
    return set_transform(simulator, actor_id, [location, turned])


def set_velocity(simulator: Simulator, actor_id: int, velocity: Any) -> Encoded:
    """Answer a target velocity."""
    simulator.world.set_velocity(actor_id, float(velocity[0]), float(velocity[1]))
    return no_value()


def set_physics(simulator: Simulator, actor_id: int, enabled: bool) -> Encoded:
    """Answer a switch of physics."""
    simulator.world.actor(actor_id)
    simulator.world.set_physics(actor_id, bool(enabled))
    return no_value()


def set_autopilot(simulator: Simulator, actor_id: int, enabled: bool) -> Encoded:
    """Answer a switch of the server's own autopilot."""
    simulator.world.set_autopilot(actor_id, bool(enabled))
    return no_value()


def accept(simulator: Simulator, actor_id: int, *_: Any) -> Encoded:
    """Answer a call that has no effect in the double."""
    simulator.world.actor(actor_id)
    return no_value()


def _actors_by_id(simulator: Simulator, ids: list[int]) -> Encoded:
    actors, port = simulator.world.actors, simulator.streams.port
    return value([actors[number].encode(port) for number in ids if number in actors])


def _bounding_box(simulator: Simulator, actor_id: int) -> Encoded:
    return value(simulator.world.actor(actor_id).encode_box())


def _physics_control(simulator: Simulator, actor_id: int) -> Encoded:
    actor = simulator.world.actor(actor_id)
    if not actor.is_vehicle:
        raise CallError(f"actor {actor_id} is no vehicle")
    return value(physics_control(actor))


def _light_state(simulator: Simulator, actor_id: int) -> Encoded:
    simulator.world.actor(actor_id)
    return value([0])


def _nothing(_: Simulator, *__: Any) -> Encoded:
    return value([])


CALLS: dict[str, Call] = {
    "spawn_actor": Call(answer=spawn),
    "spawn_actor_with_parent": Call(answer=spawn),
    "destroy_actor": Call(answer=destroy),
    "get_actors_by_id": Call(answer=_actors_by_id),
    "get_actor_bounding_box": Call(answer=_bounding_box),
    "get_physics_control": Call(answer=_physics_control),
    "get_vehicle_light_state": Call(answer=_light_state),
    "get_group_traffic_lights": Call(answer=_nothing),
    "apply_control_to_vehicle": Call(answer=apply_control, void=True),
    "apply_physics_control": Call(answer=accept, void=True),
    "set_actor_transform": Call(answer=set_transform, void=True),
    "set_actor_location": Call(answer=set_location, void=True),
    "set_actor_target_velocity": Call(answer=set_velocity, void=True),
    "set_actor_simulate_physics": Call(answer=set_physics, void=True),
    "set_actor_enable_gravity": Call(answer=accept, void=True),
    "set_actor_autopilot": Call(answer=set_autopilot, void=True),
    "set_vehicle_light_state": Call(answer=accept, void=True),
    "set_actor_collisions": Call(answer=accept, void=True),
}
"""Answers by method."""
