"""Judges stored runs again under changed rules.

In: folders with runs, a gate or a stage, perhaps labels with the right verdicts.
Out: each run's verdict before and now, the checks that made it flip, which labels are met.

    backtest_cases: runs and rules ── judge_again ──┬── backtest_text: lines for people
      labels: right verdicts and causes             └── backtest_json

Stored verdicts are never replaced.
"""
