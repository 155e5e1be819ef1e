"""Several seeds of one recipe: a stage is trained by all of them, then judged over all of them.

In: a `RunRequest` with more than one seed. Out: joint verdicts in a group directory.

    group ── kept: which seeds still need training?
      ├── training ── seed_task on threads or Dask workers ── pipeline.one_seed.run_stage
      │      └── progress: a bar for each seed, from the heartbeats on disk
      └── joint gate: the seeds judged together

Each seed has a pipeline directory of its own, which is whole without the group.
"""
