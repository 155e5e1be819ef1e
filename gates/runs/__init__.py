"""What is known about a run besides its series, and what its tags mean.

In:  an `EventLog` as logged, the run directory's run.json, status.json and ended-early.json, a mapping file.
Out: an `EventLog` with our tags and environment steps, and a `RunInfo`: configuration, plan, how the run ended.

    config_files > dialect_file > axes > translate: tags and steps of another trainer become ours
    ended_early, heartbeat > run_info: files of the run, read once and checked
    drives: routes that were driven at the end of a run, for the report
    tag_guess > mapping_file: a draft of a mapping for a trainer that nobody knows

Guesses fill only that draft, for a person to check; no verdict rests on them.
"""
