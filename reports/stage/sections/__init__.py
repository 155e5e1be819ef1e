"""What each section of a stage's report says.

In:  a `GateResult`, the run's `EventLog` and configuration, and the `StageContext`.
Out: rows and sentences, without markup.

    checks, integrity, evaluations, driving, episodes, reward_components: the run
    hyperparameters, changes: its recipe, beside published ones and the last run
    limits, outlook: what the stage cannot decide, and what the next one costs

Every section is a pure function; one that lacks its data gives no rows.
"""
