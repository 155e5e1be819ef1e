"""The one list of laws: quantities with known values for every correctly wired run, from several series at once."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from gates.facts.run_facts import RunFacts
from gates.facts.values import Missing
from gates.laws import actor, data, identities, reward_shape, targets
from gates.laws.quantity import Quantity

TD3_LIKE = ("td3", "ddpg")
"""Deterministic actor, Q critics and averaged targets."""
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
    algorithms: tuple[str, ...] = TD3_LIKE
    """Algorithms that it holds for; empty: all."""

    def holds_for(self, algorithm: str) -> bool:
        """Whether it holds for an algorithm by its name (`TD3`, `td3_bc`); an unknown one counts as TD3."""
        parts = set(re.findall(r"[a-z0-9]+", algorithm.lower()))
        return not self.algorithms or not parts or bool(parts & set(self.algorithms))


LAWS: Mapping[str, Law] = {
    law.name: law
    for law in (
        Law(
            name="actor_q_over_replay_q",
            words="actor Q / replay Q",
            quantity=actor.actor_q_over_replay_q,
        ),
        Law(
            name="actor_loss_plus_actor_q",
            words="relative difference of actor loss and -actor Q",
            quantity=actor.actor_loss_plus_actor_q,
        ),
        Law(
            name="actor_cnn_over_mlp_gradient",
            words="actor gradient, encoder / MLP",
            quantity=actor.actor_cnn_over_mlp_gradient,
        ),
        Law(
            name="actor_is_dead",
            words="share of updates with a dead actor",
            quantity=actor.actor_is_dead,
        ),
        Law(
            name="actor_weights_move",
            words="relative spread of the actor's weight norm",
            quantity=actor.actor_weights_move,
        ),
        Law(
            name="critic_weights_move",
            words="relative spread of the critic's weight norm",
            quantity=actor.critic_weights_move,
        ),
        Law(
            name="critics_agree",
            words="share of updates in which both critics are equal",
            quantity=identities.critics_agree,
        ),
        Law(
            name="batches_repeat",
            words="share of batches equal to the first one",
            quantity=identities.batches_repeat,
        ),
        Law(
            name="q_spread_in_batch",
            words="largest spread of actor Q in a batch / its mean",
            quantity=identities.q_spread_in_batch,
        ),
        Law(
            name="action_without_tanh",
            words="share of updates in which the action is unbounded",
            quantity=actor.action_without_tanh,
        ),
        Law(
            name="batch_reward_over_episode_reward",
            words="mean batch reward / mean episode reward per step",
            quantity=data.batch_reward_over_episode_reward,
        ),
        Law(
            name="distance_to_running_sums",
            words="distance of the batch rewards from running sums",
            quantity=reward_shape.distance_to_running_sums,
        ),
        Law(
            name="done_ratio_over_terminations",
            words="terminations in the batches / terminations in the episodes",
            quantity=data.done_ratio_over_terminations,
        ),
        Law(
            name="discount",
            words="discount in the targets",
            quantity=data.discount,
        ),
        Law(
            name="target_network_speed",
            words="tau that the targets show at least / largest plausible tau",
            quantity=targets.target_network_speed,
        ),
        Law(
            name="bootstrap_over_policy_q",
            words="value in the targets / critic's Q of the policy",
            quantity=targets.bootstrap_over_policy_q,
        ),
        Law(
            name="replay_q_over_returns",
            words="replay Q / discounted return of the episodes",
            quantity=data.replay_q_over_returns,
        ),
        Law(
            name="episode_steps_over_steps",
            words="sum of episode lengths / environment steps",
            quantity=data.episode_steps_over_steps,
            algorithms=ANY,
        ),
        Law(
            name="critic_gradient_growth",
            words="critic gradient / its start",
            quantity=data.critic_gradient_growth,
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
    algorithm = facts.run.algorithm if facts.run is not None else ""
    if not law.holds_for(algorithm):
        known = " and ".join(name.upper() for name in law.algorithms)
        reason = f"the law holds for {known}, not for {algorithm}"
        return Missing(reason=reason, not_applicable=True)
    return law.quantity(facts)
