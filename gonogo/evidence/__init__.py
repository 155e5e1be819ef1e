"""Evidence of trainers that are not ours: what a verdict needs, measured inside the user's own process.

In: networks, optimisers and batches of a running training. Out: a run directory (docs/run-directory.md).

    watch         `gonogo.watch`, for a loop of one's own
    update        what is seen of one update of actor and critics
    live          judges the run while it trains, and when it is over
    exploration   noise on the actions, from those of the environment and of the policy
    episodes      single episodes, from rewards and ends of each step
    generators    random generators stay as they are while the policy is evaluated
    replaced      a method that is looked at for a while
    run_files     run.json, status.json, event files by the trainer's `event_writer`, and the note of an error
    guard         an error here ends the evidence, never the training

Nothing here draws a random number, changes a gradient or switches a module's mode.
"""
