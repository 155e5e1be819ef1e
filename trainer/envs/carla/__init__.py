"""Driving in CARLA 0.9.16 through its own client library.

In: `CarlaConfig` and actions. Out: camera, observation vector and reward in the form of `drive`. One server carries one
environment (docs/decisions/0007-one-simulator-one-environment.md); a server that is lost ends the process.

    environment      declares it to the registry; `config` holds its settings
    env              Gymnasium interfaces: vector and single
    driving          episodes of one vehicle
    simulator        server, session and Traffic Manager over the life of a training
    server           starts a server, or waits for one
    session          the connection: synchronous mode, ticks, map, weather
    actors, sensors  what an episode spawns
    map, traffic_manager   routes on the map; who drives the others
    client           the only module that imports carla
    probe            looks at a server; a process of its own
"""
