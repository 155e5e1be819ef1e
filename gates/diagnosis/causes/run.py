"""Causes of the run as a whole: what was applied, reached and measured."""

from __future__ import annotations

from collections.abc import Mapping

from gates.diagnosis.causes.cause import BEHIND_AN_ACTOR, Cause

RUN: Mapping[str, Cause] = {
    "config_not_applied": Cause(
        title="The run did not use the configuration",
        meaning="Updates, learning rates, discount or schedule in the events differ from the configured ones.",
        refuted_by="A configuration file of this very run that agrees with the events.",
        instruction=(
            "Find where the trainer reads these keys; an argument default, a second configuration file or a renamed "
            "key wins over the intended one. Log the resolved configuration at the start."
        ),
        rank=4,
    ),
    "reward_hacking": Cause(
        title="The reward pays for something else than driving",
        meaning=(
            "Returns rose clearly while neither more of the routes was driven nor more of them succeeded, or the "
            "policy earns clearly more than a driver by rules who drives clearly better on the same routes: the "
            "policy found what is paid, and that is not what is wanted."
        ),
        refuted_by=(
            "Route completion or success that rises with the return on the same routes, and a driver by rules that "
            "earns more than the policy."
        ),
        instruction=(
            "Watch the policy drive, and find in reward_components/* the term that its return comes from. Pay for "
            "progress along the route, let no episode end that is cheaper ended, and pay nothing to a vehicle that "
            "stands."
        ),
        rank=4,
    ),
    "policy_collapse": Cause(
        title="The policy does the same in every episode",
        meaning=(
            "The last episodes are short and of nearly one length, or evaluations repeat to the last bit: the policy "
            "no longer reacts to what it sees, or what acts is not what is trained."
        ),
        refuted_by="Episode lengths or evaluations that differ again.",
        instruction=(
            "Make sure that the network that acts is the one that is trained, and find why the policy stopped reacting "
            "before changing the recipe; more exploration noise alone rarely cures it."
        ),
        found_by={
            "policy/tanh_saturation": "whether the actor is dead",
            "gradients/actor_mlp_norm": "whether the actor still gets a gradient",
            **BEHIND_AN_ACTOR,
        },
        rank=6,
    ),
    "updates_stopped": Cause(
        title="Updates stopped before the run did",
        meaning="The environment was stepped on, but no update was logged any more, so nothing was learned from it.",
        refuted_by="A count of updates, or norms of weights, that change to the end of the run.",
        instruction=(
            "Look at what the loop asks before an update: a condition on buffer, schedule or counter that became "
            "false, or an exception that is caught and passed over. If only logging stopped, log to the end."
        ),
        rank=7,
    ),
    "environment_not_finite": Cause(
        title="The environment returned numbers that are not finite",
        meaning=(
            "An observation or a reward was NaN or infinite. Whatever learns from it becomes NaN as well, so the "
            "policy and the losses show it later, and are not where it began."
        ),
        refuted_by="The same environment, stepped with random actions over the same seeds, that never returns NaN.",
        instruction=(
            "Step the environment alone with random actions until the number comes, and look for a division by zero, "
            "a sensor without a reading or a reward without a bound. Clipping hides it."
        ),
        rank=-1,
    ),
    "stopped_early": Cause(
        title="The run stopped before its plan",
        meaning="Fewer environment steps than planned were trained, so the stage shows less than it was meant to show.",
        refuted_by="Events, of this attempt or a later one, that reach the planned step.",
        instruction="Read the end of the trainer's log for the reason, then train to the planned step.",
        rank=7,
    ),
    "metric_is_post_clip": Cause(
        title="A gradient norm was logged after clipping",
        meaning=(
            "The norm is pinned at the clip limit while the loss spans orders of magnitude, so it cannot "
            "show an explosion."
        ),
        refuted_by="A norm that was measured before clipping and still stays constant.",
        instruction="Log the norm that the clipping function returns; that is the one before clipping.",
        rank=8,
    ),
}  # fmt: skip
