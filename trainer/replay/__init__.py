"""The replay buffer: stores what the environments returned and draws batches from it.

In: one step of all environments at a time. Out: a `Batch` on the device of the networks, and segments for checkpoints.
Each camera frame is stored once; stacks are put together when a batch is drawn
(docs/decisions/0003-replay-stores-single-frames.md).

    buffer        ring of transitions, one per environment
    ledger        what the environments received and gave, apart from the buffer: a witness for its batches
    exploration   how the environments' actions differ from the policy's
    staging       rows of arrays on their way to the device
    mirror        a copy of the frames on a GPU, if asked for
    capacity      how much will be stored, known in advance
"""
