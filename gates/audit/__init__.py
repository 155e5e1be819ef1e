"""Findings that no gate file asks for: whether the evidence itself can be trusted.

In:  the event files, the facts of a run, and the gate it was judged by.
Out: findings that count like those of checks, and warnings about the gate that never count.

    files      damage, a declared dialect that does not fit, a second reader that disagrees
    trainer    no dialect fits at all: one finding in place of all others
    run        how the trainer says it ended, steps that fall, gradient norms that were logged after clipping
    writers    two runs in one folder that share no tag
    algorithm  a name that no check or law is for
    config     configured values against what the events show
    gate       checks that could not have failed, and one measurement that counts twice
"""
