"""Environments that are registered with Gymnasium, in the form of the embedded ones.

In: `gym:<id>` and its settings. Out: dictionaries with `vector` and, where there are images, `camera`; actions in
[-1, 1], rescaled to the environment's own bounds. Only continuous, bounded actions work.

    environment   declares them to the registry; `config` holds the settings
    env           copies of one environment, stepped one after another
    observation   any observation as one vector and one small grey image
"""
