"""Trains one stage under supervision; knows nothing of Prefect.

In: a `StagePlan` and a run folder. Out: what the trainer logged, and how each attempt ended.

    stage_training ── supervisor ──┬── process: start, stop, restart, devices
       warm_start, interrupted     ├── trainers: our own or any command
                                   ├── health: stalls, memory, disk
                                   └── live: checks while it trains

`progress` shows people how far it is. Whatever ends the supervisor, no process of the trainer is left.
"""
