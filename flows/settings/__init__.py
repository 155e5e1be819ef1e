"""What a pipeline is asked to do, checked before anything starts.

In:  names or paths of preset and stage files, `--set` overrides, options of `gonogo run`.
Out: a `PipelinePlan`: one request per stage that its trainer understands, or `ConfigError` with every mistake.

    yaml_file, setting_files: presets and stages ──┐
    run_options, seeds, overrides, warm_start ─────┼── stage_request ── plan
    routes: what evaluations drive ────────────────┤
    supervision, long_stage: parts of a stage file ┤
    trainers: our own, or any command ─────────────┘

A mistake is a record with its key and the name that was probably meant (`mistakes`). Nothing here starts a training.
"""
