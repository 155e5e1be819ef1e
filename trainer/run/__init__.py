"""The files of a run: what the trainer reads before it starts, and what it writes while it runs.

In: `request.json`. Out: `run.json`, `status.json`, event files, checkpoints (docs/run-directory.md).

    request       request.json -> Task, with all mistakes at once
    task          a validated request with its environment and its algorithm
    needs         memory, disk, devices and simulators that a task takes
    machine       what a task asks for and this machine lacks
    memory        what an update frees stays with the process
    run_json      what is trained, by which code, in how many attempts
    heartbeat     status.json: alive, and how far
    event_writer  the only writer of event files; `tags` lists every tag
    episodes      lengths and returns of the running episodes
    checkpoint    everything that a resumed run needs
    seeding       one seed, independent random streams
    files         files that are whole or absent
"""
