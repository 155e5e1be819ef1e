"""A double of the CARLA 0.9.16 server that the genuine client library can drive, for tests and laptops.

It speaks the client's two protocols (msgpack-rpc and sensor streams), holds a small town with
traffic, and can be told to misbehave. It is not CARLA: physics, camera, blueprints and map are its
own, and what is measured against it says nothing about driving in CARLA.

It runs as a process of its own, `python -m carla_double`, because the genuine client holds
Python's lock in some of its calls: a server in the same process would never answer. Nothing here
imports torch, carla or another part of the trainer.
"""
