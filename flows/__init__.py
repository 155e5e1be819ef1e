"""Decides what runs: pipelines, the cockpit and the command line; the only package that knows Prefect.

    cli, cockpit      a command or a form: options in
    commands          what each command does
    validation        the flow: stage after stage, until one is not GO
    seeds, pipeline   one stage of several seeds, of one seed
    judging, pages    verdicts and reports; Prefect's pages
    training          a trainer process, watched, restarted, stopped
    records, settings pipeline.json and the like; presets, stages, options

In: options, presets, stage files. Out: run directories, verdicts, reports, exit codes.
"""
