"""Judges whether a change of the trainer's code changed what it learns; pure: values in, a verdict out.

In: `RunEvidence` of the same seeds before and after the change. Out: `Regression`, the content of regress.json.

    evidence: what one run showed ── curves: equal, equal but for rounding, or not ─┐
                                  └─ measures: one number per run and curve ────────┴─ judge ── result
"""
