"""A trainer as an operating-system process: started, asked to stop, restarted.

In: a command. Out: its exit, classified as an `End`.

    slots: wait for a device ── process: child with a guard ── attempt_ends ── restarts
    stopping: Ctrl-C, SIGTERM or a file asks every trainer to save itself

The guard ends the trainer should gonogo itself be killed.
"""
