"""Laws: quantities with a known value in every correctly wired run, computed from several tags.

In:  the facts of a run.
Out: a `Quantity` (a series, or one value for the whole run), or what is `Missing`.

    actor, any_trainer, data, identities, recomputed, reward_shape, targets, witness: pure functions, one a law
    measured_again, table: the `Law` records (law)

A record holds a law's name, what it measures, its function, what a broken level means in short, and for which
algorithms it holds. A check of the type `consistency` judges a law; diagnosis reads the same numbers. A new law is a
function and its record.
"""
