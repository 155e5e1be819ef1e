"""Judges a run while it trains: live checks, interim gates, early stopping, alerts.

In: a growing event file and the stage's gate. Out: `News` for the supervisor, alerts.jsonl, interim.json.

    growing_run: facts so far ── watch ──┬── rules: live checks with patience ── stop
                                         ├── interim: the whole gate as of a step
                                         ├── early_stop, hopeless
                                         └── alerts

Missing evidence never stops a run and never passes one.
"""
