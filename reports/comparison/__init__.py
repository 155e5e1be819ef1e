"""Two runs side by side: verdicts, checks, configuration and main metrics.

In: two `ComparedRun`s. Out: report.md with one plot, and the same as values.

    compare: checks and keys that differ ── panels: metrics over each other ── report

Run A is the reference; a check is worse or better in B.
"""
