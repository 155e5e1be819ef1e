"""Consistency laws: quantities that hold for every correctly wired TD3, computed from several series at once.

A law is a pure function of the run's facts. It returns a series (or one value for the whole run) that a check
reduces and
compares with levels, or says what is missing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

from gates.facts.episodes import Missing
from gates.facts.run_facts import RunFacts
from gates.laws import actor as laws_actor
from gates.laws import data as laws_data
from gates.laws import reward_shape
from gates.laws import targets as laws_targets
from gates.laws.quantity import Quantity

Law = Literal[
    "actor_q_over_replay_q",
    "actor_loss_plus_actor_q",
    "actor_cnn_over_mlp_gradient",
    "actor_is_dead",
    "actor_weights_move",
    "action_without_tanh",
    "batch_reward_over_episode_reward",
    "distance_to_running_sums",
    "done_ratio_over_terminations",
    "discount",
    "target_network_speed",
    "bootstrap_over_policy_q",
    "replay_q_over_returns",
    "episode_steps_over_steps",
    "critic_gradient_growth",
]

LAW_WORDS: dict[Law, str] = {
    "actor_q_over_replay_q": "actor Q / replay Q",
    "actor_loss_plus_actor_q": "relative difference of actor loss and -actor Q",
    "actor_cnn_over_mlp_gradient": "actor gradient, encoder / MLP",
    "actor_is_dead": "share of updates with a dead actor",
    "actor_weights_move": "relative spread of the actor's weight norm",
    "action_without_tanh": "share of updates in which the action is unbounded",
    "batch_reward_over_episode_reward": "mean batch reward / mean episode reward per step",
    "distance_to_running_sums": "distance of the batch rewards from running sums",
    "done_ratio_over_terminations": "terminations in the batches / terminations in the episodes",
    "discount": "discount in the targets",
    "target_network_speed": "tau that the targets show / largest plausible tau",
    "bootstrap_over_policy_q": "value in the targets / critic's Q of the policy",
    "replay_q_over_returns": "replay Q / discounted return of the episodes",
    "episode_steps_over_steps": "sum of episode lengths / environment steps",
    "critic_gradient_growth": "critic gradient / its start",
}
"""What each law measures, for sentences and tables."""


def evaluate(law: Law, facts: RunFacts) -> Quantity | Missing:
    """Compute the quantity of a law."""
    return LAWS[law](facts)


LAWS: Mapping[Law, Callable[[RunFacts], Quantity | Missing]] = {
    "actor_q_over_replay_q": laws_actor.actor_q_over_replay_q,
    "actor_loss_plus_actor_q": laws_actor.actor_loss_plus_actor_q,
    "actor_cnn_over_mlp_gradient": laws_actor.actor_cnn_over_mlp_gradient,
    "actor_is_dead": laws_actor.actor_is_dead,
    "actor_weights_move": laws_actor.actor_weights_move,
    "action_without_tanh": laws_actor.action_without_tanh,
    "batch_reward_over_episode_reward": laws_data.batch_reward_over_episode_reward,
    "distance_to_running_sums": reward_shape.distance_to_running_sums,
    "done_ratio_over_terminations": laws_data.done_ratio_over_terminations,
    "discount": laws_data.discount,
    "target_network_speed": laws_targets.target_network_speed,
    "bootstrap_over_policy_q": laws_targets.bootstrap_over_policy_q,
    "replay_q_over_returns": laws_data.replay_q_over_returns,
    "episode_steps_over_steps": laws_data.episode_steps_over_steps,
    "critic_gradient_growth": laws_data.critic_gradient_growth,
}
