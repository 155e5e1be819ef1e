"""What a run shows on Prefect's pages: name, tags, progress, reports, tables of checks, events.

In: outcomes and heartbeats. Out: artifacts and events on Prefect's server.

    page_reporter, run_page ── background: newest message of each topic, from a thread
    artifacts: report.md with its plots, checks as a table        events: for automations
    this_run: what Prefect knows about the flow run

A server that is slow or away never delays or ends a training.
"""
