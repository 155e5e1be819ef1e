"""From what was trained to its verdict and its reports, for one run and for several seeds.

In: a directory of event files, or the judged runs of several seeds; state files and run folders.
Out: gate.json or joint.json, and report.md next to it.

    rules: stage, gate, planned steps ── judge_run ── gates.judge ──> gate.json, report.md
    judged runs of a stage ── joint_judgement ── gates.seeds ──> joint.json, report.md
    stored_judgement: the same report again, for instance with a decision
    stage_context, joint_context: what a report shows besides: earlier runs, changes, events (run_log),
      attempts (supervision_rows), next_commands
    pipeline_report: report.md of all stages

A verdict is written before anything that only decorates it. Reports get plain values and look for nothing themselves.
"""
