"""Whether a training makes progress and fits into the machine.

In: heartbeats, processes, the machine. Out: stalls, stack traces, resources.jsonl, refusals.

    needs: memory and disk before the start
    stalls: no heartbeat, no new step ── traces: stacks of the processes
    resources: memory, disk, GPU ── events: the same for TensorBoard

None of this changes a verdict.
"""
