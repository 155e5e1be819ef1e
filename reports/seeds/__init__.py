"""The report on several seeds of one stage.

In: `JointContext`. Out: report.md with one plot of all seeds.

    panels: evaluation return and Q of each seed ── joint: table of seeds, findings, causes

The report on all their stages is that of any pipeline: `reports.pipeline`.
"""
