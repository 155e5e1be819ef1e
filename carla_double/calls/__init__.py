"""The RPC methods that the client may call.

In: the name of a method and its arguments, decoded. Out: a value to encode, or an error. Each module answers one group
of methods; `table` joins them into one dictionary.

    table             method name -> function
    episode           server, episode, map, settings
    actors            spawn, destroy, move, control
    batch             many commands in one call
    traffic_manager   Traffic Managers, which run inside clients
"""
