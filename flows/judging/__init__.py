"""From what was trained to its verdict and its report, for one run and for several seeds.

In: a directory of event files, or the judged runs of several seeds.
Out: gate.json or joint.json, and report.md next to it.

    rules: stage, gate, planned steps ── judge_run ── gates.judge ──> gate.json, report.md
    judged runs of a stage ── joint_judgement ── gates.seeds ──> joint.json, report.md
    stored_judgement: the same report again, for instance with a decision

A verdict is written before anything that only decorates it.
"""
