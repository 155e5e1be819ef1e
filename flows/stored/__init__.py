"""Finds what is stored below a folder: runs, verdicts, pipelines and groups.

In: any folder. Out: its runs, the history of its verdicts, two runs loaded for a comparison.

    find: one walk by file names ──┬── history: state files and gate.json, newest first
                                   └── compared: verdict, configuration and events of two runs

Nothing here writes. A file that cannot be read is listed with the reason and ends nothing.
"""
