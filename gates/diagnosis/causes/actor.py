"""Causes of the actor: its wiring, its loss and what becomes of it."""

from __future__ import annotations

from collections.abc import Mapping

from gates.diagnosis.causes.cause import BEHIND_AN_ACTOR, Cause

_GUARDS: Mapping[str, object] = {
    "train.preact_penalty": 0.02,
    "train.normalize_actor_loss": True,
    "train.layer_norm": True,
    "train.actor_lr": 1.0e-4,
}

ACTOR: Mapping[str, Cause] = {
    "actor_encoder_leak": Cause(
        title="The critic's head is fed the actor encoder's features",
        meaning=(
            "The actor loss evaluates Q on the actor's own encoder with gradients on. The critic's head was never "
            "trained on those features, so the actor raises Q by changing them, without changing an action."
        ),
        refuted_by=(
            "A gradient of -Q1 at the actor's encoder that is exactly 0 when the action is held fixed "
            "(probe/actor_encoder_leak), or Q1(critic features, pi) equal to debug/actor_q_mean."
        ),
        instruction=(
            "In the actor loss, encode the observation with the critic's own encoder and detach it: "
            "-Q1(critic.encode(obs).detach(), actor(obs)). Configuration cannot cure this: gradient clipping, smaller "
            "encoder learning rates, critic weight decay and LayerNorm only slow it or hide it."
        ),
        rank=0,
    ),
    "shared_encoder_actor_gradient": Cause(
        title="The actor's gradient trains the encoder that the critic uses",
        meaning=(
            "Actor and critic share one encoder and the actor loss reaches it directly, so raising Q and fitting Q "
            "pull the same weights in different directions."
        ),
        refuted_by=(
            "Weight norms of the two encoders that differ, or an encoder gradient that is 0 with the "
            "action held fixed."
        ),
        instruction=(
            "Detach the shared features in the actor loss, so that only the critic's loss trains the encoder, or "
            "give the actor an encoder of its own."
        ),
        rank=0,
    ),
    "unbounded_action": Cause(
        title="The policy's output is not bounded",
        meaning=(
            "Without a tanh the actor raises Q by leaving the range of actions that the critic was trained on; "
            "there the critic extrapolates linearly."
        ),
        refuted_by="Actions in the replay buffer and from the policy that never exceed the action space.",
        instruction=(
            "End the actor with tanh and scale to the action space: action = tanh(z) * (high - low) / 2 + "
            "(high + low) / 2."
        ),
        rank=0,
    ),
    "actor_descends": Cause(
        title="The actor is trained downhill",
        meaning="The actor's loss or its step has the wrong sign: each update makes the actions worse for the critic.",
        refuted_by="A loss whose gradient points along -dQ/dz (policy/gradient_alignment of 1), and steps along it.",
        instruction="The actor's loss is -Q1(s, pi(s)).mean(); check its sign, maximize flags and reversed gradients.",
        rank=1,
    ),
    "optimisers_overlap": Cause(
        title="An optimiser moves the other network",
        meaning=(
            "The actor's step changes the critic, so that Q rises without a better action; or the critic's step "
            "changes the actor."
        ),
        refuted_by="Weights that only their own optimiser changes (weights/critic_moved_by_actor of 0).",
        instruction="Give the actor's optimiser the actor's weights only, and the critic's optimiser the critic's.",
        rank=0,
    ),
    "actor_frozen": Cause(
        title="The optimiser does not touch the actor",
        meaning="The actor's gradients are not zero, yet its weights stay exactly the same.",
        refuted_by="A weight norm of the actor that changes between two logged updates.",
        instruction=(
            "Build the actor's optimiser from the parameters of the network that acts, call its step() after "
            "backward(), and check that no copy or compile call replaced the module afterwards."
        ),
        rank=3,
    ),
    "dead_encoder": Cause(
        title="An encoder is dead: its rectifiers let nothing through",
        meaning=(
            "Steps were so large that every unit of a layer ended below 0 for every picture. No value and no gradient "
            "passes, so nothing revives it, and what is behind it is blind."
        ),
        refuted_by="Features that differ from 0 for some picture (features/actor_cnn_l2, features/critic_cnn_l2).",
        instruction=(
            "Begin again from a checkpoint before that step, with lower learning rates for the encoders, layer norm "
            "or clipped gradients; what made the steps large may be named beside this."
        ),
        config={"train.layer_norm": True, "train.actor_cnn_lr": 1.0e-4, "train.critic_cnn_lr": 1.0e-4},
        rank=5,
    ),
    "dead_actor": Cause(
        title="The actor is dead: its tanh is saturated",
        meaning=(
            "The pre-tanh outputs grew until tanh passes hardly a gradient; the policy stays at the limits of the "
            "action space, whatever it sees."
        ),
        refuted_by="Actions that another state changes, or a saturated share well below 1 at the end of the run.",
        instruction=(
            "Keep the tanh out of saturation: penalise mean(z^2) of the pre-tanh outputs, normalise the actor loss "
            "by mean|Q|, lower the actor's learning rate, let the critic warm up before the first actor update."
        ),
        config=_GUARDS,
        found_by=BEHIND_AN_ACTOR,
        rank=5,
    ),
}  # fmt: skip
