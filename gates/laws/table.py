"""The one list of laws: quantities with known values for every correctly wired run, from several series at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from msgspec import structs

from gates.algorithms import ON_POLICY, TD3_AND_SAC, TD3_KIN, holds_for, why_not
from gates.facts.breach import Breach
from gates.facts.run_facts import RunFacts
from gates.facts.values import Missing
from gates.laws import actor, any_trainer, data, identities, reward_shape, targets
from gates.laws.entropy_table import OF_SAC
from gates.laws.law import Law
from gates.laws.measured_again import MEASURED_AGAIN, rarely_measured
from gates.laws.quantity import Quantity
from gates.laws.signs import SIGNS
from gates.text import format_limit

ANY: tuple[str, ...] = ()
"""Laws of counting hold for every algorithm."""


def _state(what: str, breach: Breach) -> str:
    """Tell a law that is 1 where something holds: since when, or in which share of the judged updates."""
    if breach.since_step is not None:
        return f"{what} since {breach.axis} {breach.since_step:,}"
    return f"{what} in {breach.share} of the judged updates"


def _encoder_gradient(breach: Breach) -> str:
    if breach.infinite:
        return "the actor's encoder has a gradient and its MLP has none"
    return f"the actor's encoder gradient is {breach.times} its MLP gradient"


def _weights(whose: str, breach: Breach) -> str:
    if breach.value == 0:
        return f"the {whose}'s weights never change"
    return f"the {whose}'s weights change by only {breach.share}"


def _terminations(breach: Breach) -> str:
    if breach.value == 0:
        return "no termination reaches the targets"
    if breach.infinite:
        return "the batches hold terminations that did not happen"
    return f"the batches hold {breach.times} the terminations of the episodes"


LAWS: Mapping[str, Law] = {
    law.name: law
    for law in (
        Law(
            name="actor_q_over_replay_q",
            words="actor Q / replay Q",
            quantity=actor.actor_q_over_replay_q,
            fact=lambda b: f"actor Q is {b.times} replay Q, {b.beyond}",
            assumes=(
                (
                    "One action changes a value by less than ten times the mean value, or by less than "
                    "three of the largest rewards: where the mean cancels, as with rewards of both signs "
                    "at a small discount, smaller values count as coupled."
                ),
                "Both tags are one critic's values of one batch.",
            ),
            algorithms=TD3_AND_SAC,
        ),
        Law(
            name="actor_loss_plus_actor_q",
            words="relative difference of actor loss and -actor Q",
            quantity=actor.actor_loss_plus_actor_q,
            fact=lambda b: f"actor loss and -actor Q differ by {b.share}",
            assumes=(
                (
                    "The actor loss is -mean(Q) alone; with configured guards the law does not apply, and "
                    "unknown ones make it differ."
                ),
            ),
        ),
        Law(
            name="actor_cnn_over_mlp_gradient",
            words="actor gradient, encoder / MLP",
            quantity=actor.actor_cnn_over_mlp_gradient,
            fact=_encoder_gradient,
            assumes=(
                "Both norms are of the actor's loss, before clipping.",
                (
                    "Encoder and MLP have sizes like those of published recipes; where "
                    "probe/actor_encoder_leak is 0 it decides instead."
                ),
            ),
        ),
        Law(
            name="actor_is_dead",
            words="share of updates with a dead actor",
            quantity=actor.actor_is_dead,
            fact=lambda b: _state("the actor is dead", b),
            assumes=(
                (
                    "The policy ends in a tanh and policy/tanh_saturation tells its state; where that is "
                    "not logged, a small gradient may also be that of a converged policy, and the finding "
                    "is advisory."
                ),
                "A saturated policy that answers to its state is bang-bang control, where sees/policy_* is logged.",
            ),
        ),
        Law(
            name="same_limit_everywhere",
            words="share of actions at one limit in every state",
            quantity=actor.same_limit_everywhere,
            fact=lambda b: f"{b.share} of the actions are at a limit, the same one in every state",
            assumes=(
                (
                    "A good policy answers to what it sees. A young one may not for some thousand steps and learn "
                    "later, so that only later stages fail it."
                ),
            ),
            algorithms=(*TD3_KIN, "other"),
        ),
        Law(
            name="actor_weights_move",
            words="relative spread of the actor's weight norm",
            quantity=actor.actor_weights_move,
            fact=lambda b: _weights("actor", b),
            assumes=(
                (
                    "An optimiser steps between the first and the last logged row, with a learning rate "
                    "that 32 bits can show."
                ),
            ),
            algorithms=TD3_KIN,
        ),
        Law(
            name="critic_weights_move",
            words="relative spread of the critic's weight norm",
            quantity=actor.critic_weights_move,
            fact=lambda b: _weights("critic", b),
            assumes=(
                (
                    "An optimiser steps between the first and the last logged row, with a learning rate "
                    "that 32 bits can show."
                ),
            ),
            algorithms=TD3_KIN,
        ),
        Law(
            name="critics_agree",
            words="share of updates in which both critics are equal",
            quantity=identities.critics_agree,
            fact=lambda b: _state("both critics are the same", b),
            assumes=(
                "All four tags are measured, each with its own critic, and the critics were initialised apart.",
            ),
            algorithms=TD3_KIN,
        ),
        Law(
            name="batches_repeat",
            words="share of batches equal to the first one",
            quantity=identities.batches_repeat,
            fact=lambda b: _state("every batch is the first one again", b),
            assumes=(
                "Rewards differ within the first logged batch; where they do not, batches cannot be told apart.",
            ),
            algorithms=TD3_KIN,
        ),
        Law(
            name="q_spread_in_batch",
            words="largest spread of actor Q in a batch / its mean",
            quantity=identities.q_spread_in_batch,
            fact=lambda b: f"Q spreads by at most {b.share} within a batch: the networks are blind",
            assumes=(
                "The task has more than one state: in a bandit the same Q everywhere is right.",
            ),
            algorithms=TD3_KIN,
        ),
        Law(
            name="targets_over_rewards_spread",
            words="spread of the TD targets in a batch / spread of its rewards",
            quantity=identities.targets_over_rewards_spread,
            fact=lambda b: f"targets spread {b.share} as much as rewards within a batch",
            assumes=(
                "Next values do not take back, to a hundredth, what each transition's reward gives.",
            ),
            algorithms=TD3_AND_SAC,
        ),
        Law(
            name="action_without_tanh",
            words="share of updates in which the action is unbounded",
            quantity=actor.action_without_tanh,
            fact=lambda b: _state("actions are not bounded by a tanh", b),
            assumes=(
                (
                    "The policy is meant to end in a tanh; one that clips its output on purpose breaks "
                    "the law soundly."
                ),
            ),
        ),
        Law(
            name="batch_reward_over_episode_reward",
            words="mean batch reward / mean episode reward per step",
            quantity=data.batch_reward_over_episode_reward,
            fact=lambda b: f"rewards in the batches are {b.times} those of the episodes",
            assumes=(
                (
                    "The buffer holds the steps of the logged episodes, sampled uniformly and one reward "
                    "each: relabelled goals, priorities and n-step returns break it; with a configured n "
                    "above 1 the law does not apply."
                ),
                (
                    "A deliberate factor between the episodes' rewards and the critic's is configured or logged: "
                    "an unknown one shows as a fault."
                ),
                "Rewards do not cancel: where a mean is small beside the spread, the law does not apply.",
            ),
            algorithms=TD3_KIN,
        ),
        Law(
            name="distance_to_running_sums",
            words="distance of the batch rewards from running sums",
            quantity=reward_shape.distance_to_running_sums,
            fact=lambda _: "rewards in the batches look like running sums",
            assumes=(
                "Rewards are spread evenly over an episode, as far as a factor of a few.",
                "What the mean of the batch rewards assumes.",
            ),
            algorithms=TD3_KIN,
        ),
        Law(
            name="done_ratio_over_terminations",
            words="terminations in the batches / terminations in the episodes",
            quantity=data.done_ratio_over_terminations,
            fact=_terminations,
            assumes=(
                (
                    "The buffer holds this run's steps alone, sampled uniformly; with a configured n-step "
                    "return the share is divided by n, and priorities break the law."
                ),
            ),
            algorithms=TD3_KIN,
        ),
        Law(
            name="discount",
            words="discount in the targets",
            quantity=data.discount,
            fact=lambda b: f"the discount in the targets is {format_limit(b.value)}, {b.relation}",
            assumes=(
                (
                    "The tag debug/effective_discount holds gamma (1 - done), gamma to the power of n for "
                    "n-step returns."
                ),
                "The task goes on: a discount of 1 is right only where every episode is sure to end.",
            ),
            algorithms=TD3_KIN,
        ),
        Law(
            name="target_network_speed",
            words="tau that the targets show at least / largest plausible tau",
            quantity=targets.target_network_speed,
            fact=lambda b: f"targets follow the critic {b.times} as fast as a plausible tau allows",
            assumes=(
                "A batch's states and next states are worth about the same, up to a constant factor.",
                (
                    "Values grow from an untrained network's: where they hardly grow the law does not "
                    "apply, and where they grow slowly every rate explains the run, so that the smallest "
                    "one is tiny."
                ),
                (
                    "The targets hold no entropy bonus. How good the policy is beside its buffer does not "
                    "matter, nor do discount, sign and size of the rewards."
                ),
            ),
        ),
        Law(
            name="bootstrap_over_policy_q",
            words="value in the targets / critic's Q of the policy",
            quantity=targets.bootstrap_over_policy_q,
            fact=lambda b: f"targets hold {b.times} what the critic says of the policy",
            assumes=(
                (
                    "Next states are worth what states are worth: where more than a tenth of the batch is "
                    "terminal, or values fall, the law does not apply."
                ),
                "The targets hold no entropy bonus.",
            ),
        ),
        Law(
            name="replay_q_over_returns",
            words="replay Q / discounted return of the episodes",
            quantity=data.replay_q_over_returns,
            fact=lambda b: f"replay Q is {b.times} what the episodes earned",
            assumes=(
                (
                    "The policy is no better than the episodes in the buffer; one that has outgrown them "
                    "is worth more, so checks of this law are advisory."
                ),
                (
                    "Rewards are spread evenly over an episode, and an episode that was cut off goes on "
                    "in the same way."
                ),
            ),
        ),
        Law(
            name="episode_steps_over_steps",
            words="sum of episode lengths / environment steps",
            quantity=data.episode_steps_over_steps,
            fact=lambda b: f"episode lengths add up to {b.times} the steps of the run",
            assumes=(
                (
                    "Lengths and steps count the same thing: another trainer may count frames in one and "
                    "decisions in the other, or steps of all parallel environments together, so that for "
                    "it a whole multiple is advisory."
                ),
            ),
            algorithms=ANY,
            of_updates=False,
        ),
        Law(
            name="critic_gradient_growth",
            words="critic gradient / its start",
            quantity=data.critic_gradient_growth,
            fact=lambda b: f"the critic's gradient is {b.times} its start",
            assumes=(
                (
                    "Rewards and values keep their size after the first fifth of the updates; values that "
                    "are still learned let gradients grow, so checks of this law are advisory."
                ),
            ),
            algorithms=TD3_KIN,
        ),
        Law(
            name="reward_mean_apart",
            words="difference of batch and episode rewards, over their spread",
            quantity=data.reward_mean_apart,
            fact=lambda b: (
                f"batch rewards are {b.times} their spread away from those of the episodes"
            ),
            assumes=(
                "The buffer holds the logged episodes, drawn uniformly, and episodes that are running are like them.",
                "The scale of the rewards is logged or configured.",
            ),
            algorithms=TD3_KIN,
        ),
        Law(
            name="actor_loss_is_plus_q",
            words="share of updates whose actor loss is +actor Q",
            quantity=actor.actor_loss_is_plus_q,
            fact=lambda b: f"the actor loss is +actor Q in {b.share} of the judged updates",
            assumes=("Both tags are of one update, to three digits.",),
        ),
        *MEASURED_AGAIN,
        *OF_SAC,
        *SIGNS,
        Law(
            name="losses_stand_still",
            words="share of the losses that are equal up to the end",
            quantity=any_trainer.losses_stand_still,
            fact=lambda b: f"all losses keep one value for the last {b.share} of what is logged",
            assumes=("Each logged loss is of a batch of its own.",),
            algorithms=ANY,
            only_if_logged=True,
        ),
        Law(
            name="value_error_over_range",
            words="root of the value loss / range of honest values",
            quantity=any_trainer.value_error_over_range,
            fact=lambda b: f"the value loss is that of values {b.times} as large as rewards allow",
            assumes=(
                "The loss is a mean of squared errors, half of it, or smaller, as a Huber loss is.",
                (
                    "No reward is larger than five times the best mean per step, or than 10 where rewards are "
                    "normalised, and none is larger than the largest return of an episode."
                ),
            ),
            algorithms=(*ON_POLICY, "DQN"),
            only_if_logged=True,
        ),
        Law(
            name="entropy_over_start",
            words="entropy of the policy / its start",
            quantity=any_trainer.entropy_over_start,
            fact=lambda b: f"the policy's entropy is {b.share} of its start",
            assumes=(
                (
                    "Actions are discrete: the entropy of continuous ones has no zero. A solved task "
                    "needs no entropy, so checks of this law are advisory."
                ),
            ),
            algorithms=ON_POLICY,
        ),
    )
}
"""Every law by its name, in the order of the documentation."""

if TYPE_CHECKING:
    LawName = str
else:
    LawName = Literal[tuple(LAWS)]
"""Name of a law, checked when a gate file is read."""


def evaluate(name: LawName, facts: RunFacts) -> Quantity | Missing:
    """Compute the quantity of a law; it does not apply to an algorithm that the law does not hold for."""
    law = LAWS[name]
    if not holds_for(law.algorithms, facts.algorithms):
        return Missing(reason=why_not(law.algorithms, facts.algorithms), not_applicable=True)
    found = law.quantity(facts)
    if law.only_if_logged and isinstance(found, Missing):
        return structs.replace(found, not_applicable=True)
    return rarely_measured(found, facts) if law in (*MEASURED_AGAIN, *OF_SAC) else found
