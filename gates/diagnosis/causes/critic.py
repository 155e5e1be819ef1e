"""Causes of the critic: what it is trained on, what it sees, and whether it is trained."""

from __future__ import annotations

from collections.abc import Mapping

from gates.diagnosis.causes.cause import Cause

CRITIC: Mapping[str, Cause] = {
    "critic_divergence": Cause(
        title="The critic diverges",
        meaning=(
            "The targets grow with the critic's own values: replay Q, TD target and actor Q rise together beyond "
            "what the rewards allow."
        ),
        refuted_by="Replay Q and TD targets that stay within max|r| / (1 - gamma).",
        instruction=(
            "Check that gamma is below 1 and that targets come from averaged target networks; then lower the "
            "critic's learning rates. Clipping gradients or targets hides the growth and does not stop it."
        ),
        config={"train.critic_lr": 1.0e-4, "train.critic_cnn_lr": 1.0e-4, "train.tau": 0.005},
        rank=1,
    ),
    "one_target_for_all": Cause(
        title="Every transition of a batch has the same target",
        meaning=(
            "The critic's loss holds each Q against all targets of the batch, so that it learns their mean and no "
            "difference between states."
        ),
        refuted_by="A batch whose debug/target_q_std is as large as its debug/reward_std.",
        instruction=(
            "Print the shapes in the critic's loss: Q of shape [batch, 1] less targets of shape [batch] broadcasts to "
            "[batch, batch]. Give rewards, terminal flags and targets the shape of Q."
        ),
        rank=0,
    ),
    "blind_agent": Cause(
        title="The networks do not see the state",
        meaning="Q is the same for every state of a batch, so neither critic nor policy can depend on what happens.",
        refuted_by="A batch in which debug/actor_q_std is more than rounding.",
        instruction=(
            "Print the observations that reach the networks: all zeros, one constant picture or a detached copy? Check "
            "scaling, normalisation with a variance of 0 or infinity, and which key of the observation is used."
        ),
        rank=0,
    ),
    "identical_critics": Cause(
        title="Both critics are the same network",
        meaning="The minimum of the two critics is the value of one, so overestimation is not held back.",
        refuted_by="One update in which q1 and q2 differ.",
        instruction=(
            "Build two networks with their own parameters; look for one module listed twice, or a copy of the first "
            "one's weights."
        ),
        rank=3,
    ),
    "critic_frozen": Cause(
        title="The optimiser does not touch the critic",
        meaning="The critic's weights stay as they were initialised, so the actor climbs values that mean nothing.",
        refuted_by="A weight norm of the critic that changes between two logged updates.",
        instruction=(
            "Build the critic's optimiser from the parameters of the network that gives the values, and call its "
            "step() after backward(). Check that no copy or compile call replaced the module afterwards."
        ),
        rank=3,
    ),
    "critic_on_policy_action": Cause(
        title="The critic is trained on the policy's action",
        meaning=(
            "The critic's loss evaluates Q at the actor's own action in place of the replayed one, so reward and next "
            "state belong to another action."
        ),
        refuted_by="Q of the critic's loss that equals Q(s, a) of the replayed actions (bellman/q_error of 0).",
        instruction=(
            "Compute the critic's loss from critic(obs, batch.action); actor(obs) belongs into the "
            "actor's loss."
        ),
        rank=1,
    ),
    "critic_ignores_action": Cause(
        title="The critic does not see the action",
        meaning="Q is the same for every action, so the actor has nothing to climb.",
        refuted_by="Q that changes when the action is another row's (sees/q_action above 1e-6).",
        instruction=(
            "Concatenate observation features and action before the critic's first layer, undetached "
            "and unmasked."
        ),
        rank=1,
    ),
    "critic_partly_trained": Cause(
        title="A part of the critic is never trained",
        meaning=(
            "Some weights of the critics stay as they were initialised: a critic is missing from the loss or from the "
            "optimiser, and still enters the minimum of every target."
        ),
        refuted_by="Weights that all change in an update (weights/critic_reached of 1).",
        instruction="Sum the losses of all critics before going backward; give the optimiser all of their weights.",
        rank=1,
    ),
    "entries_unseen": Cause(
        title="Entries of the observation never reach the critic",
        meaning="Q does not change with some entries of the observation, so nothing can be learned from them.",
        refuted_by="Entries that are left out on purpose, or a slope of Q at each entry (sees/q_entries of 1).",
        instruction="Look for a slice, mask or concatenation before the networks that loses a part of the observation.",
        rank=3,
    ),
    "gradients_add_up": Cause(
        title="Gradients of earlier updates are added to each new one",
        meaning=(
            "A gradient is not reset before the backward pass, so each step follows the sum of all gradients so far "
            "rather than that of its loss."
        ),
        refuted_by=(
            "A gradient that is exactly 0, or None, before the update's backward pass; steps that are made of several "
            "batches on purpose."
        ),
        instruction=(
            "Call zero_grad() of the optimiser that holds these weights before the loss goes backward, in every "
            "update; weights that belong to no optimiser's list are never reset."
        ),
        rank=2,
    ),
    "weights_barely_move": Cause(
        title="The critic's weights move by rounding at most",
        meaning=(
            "Updates change the critic's weights by far less than a learning rate, because its gradients are far below "
            "the optimiser's epsilon."
        ),
        refuted_by="Steps of 0.05 to 1 learning rates (weights/critic_mlp_step).",
        instruction=(
            "Raise the limit of gradient clipping, or the scale of the rewards; look for a loss that is divided by the "
            "batch twice, and for gradients that were unscaled twice."
        ),
        rank=3,
    ),
}  # fmt: skip
