"""One update of an agent with an actor and Q critics: hooks that look at it, and the tags that it gives.

recorder   hooks that look at one update and are gone after it
again      the same update computed a second time, now and then
entropy    the entropy term of SAC
gradients  norms of gradients at the end of each backward pass
measures   what was seen of an update -> tags
moved      which weights an optimiser's step changes
parts      actor and critic, their encoders and the rest
replayed   whether a transition's reward changed since it was drawn before
units      which units answer, and how many directions the last features fill
"""
