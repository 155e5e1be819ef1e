"""Judges a run from its event files; pure after reading, and free of torch and Prefect.

In:  a directory of event files, perhaps run.json beside them, and a gate file with the checks of a stage.
Out: a `Judgement`: the `GateResult` that becomes gate.json, and the series behind it for the plots.

    events > runs > facts > laws > checks > audit, diagnosis > verdict
    bytes    our    what a  one    findings files, config;     the worst
    to series tags  run has number          causes             of its parts

`judge.judge` walks this line for a directory, `judgement.judge_log` for series that were read already; `seeds` judges
the results of several seeds together. `findings` holds the values that everything else passes on.
"""
