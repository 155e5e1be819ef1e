"""Command line of the double: `python -m carla_double --port 2000`.

When it is ready it prints one line of JSON with its ports. SIGINT and SIGTERM end it.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from carla_double.town.town import DEFAULT_MAP
from carla_double.wire.encodings import CallError

if TYPE_CHECKING:
    from carla_double.faults import Fault

FINISHED, BROKEN, BAD_USAGE = 0, 1, 2


def main(arguments: list[str] | None = None) -> int:
    """Serve until asked to stop; return the exit code."""
    options = _parser().parse_args(arguments)
    try:
        import msgpack  # noqa: F401
    except ModuleNotFoundError:
        print("the double of CARLA needs msgpack: pip install 'gonogo[carla]'", file=sys.stderr)
        return BAD_USAGE
    from carla_double.calls.table import CALLS
    from carla_double.control_door import ControlDoor
    from carla_double.faults import FaultError
    from carla_double.simulator import Simulator
    from carla_double.town.ground_raster import build_raster
    from carla_double.wire.event_loop import EventLoop, PortTakenError
    from carla_double.world.world import World

    stream_port = options.stream_port
    if stream_port is None:
        stream_port = options.port + 1 if options.port else 0
    loop = EventLoop()
    try:
        world = World(options.map, options.seed)
        simulator = Simulator(
            loop,
            world,
            CALLS,
            port=options.port,
            stream_port=stream_port,
        )
        door = ControlDoor(loop, simulator, options.door_port)
        for fault in _faults(options):
            simulator.set_fault(fault)
    except (CallError, FaultError) as error:
        print(error, file=sys.stderr)
        return BAD_USAGE
    except PortTakenError as error:
        print(error, file=sys.stderr)
        return BROKEN
    build_raster(world.map_name)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: loop.stop())
    ready = {
        "port": simulator.port,
        "stream_port": simulator.streams.port,
        "door_port": door.port,
        "map": world.map_name,
        "pid": os.getpid(),
    }
    # What was built up to here stays: the collector need not look at it again and again.
    gc.freeze()
    print(json.dumps(ready), flush=True)
    simulator.act_on_faults()
    loop.run()
    return FINISHED


def _faults(options: argparse.Namespace) -> list[Fault]:
    from carla_double.faults import FaultError, parse_fault_list, parse_fault_option

    faults = [parse_fault_option(text) for text in options.fault]
    if options.faults is not None:
        try:
            faults += parse_fault_list(options.faults.read_text(encoding="utf-8"))
        except OSError as error:
            raise FaultError(f"{options.faults}: {error.strerror}") from error
    return faults


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m carla_double",
        description="A double of the CARLA server on the loopback interface; not CARLA.",
    )
    parser.add_argument("--port", type=int, default=2000, help="RPC port; 0 picks a free one")
    parser.add_argument(
        "--stream-port", type=int, help="sensor streams; default: the port after --port"
    )
    parser.add_argument("--map", default=DEFAULT_MAP, help=f"map at the start ({DEFAULT_MAP})")
    parser.add_argument("--seed", type=int, default=0, help="seed of the traffic")
    parser.add_argument(
        "--door-port", type=int, default=0, help="port that sets faults; 0 picks a free one"
    )
    parser.add_argument(
        "--fault",
        action="append",
        default=[],
        metavar="KIND[:KEY=VALUE,...]",
        help="a fault from the start, such as kill:when=mid_tick,after_ticks=100",
    )
    parser.add_argument("--faults", type=Path, metavar="FILE", help="a JSON list of faults")
    return parser


if __name__ == "__main__":
    sys.exit(main())
