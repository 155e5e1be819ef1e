"""Looks at a CARLA server: `python -m trainer.envs.carla.probe HOST PORT` prints one JSON object.

Runs in a process of its own, because the client library can hang or end its process; the caller sets
a time limit. It changes two things for a moment: it adds a camera, and it ticks a server that is in
synchronous mode. Keys appear as they become known; `error` says what failed.
"""

from __future__ import annotations

import json
import queue
import socket
import sys
import time
from typing import Any

from trainer.envs.carla.client import load_carla
from trainer.envs.errors import MissingExtraError

TIMEOUT_S = 10.0
"""Time-out of one call."""
TICKS = 20
"""Ticks that are timed."""


def main(arguments: list[str]) -> int:
    """Print what is known of the server, also when something fails half-way."""
    host, port = arguments[0], int(arguments[1])
    found: dict[str, Any] = {}
    try:
        _look(host, port, found)
    except (RuntimeError, OSError, MissingExtraError) as error:
        found["error"] = " ".join(str(error).split())
    print(json.dumps(found))
    return 0


def _look(host: str, port: int, found: dict[str, Any]) -> None:
    carla = load_carla()
    with socket.create_connection((host, port), timeout=TIMEOUT_S):
        pass  # a closed port is noticed at once; the client would wait
    client = carla.Client(host, port)
    client.set_timeout(TIMEOUT_S)
    found["client_version"] = client.get_client_version()
    found["server_version"] = client.get_server_version()
    if found["client_version"] != found["server_version"]:
        return  # messages of another version can end this process
    world = client.get_world()
    settings = world.get_settings()
    found["map"] = world.get_map().name.rsplit("/", 1)[-1]
    found["places_to_start"] = len(world.get_map().get_spawn_points())
    found["synchronous"] = settings.synchronous_mode
    found["rendering"] = not settings.no_rendering_mode
    step = world.tick if settings.synchronous_mode else world.wait_for_tick
    step(TIMEOUT_S)
    actors = world.get_actors()
    for kind in ("vehicle", "walker", "sensor"):
        found[f"{kind}s"] = len(actors.filter(f"{kind}.*"))
    began = time.monotonic()
    for _ in range(TICKS):
        step(TIMEOUT_S)
    found["ticks_per_s"] = TICKS / (time.monotonic() - began)
    if found["rendering"]:
        found["camera_brightness"] = _brightness(carla, world, step)


def _brightness(carla: Any, world: Any, step: Any) -> float | None:
    """Return the mean of a picture's bytes without alpha, 0 to 255; None when no picture came."""
    images: queue.SimpleQueue[Any] = queue.SimpleQueue()
    blueprint = world.get_blueprint_library().find("sensor.camera.rgb")
    for name in ("image_size_x", "image_size_y"):
        blueprint.set_attribute(name, "84")
    place = world.get_map().get_spawn_points()[0]
    place.location += carla.Location(z=2.0)
    camera = world.spawn_actor(blueprint, place)
    try:
        camera.listen(images.put)
        for _ in range(TICKS):
            step(TIMEOUT_S)
            try:
                image = images.get(timeout=1.0)
            except queue.Empty:
                continue
            data = bytes(image.raw_data)
            colors = [data[first::4] for first in range(3)]
            return sum(map(sum, colors)) / sum(map(len, colors))
        return None
    finally:
        camera.stop()
        camera.destroy()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
