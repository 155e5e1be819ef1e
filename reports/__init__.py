"""Turns a judgement into Markdown, HTML and plots; no thresholds of its own."""
