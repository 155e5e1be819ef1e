"""The report of one stage.

In:  a `Judgement` and a `StageContext`.
Out: report.md with plots, report.html, report.tex, and the page of an interim gate.

    checks, changes, integrity, limits, outlook, ... > view: everything that is said > markdown, html, latex

`view` collects texts and rows, so that all formats say the same; `plots` decides which pictures there are.
"""
