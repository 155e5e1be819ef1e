"""The one list of laws: quantities with known values for every correctly wired run, from several series at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from gates.algorithms import ON_POLICY, TD3_KIN, TD3_LIKE, holds_for, why_not
from gates.facts.breach import Breach
from gates.facts.run_facts import RunFacts
from gates.facts.values import Missing
from gates.laws import actor, data, identities, on_policy, reward_shape, targets
from gates.laws.quantity import Quantity
from gates.text import format_limit

ANY: tuple[str, ...] = ()
"""Laws of counting hold for every algorithm."""


@dataclass(frozen=True, kw_only=True)
class Law:
    """A quantity whose value is known for every correctly wired run."""

    name: str
    """Key in the gate file."""
    words: str
    """What it measures, for sentences and tables."""
    quantity: Callable[[RunFacts], Quantity | Missing]
    """Pure function; its docstring says how the quantity is computed."""
    fact: Callable[[Breach], str]
    """What a broken level means, in short."""
    algorithms: tuple[str, ...] = TD3_LIKE
    """Algorithms that it holds for; empty: all."""
    of_updates: bool = True
    """Each logged update gives it a point; otherwise it needs no update."""


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
        ),
        Law(
            name="actor_loss_plus_actor_q",
            words="relative difference of actor loss and -actor Q",
            quantity=actor.actor_loss_plus_actor_q,
            fact=lambda b: f"actor loss and -actor Q differ by {b.share}",
        ),
        Law(
            name="actor_cnn_over_mlp_gradient",
            words="actor gradient, encoder / MLP",
            quantity=actor.actor_cnn_over_mlp_gradient,
            fact=_encoder_gradient,
        ),
        Law(
            name="actor_is_dead",
            words="share of updates with a dead actor",
            quantity=actor.actor_is_dead,
            fact=lambda b: _state("the actor is dead", b),
        ),
        Law(
            name="actor_weights_move",
            words="relative spread of the actor's weight norm",
            quantity=actor.actor_weights_move,
            fact=lambda b: _weights("actor", b),
            algorithms=TD3_KIN,
        ),
        Law(
            name="critic_weights_move",
            words="relative spread of the critic's weight norm",
            quantity=actor.critic_weights_move,
            fact=lambda b: _weights("critic", b),
            algorithms=TD3_KIN,
        ),
        Law(
            name="critics_agree",
            words="share of updates in which both critics are equal",
            quantity=identities.critics_agree,
            fact=lambda b: _state("both critics are the same", b),
            algorithms=TD3_KIN,
        ),
        Law(
            name="batches_repeat",
            words="share of batches equal to the first one",
            quantity=identities.batches_repeat,
            fact=lambda b: _state("every batch is the first one again", b),
            algorithms=TD3_KIN,
        ),
        Law(
            name="q_spread_in_batch",
            words="largest spread of actor Q in a batch / its mean",
            quantity=identities.q_spread_in_batch,
            fact=lambda b: f"Q spreads by at most {b.share} within a batch: the networks are blind",
            algorithms=TD3_KIN,
        ),
        Law(
            name="action_without_tanh",
            words="share of updates in which the action is unbounded",
            quantity=actor.action_without_tanh,
            fact=lambda b: _state("actions are not bounded by a tanh", b),
        ),
        Law(
            name="batch_reward_over_episode_reward",
            words="mean batch reward / mean episode reward per step",
            quantity=data.batch_reward_over_episode_reward,
            fact=lambda b: f"rewards in the batches are {b.times} those of the episodes",
            algorithms=TD3_KIN,
        ),
        Law(
            name="distance_to_running_sums",
            words="distance of the batch rewards from running sums",
            quantity=reward_shape.distance_to_running_sums,
            fact=lambda _: "rewards in the batches look like running sums",
            algorithms=TD3_KIN,
        ),
        Law(
            name="done_ratio_over_terminations",
            words="terminations in the batches / terminations in the episodes",
            quantity=data.done_ratio_over_terminations,
            fact=_terminations,
            algorithms=TD3_KIN,
        ),
        Law(
            name="discount",
            words="discount in the targets",
            quantity=data.discount,
            fact=lambda b: f"the discount in the targets is {format_limit(b.value)}, {b.relation}",
            algorithms=TD3_KIN,
        ),
        Law(
            name="target_network_speed",
            words="tau that the targets show at least / largest plausible tau",
            quantity=targets.target_network_speed,
            fact=lambda b: f"targets follow the critic {b.times} as fast as a plausible tau allows",
        ),
        Law(
            name="bootstrap_over_policy_q",
            words="value in the targets / critic's Q of the policy",
            quantity=targets.bootstrap_over_policy_q,
            fact=lambda b: f"targets hold {b.times} what the critic says of the policy",
        ),
        Law(
            name="replay_q_over_returns",
            words="replay Q / discounted return of the episodes",
            quantity=data.replay_q_over_returns,
            fact=lambda b: f"replay Q is {b.times} what the episodes earned",
        ),
        Law(
            name="episode_steps_over_steps",
            words="sum of episode lengths / environment steps",
            quantity=data.episode_steps_over_steps,
            fact=lambda b: f"episode lengths add up to {b.times} the steps of the run",
            algorithms=ANY,
            of_updates=False,
        ),
        Law(
            name="critic_gradient_growth",
            words="critic gradient / its start",
            quantity=data.critic_gradient_growth,
            fact=lambda b: f"the critic's gradient is {b.times} its start",
            algorithms=TD3_KIN,
        ),
        Law(
            name="entropy_over_start",
            words="entropy of the policy / its start",
            quantity=on_policy.entropy_over_start,
            fact=lambda b: f"the policy's entropy is {b.share} of its start",
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
    return law.quantity(facts)
