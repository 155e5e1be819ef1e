"""What can be trained: our own trainer, or any command, also in a container.

In: a run folder and a `StagePlan`. Out: command, environment and heartbeat for the supervisor.

    launch: own trainer, status.json ────────────┐
    command: any trainer                         ├──> supervisor
      ├── heartbeat: made from its event files ──┘
      ├── container, container_removal
      └── purge_mark: events of a failed attempt do not count
"""
