"""Which trainer a preset asks for, and whether it understands the request.

In:  a preset's `trainer` section, or none for our own trainer; the request of a stage.
Out: a `TrainerCommand`, or the trainer's answer: mistakes, and what it needs of this machine.

    own_trainer ── trainer_check: asks `trainer check`, in a process of its own
    placeholders ── command_trainer: any command, with names to fill in
    slots: the GPU and the ports that a training needs for itself alone

`flows/training/trainers` runs what is decided here.
"""
