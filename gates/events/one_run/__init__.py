"""Tells the files and folders of one run from those of several: which belong together, and in which order.

In:  event files and folders that were found, with what they hold.
Out: the order of a run's files, the folders in which it went on, and the one beside which its other writers logged.

    order: files follow one another by the clock, or by their steps where it was set back
    went_on: a run that goes on in a new folder, by its attempts or by growing steps
    writers: train/ beside eval/, and what add_scalars and add_hparams make

What cannot be told apart from two runs is refused, and a person names one.
"""
