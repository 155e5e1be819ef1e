"""A policy outside its training: taken from a checkpoint, exported to a file of its own, driven again.

In: a run directory. Out: a policy file, fresh evaluations, pictures.

    saved        the agent of a checkpoint
    export       one file with weights, and a description of observation, action and layers
    load_policy  what reads such a file: a module that needs torch and NumPy only, to be copied
    fresh        evaluates on routes, or seeds, that chose nothing
    drive        drives for people to watch, with what the camera saw
"""
