"""The check types, one file each.

In:  the facts of a run, findings of the checks that it names, and a baseline where there is one.
Out: a `Ruling`: a finding, or why the check does not apply, and the series that it derived.

    check.Check ── one class per type ── registry: the gate file's union, docs/gates.md and docs/keys.md

Each file holds the keys of its type, its judgement and its description. A new type is a file here and its name in
`registry.AnyCheck`; CONTRIBUTING.md has the steps.
"""
