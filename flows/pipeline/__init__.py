"""Trains and judges stage after stage, with one seed or several, until one is not GO.

In: a `RunRequest`. Out: a `StageOutcome` for each stage, in a pipeline or group directory.

    request ── plan ──> flow ──> work: one_seed ── begin ──────> stage: keep | resume | train, then judge
                          │        └── several_seeds ── train_seeds ── seed_task, on threads or Dask workers
                          │              └── seeds_display: a bar for each, from the heartbeats on disk
                          ├── kept: which verdicts stand
                          └── publishing: artifacts and events

`begin` decides what is done with a stage, and starts the first training before Prefect is imported.
Each seed of a group has a pipeline directory of its own, which is whole without the group. A stage is kept only for
exactly the same recipe and the same gate rules. The verdict is data (`outcome`); Prefect's states carry its name for
people and are never read back.
"""
