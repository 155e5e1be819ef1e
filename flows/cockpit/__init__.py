"""The cockpit: Prefect's pages, where runs are started, watched, decided about and started again.

In: a filled-in form. Out: a flow run whose state, name, artifacts and events tell how it ended.

    launcher ── served_processes ── serving    `gonogo serve` and its four child processes
        └── server_app                         Prefect's server, with pages that load nothing else
    deployed                                   the four flows; form_fields makes their fields
        ├── form_requests                      form -> RunRequest
        └── judging_flows                      gate-only and backtest
"""
