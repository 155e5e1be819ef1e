"""Algorithms: what acts, and how it learns from a batch.

In: a `TrainConfig`, the shape of an observation, batches from the replay buffer. Out: actions, and statistics of
logged updates. The training loop knows only the protocol in `agent`; `registry` names the algorithms.

    agent         what the loop asks of an algorithm
    td3           TD3 in the order of its paper's Algorithm 1; DDPG is a configuration of it
    instruments   what a logged update measures, apart from the algorithm
    evidence      what some logged updates measure again, from the definitions
    parts         parts of the networks with a learning rate and a clip limit of their own
    networks      encoder, actor, critics
    adam, linear  the optimiser and a layer, faster than torch's on a processor
    rewards       rewards as the critic sees them

A new algorithm is one file with an `Agent` and one line in `registry`.
"""
