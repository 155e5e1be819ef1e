"""The embedded driving simulator: small enough for a laptop, many vehicles stepped at once.

In: `DriveConfig` and actions. Out: camera from above, observation vector, reward. All environments are columns of the
same arrays, and a state can be saved and restored exactly.

    environment     declares it to the registry; `config` holds its settings
    env             Gymnasium interfaces: vector and single
    simulation      one step: vehicle, traffic, reward, end of an episode
    vehicle_model   bicycle model of the controlled vehicle
    traffic         the other vehicles
    rule_based      a driver by rules, to compare policies with
    road_geometry   closed roads as tables; `road_position` finds a vehicle on them
    camera          the picture from above, cut from the images of `road_raster`
"""
