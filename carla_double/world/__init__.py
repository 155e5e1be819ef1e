"""The simulated world: actors, their motion, the episode. It knows nothing of sockets.

In: calls that spawn, move and control, and ticks. Out: the state of all actors after each tick, and who touched whom.

    world             the episode: actors, time, weather, one tick
    actors            everything with an id; `blueprints` says what can be spawned
    fleet             all vehicles as arrays
    vehicle_model     vehicles that obey their controls
    vehicle_physics   the parameters that a client may ask for
    traffic           vehicles that drive themselves
    contacts          vehicles that touch
"""
