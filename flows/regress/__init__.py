"""`gonogo regress`: trains a short stage with two revisions of the trainer and says whether the change made it worse.

In: a repository, a revision of it, a preset and a stage. Out: `gates.regress.Regression`, its report and an exit code.

    revisions: two trees in a temporary folder ── side: trains and judges a seed of one of them
                                                     │
    compare: seeds until it is decided ── command: what is shown and written
"""
