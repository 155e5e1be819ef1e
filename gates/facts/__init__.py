"""What a run says about itself, each number with its origin.

In:  the series of a run and what is known of its configuration.
Out: `RunFacts`, computed when asked for: discount, rewards, bounds, episodes, phases, updates.

    values: Fact, Missing > episodes, bounds, breach > run_facts > phases, learning, plateau; trace; driving

A fact is a number and the sentence of where it comes from; what cannot be known is `Missing` with the tags that would
tell. Nothing here has levels: laws and checks decide what is too much.
"""
