"""One pipeline: what it is asked to do, and each stage of one seed.

In: a `RunRequest`. Out: a `StageOutcome` for each stage, in a pipeline directory.

    request ── plan ──> one_seed ──> stage: keep | resume | train, then judge
                           └── publishing: artifacts and events

A stage is kept only for exactly the same recipe and the same gate rules. The verdict is data
(`outcome`); Prefect's states carry its name for people and are never read back.
"""
