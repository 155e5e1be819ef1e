"""The report of one stage.

In:  a `Judgement` and a `StageContext`.
Out: report.md with plots, report.html, report.tex, and the page of an interim gate.

    sections ── view: everything that is said ──┬── markdown, html, latex
                plots: which pictures there are ┘   embed: pictures inside the text
    interim: the page of an interim gate

All formats take their texts and rows from `view`, so they say the same.
"""
