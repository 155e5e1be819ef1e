"""Tells the files and folders of one run from those of several: which belong together, and in which order.

In: event files that were found. Out: their order, and which folder is the run's, went on or was written beside it.
"""
