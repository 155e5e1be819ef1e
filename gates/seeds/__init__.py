"""Judges the seeds of one stage together; pure: values in, a verdict out.

In: `SeedRun`s, each with its own verdict and score. Out: `JointResult`, the content of joint.json.

    scores: evaluation return of each seed ── statistics: mean with interval ── returns
    recipe: one recipe, different trainings                                       │
    findings: enough passed, all judged, do they agree ──────────────── judge ── result

The verdict is the worst of its parts. A seed without a verdict never passes.
"""
