"""Turns a gate file into findings: one per check, PASS, WARN, INCONCLUSIVE or FAIL.

In:  a gate file (YAML) and the facts of a run.
Out: a `Finding` per check with value, levels and a short fact; or why the check does not apply.

    gate_file: YAML > types/*: one file per check type > measured: number against levels > run: all checks of a gate

A check type is a model of its keys with two methods: `judge(facts, peers)` and `describe()`, which the documentation
prints. It measures one number (`Measured`) and lets `compare` hold it against its levels, so NaN and too few points
are INCONCLUSIVE everywhere. A new type is a file in `types/` and a line in `types/registry.py`.
"""
