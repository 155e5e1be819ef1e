"""Collects what reports show besides a verdict: earlier runs, changes, commands, attempts, events.

In: state files and run folders. Out: the values of `reports.context`.

    run_log: events ──────────────┐
    stage: one run ── supervision_rows
    seeds: several seeds together ┴── pipeline: all stages ──> report.md of the directory

Nothing here decides; reports get plain values and look for nothing themselves.
"""
