"""A stand-in for the CARLA 0.9.16 server that the genuine client library can drive, for tests and laptops.

In: the client's two protocols (msgpack-rpc and sensor streams). Out: the answers of a small town with traffic, and
whatever fault it is told to have. It is not CARLA: physics, camera, blueprints and map are its own, and measurements
against it say nothing about driving in CARLA.

    __main__      python -m carla_double --port 2000
    simulator     connections, order of work, ticks
    calls/        the RPC methods
    sensors/      what sensors see
    world/        actors and their motion
    town/         roads, lanes, OpenDRIVE, the painted ground
    wire/         encodings, sockets, streams
    faults        what it can be told to do wrong; `control_door` tells it

It runs as a process of its own, because the genuine client holds Python's lock in some of its calls: a server in the
same process would never answer. Nothing here imports torch, carla or the trainer.
"""
