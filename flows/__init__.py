"""Decides what runs: pipelines, the cockpit and the command line; the only package that knows Prefect.

    cli, cockpit      a command or a form: options in
    commands          what each command does
    pipeline          the flow: stage after stage, with one seed or several, until one is not GO
    backtesting       stored runs judged again under changed rules
    decisions, stored what a person decides; what lies on disk already
    judging, pages    verdicts and reports; Prefect's pages
    training          a trainer process, watched, restarted, stopped
    records, settings pipeline.json and the like; presets, stages, options

In: options, presets, stage files. Out: run directories, verdicts, reports, exit codes.
"""
