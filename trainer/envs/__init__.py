"""Environments behind Gymnasium's vector API.

In: `env` of a preset. Out: environments that are stepped together, and what a network needs to know of them.

    registry      finds an environment by its id
    environment   what each environment declares about itself
    drive/        the embedded driving simulator
    carla/        driving in CARLA
    gym/          anything that is registered with Gymnasium
    driving/      what the driving simulators share: observation, reward, route
    errors        what can be wrong with an environment

A new environment is a folder with an `Environment` record and one line in `registry`. Importing `registry` imports
neither a simulator nor torch.
"""
