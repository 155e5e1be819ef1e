"""Causes of TD targets and target networks."""

from __future__ import annotations

from collections.abc import Mapping

from gates.diagnosis.causes.cause import Cause

TARGETS: Mapping[str, Cause] = {
    "target_not_averaged": Cause(
        title="Target networks are not averaged",
        meaning="The targets jump with the critic, so each of its errors is in the next target at once.",
        refuted_by="Targets that lag behind the critic as a moving average with the configured tau does.",
        instruction=(
            "After each policy update set target = (1 - tau) * target + tau * online with the configured tau; a "
            "swapped pair of arguments or a copied module has the same effect as tau = 1."
        ),
        config={"train.tau": 0.005},
        rank=3,
    ),
    "target_of_maximum": Cause(
        title="Targets take the larger critic's value",
        meaning="The maximum of the critics in the target feeds their overestimation back in place of holding it down.",
        refuted_by="Targets that equal r + gamma * (1 - terminated) * min(Q1', Q2') (bellman/target_error of 0).",
        instruction="Take torch.minimum of the target critics' values.",
        rank=0,
    ),
    "target_discount": Cause(
        title="Targets use another discount",
        meaning="The value of the next state is multiplied by another number than gamma, so horizon and values differ.",
        refuted_by="A slope of the targets over the next states' value that equals gamma (bellman/discount).",
        instruction=(
            "Multiply the next value by gamma once; look for a discount that is applied in the buffer and in the loss, "
            "and for n-step returns without their power of gamma."
        ),
        rank=0,
    ),
    "target_miscomputed": Cause(
        title="TD targets are not what they should be",
        meaning="The targets of the critic's loss differ from r + gamma * (1 - terminated) * min(Q1', Q2').",
        refuted_by="Targets that equal it (bellman/target_error of 0).",
        instruction=(
            "Print r, the discount, both target values and the target of one transition, and compute "
            "it by hand."
        ),
        rank=0,
    ),
    "target_action_wrong": Cause(
        title="Target actions are not the target actor's with clipped noise",
        meaning=(
            "The next action of the targets comes from another network than the target actor, or its noise is missing "
            "or not clipped; so targets hold more of the critic's errors."
        ),
        refuted_by=(
            "bellman/target_noise above 0 and within target_noise_clip, on both sides, and actions within their limits."
        ),
        instruction=(
            "next_action = (actor_target(next_obs) + clamp(noise, -clip, clip)).clamp(-1, 1); check that the target "
            "actor is used, that noise is added, and that it is clipped before it is."
        ),
        rank=3,
    ),
    "target_frozen": Cause(
        title="A target network never follows",
        meaning="The targets keep what an untrained network says, so values never reach beyond the next reward.",
        refuted_by="A target update that moves the target by tau of its distance (targets/*_tau).",
        instruction=(
            "After each policy update move every target: target = (1 - tau) * target + tau * online, in place, actor "
            "and critic; look for a loop over a list that was made before the networks were replaced."
        ),
        rank=1,
    ),
}  # fmt: skip
