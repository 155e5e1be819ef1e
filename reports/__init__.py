"""Turns results into Markdown, HTML, LaTeX and plots; no clock, no limits of its own.

In:  a judgement, or several, and a context of plain values from the caller: names, commands, earlier runs.
Out: texts and PNG files, each written whole or not at all.

    context > text, plots > stage > comparison, seeds, pipeline

Every value passes through one escaping, every number through `gates.text`. Templates only arrange what a view says.
"""
