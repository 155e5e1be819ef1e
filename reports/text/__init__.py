"""How values become text in a report.

In:  names, numbers and sentences, among them whatever stands in an event file.
Out: text that no format can take for markup.

    escaping: Markdown, LaTeX, file names > html > templates: Jinja environments that escape every expression

Numbers and durations are written by `gates.text`, in sentences and tables alike.
"""
