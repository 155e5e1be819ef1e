"""Records of the laws about evidence: what was measured again, and what the environment says of a batch."""

from __future__ import annotations

from msgspec import structs

from gates.algorithms import TD3_AND_SAC, TD3_KIN, TD3_LIKE
from gates.facts.run_facts import RunFacts
from gates.facts.values import Missing
from gates.laws import recomputed, witness
from gates.laws.law import Law
from gates.laws.quantity import Quantity
from gates.tags import EVIDENCE_TAGS
from gates.text import format_plural

MEASURED_AGAIN: tuple[Law, ...] = (
    Law(
        name="reward_error",
        words="rewards in the batches - those of the environment, over their spread",
        quantity=witness.reward_error,
        fact=lambda b: f"rewards in the batches are off by {b.times} their spread",
        assumes=(
            "The environment's reward is taken down where it is returned, and transformed as the configuration says.",
        ),
        algorithms=TD3_KIN,
    ),
    Law(
        name="reward_moved",
        words="share of transitions whose reward is another one when they are replayed again",
        quantity=witness.reward_moved,
        fact=lambda b: (
            f"{b.share} of the transitions have another reward when they are replayed again"
        ),
        assumes=(
            "A stored reward is not changed on purpose: a bonus that is learned, or a learned reward, moves it.",
            "Rewards follow from observation and action; the same pair with another reward is noise of the task.",
        ),
        algorithms=TD3_AND_SAC,
        only_if_logged=True,
    ),
    Law(
        name="draws_uneven",
        words="distance of the batches' distribution over the replay from an even one",
        quantity=witness.draws_uneven,
        fact=lambda _: "batches are drawn from a part of the replay",
        assumes=("Transitions are drawn evenly, with replacement: priorities differ on purpose.",),
        algorithms=TD3_AND_SAC,
        only_if_logged=True,
    ),
    Law(
        name="terminated_error",
        words="share of transitions with another terminal flag than the environment's",
        quantity=witness.terminated_error,
        fact=lambda b: f"{b.share} of the transitions have a wrong terminal flag",
        assumes=(
            "The environment's terminal flag is taken down where it is returned; n-step returns merge steps.",
        ),
        algorithms=TD3_KIN,
    ),
    Law(
        name="action_error",
        words="replayed actions - those that the environment received",
        quantity=witness.action_error,
        fact=lambda _: "replayed actions are not those that the environment received",
        assumes=("Replayed actions and those handed to the environment are in one range.",),
        algorithms=TD3_KIN,
    ),
    Law(
        name="obs_error",
        words="share of transitions with another observation than the environment's",
        quantity=witness.obs_error,
        fact=lambda b: f"{b.share} of the transitions hold a wrong observation",
        assumes=(
            "Observations are stored as they are seen; normalisation that changes in between is left out of both.",
        ),
        algorithms=TD3_KIN,
    ),
    Law(
        name="obs_change",
        words="change of observations, batches / environment",
        quantity=witness.obs_change,
        fact=lambda b: (
            f"observations in the batches change {b.times} as much as in the environment"
        ),
        assumes=(
            "The steps of the buffer change about as much as the newest ones; only a factor of ten and more is judged.",
        ),
        algorithms=TD3_KIN,
    ),
    Law(
        name="kinds_that_vary",
        words="share of the kinds of observation that vary",
        quantity=witness.kinds_that_vary,
        fact=lambda b: (
            "all observations are the same"
            if b.value == 0
            else "a kind of observation never varies"
        ),
        assumes=("A task's observations vary, and so does each kind; those of a bandit do not.",),
        algorithms=TD3_KIN,
    ),
    Law(
        name="kinds_that_q_sees",
        words="share of the kinds of observation that change Q",
        quantity=witness.kinds_that_q_sees,
        fact=lambda b: (
            "Q does not depend on the observation"
            if b.value == 0
            else "Q does not depend on a kind of observation"
        ),
        assumes=("Values differ by state, by more than rounding; those of a bandit do not.",),
        algorithms=TD3_KIN,
    ),
    Law(
        name="q_sees_action",
        words="relative change of Q by another row's action",
        quantity=witness.q_sees_action,
        fact=lambda _: "Q does not depend on the action",
        assumes=("An action changes the value of some state by more than rounding.",),
        algorithms=TD3_KIN,
    ),
    Law(
        name="exploration_over_configured",
        words="noise on the actions / configured noise",
        quantity=witness.exploration_over_configured,
        fact=lambda b: f"noise on the actions is {b.share} of the configured",
        assumes=(
            "The noise is normal with the configured deviation, and actions are not all at their limits.",
        ),
        algorithms=TD3_LIKE,
    ),
    Law(
        name="exploration_side",
        words="share of the noise on actions that is positive less that which is negative",
        quantity=witness.exploration_side,
        fact=lambda b: f"{b.share} more of the noise on actions goes to one side than to the other",
        assumes=(
            "The noise is as often positive as negative, whatever its size; that of single steps is independent, or "
            "counts for as few steps as are.",
            "Steps drawn at random, without the policy, are left out.",
        ),
        only_if_logged=True,
    ),
    Law(
        name="target_error",
        words="relative difference of the TD target from its definition",
        quantity=recomputed.target_error,
        fact=lambda b: f"TD targets differ from their definition by {b.share}",
        assumes=(
            "The targets are those of TD3, DDPG or SAC; what is added to them on purpose differs.",
        ),
        algorithms=TD3_AND_SAC,
    ),
    Law(
        name="critic_loss_error",
        words="relative difference of the critic's loss from its definition",
        quantity=recomputed.critic_loss_error,
        fact=lambda b: f"the critic's loss differs from its definition by {b.share}",
        assumes=(
            "The critic's loss is the sum of mean squared TD errors; Huber losses and weights differ on purpose.",
        ),
        algorithms=TD3_AND_SAC,
    ),
    Law(
        name="gradient_left_over",
        words="share of a gradient that was there before the backward pass",
        quantity=recomputed.gradient_left_over,
        fact=lambda b: f"{b.share} of a gradient is left over from earlier updates",
        assumes=("Every step of an optimiser is made of one batch.",),
        algorithms=TD3_AND_SAC,
        only_if_logged=True,
    ),
    Law(
        name="target_smoothing",
        words="noise on the target actions / its configured clip",
        quantity=recomputed.target_smoothing,
        fact=lambda b: (
            "target actions have no noise"
            if b.value == 0
            else "target actions are further from the target actor than the noise allows"
        ),
        assumes=(
            "The configuration tells the noise on target actions and its clip, in units of the action range [-1, 1].",
        ),
    ),
    Law(
        name="target_action",
        words="largest next action in the targets / limit of the actions",
        quantity=recomputed.target_action,
        fact=lambda b: f"next actions in the targets reach {b.times} the limit of the actions",
        assumes=("Networks see actions scaled to [-1, 1].",),
        only_if_logged=True,
    ),
    Law(
        name="target_noise_side",
        words="share of the noise on target actions on one side less that on the other",
        quantity=recomputed.target_noise_side,
        fact=lambda b: (
            f"{b.share} more of the noise on target actions is on one side than on the other"
        ),
        assumes=("Noise is drawn for each transition, and is as often positive as negative.",),
        only_if_logged=True,
    ),
    Law(
        name="critic_reached",
        words="share of the critics' tensors that an update changes",
        quantity=recomputed.critic_reached,
        fact=lambda b: f"updates change {b.share} of the critics' weights",
        assumes=(
            "Each tensor that needs a gradient is used, and steps are larger than its rounding.",
        ),
        algorithms=TD3_AND_SAC,
        only_if_logged=True,
    ),
    Law(
        name="moved_by_the_other",
        words="share of the weights that the other network's optimiser changes",
        quantity=recomputed.moved_by_the_other,
        fact=lambda b: f"{b.share} of a network's weights are changed by the other one's optimiser",
        assumes=("Actor and critic have an optimiser each; weights that both use are left out.",),
        algorithms=TD3_AND_SAC,
        only_if_logged=True,
    ),
    Law(
        name="q_sees_entries",
        words="share of the observation's entries that change Q",
        quantity=recomputed.q_sees_entries,
        fact=lambda b: f"Q answers to {b.share} of the observation's entries only",
        assumes=("No entry is left out on purpose; so it only warns.",),
        algorithms=TD3_AND_SAC,
        only_if_logged=True,
    ),
    Law(
        name="targets_tau",
        words="tau of the target updates / tau",
        quantity=recomputed.targets_tau,
        fact=lambda b: (
            "a target network never follows"
            if b.value == 0
            else f"a target network follows {b.times} as fast as tau says"
        ),
        assumes=(
            "Targets are averaged by tau in every target update, and steps are larger than the weights' rounding.",
        ),
        algorithms=TD3_AND_SAC,
    ),
    Law(
        name="targets_apart",
        words="relative distance of a target network from its online network",
        quantity=recomputed.targets_apart,
        fact=lambda _: "a target network is the online network itself",
        assumes=(
            "An optimiser step was taken since the target was last copied, as in every logged update.",
        ),
        algorithms=TD3_AND_SAC,
    ),
    Law(
        name="targets_move",
        words="change of the targets' value / change of actor Q",
        quantity=recomputed.targets_move,
        fact=lambda b: f"targets move {b.share} of what the critic does",
        assumes=(
            "There were enough updates for the configured tau, or a slow one of 0.0005, to follow.",
            "The policy's Q has grown well beyond an untrained network's; elsewhere the law does not apply.",
        ),
    ),
    Law(
        name="actor_direction",
        words="cosine of the actor's gradient and its objective's",
        quantity=recomputed.actor_direction,
        fact=lambda b: (
            "the actor's loss lowers its objective"
            if b.value < 0
            else "the actor's gradient is not its objective's"
        ),
        assumes=(
            "The actor's loss is -Q1 with the configured guards; other terms change the direction on purpose.",
        ),
    ),
    Law(
        name="actor_ascent",
        words="cosine of the actor's step and the direction uphill",
        quantity=recomputed.actor_ascent,
        fact=lambda _: "the actor steps downhill",
        assumes=(
            "Steps of an optimiser with momentum go up on average over eight updates and more.",
        ),
    ),
    Law(
        name="critic_step",
        words="change of the critic's weights in an update / learning rate",
        quantity=recomputed.critic_step,
        fact=lambda b: f"the critic's weights move {b.share} of a learning rate",
        assumes=("The optimiser is Adam, whose steps do not depend on the size of the gradients.",),
        algorithms=TD3_AND_SAC,
    ),
    Law(
        name="actor_step",
        words="change of the actor's weights in an update / learning rate",
        quantity=recomputed.actor_step,
        fact=lambda b: f"the actor's weights move {b.share} of a learning rate",
        assumes=("The optimiser is Adam, and the actor is not saturated.",),
    ),
    Law(
        name="critic_error_share",
        words="mean squared TD error / variance of the targets",
        quantity=recomputed.critic_error_share,
        fact=lambda b: f"the critic's error is {b.share} of the variance of its targets",
        assumes=(
            "Targets vary more by state than by noise of the rewards, and the critic had time to learn; it only warns.",
        ),
    ),
    Law(
        name="actor_above_replay",
        words="share of updates with actor Q above replay Q",
        quantity=recomputed.actor_above_replay,
        fact=lambda b: f"actor Q is above replay Q in {b.share} of the updates",
        assumes=("The actor had time to climb and no guard holds it back; so it only warns.",),
    ),
)
"""In the order of the documentation."""

FEW = 3
"""Measurements; a run of few updates is measured once or twice, and a tag without a value is left out."""


def rarely_measured(found: Quantity | Missing, facts: RunFacts) -> Quantity | Missing:
    """Keep what was measured once or twice from counting as missing evidence."""
    if isinstance(found, Quantity):
        if found.points >= FEW:
            return found
        return structs.replace(
            found, unproven=f"measured in {format_plural(found.points, 'update')} only"
        )
    logged = (facts.series(tag) for tag in EVIDENCE_TAGS)
    measured = max((len(series) for series in logged if series is not None), default=0)
    if 0 < measured < FEW:
        return structs.replace(found, not_applicable=True)
    return found
