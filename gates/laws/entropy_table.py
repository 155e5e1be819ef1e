"""Records of the laws of SAC."""

from __future__ import annotations

from gates.algorithms import SAC_ONLY
from gates.facts.breach import Breach
from gates.laws import entropy
from gates.laws.law import Law


def _weight(where: str, breach: Breach) -> str:
    if breach.value == 0:
        return f"{where} holds no entropy"
    return f"entropy has {breach.times} the weight of the temperature in {where}"


OF_SAC: tuple[Law, ...] = (
    Law(
        name="entropy_in_targets",
        words="weight of the entropy in the targets / temperature",
        quantity=entropy.entropy_in_targets,
        fact=lambda b: _weight("the target", b),
        assumes=(
            "Targets hold the entropy of the next action; variants without it break the law.",
        ),
        algorithms=SAC_ONLY,
    ),
    Law(
        name="entropy_in_actor_loss",
        words="weight of the entropy in the actor loss / temperature",
        quantity=entropy.entropy_in_actor_loss,
        fact=lambda b: _weight("the actor loss", b),
        assumes=("The actor loss is mean(alpha log pi - min Q) and nothing else.",),
        algorithms=SAC_ONLY,
    ),
    Law(
        name="q_in_actor_loss",
        words="weight of -Q in the actor loss",
        quantity=entropy.q_in_actor_loss,
        fact=lambda b: f"-Q has the weight {b.value:.3g} in the actor loss",
        assumes=("The actor loss is mean(alpha log pi - min Q) and nothing else.",),
        algorithms=SAC_ONLY,
    ),
    Law(
        name="log_prob_error",
        words="relative error of the log-probabilities",
        quantity=entropy.log_prob_error,
        fact=lambda b: f"log-probabilities are off by {b.share}",
        assumes=(
            "The policy is a normal distribution behind a tanh, and its noise does not depend on the state.",
        ),
        algorithms=SAC_ONLY,
    ),
    Law(
        name="temperature_moves",
        words="relative spread of the temperature",
        quantity=entropy.temperature_moves,
        fact=lambda _: "the temperature is to be trained and never changes",
        assumes=("The configuration says whether the temperature is trained.",),
        algorithms=SAC_ONLY,
    ),
    Law(
        name="temperature_direction",
        words="agreement of the temperature's changes with the entropy that is missing",
        quantity=entropy.temperature_direction,
        fact=lambda _: "the temperature moves away from where the entropy would be its target",
        assumes=("The temperature is trained towards the configured target entropy.",),
        algorithms=SAC_ONLY,
        only_if_logged=True,
    ),
    Law(
        name="entropy_target_in_reach",
        words="target entropy / largest possible entropy",
        quantity=entropy.entropy_target_in_reach,
        fact=lambda b: f"the target entropy is {b.times} the largest that actions can have",
        assumes=("Entropies are those of actions scaled to [-1, 1].",),
        algorithms=SAC_ONLY,
        only_if_logged=True,
    ),
    Law(
        name="entropy_over_reward",
        words="entropy bonus / size of a reward",
        quantity=entropy.entropy_over_reward,
        fact=lambda b: f"entropy is worth {b.times} a reward",
        assumes=("The temperature is fixed, and the batches show how large rewards are.",),
        algorithms=SAC_ONLY,
    ),
)
"""In the order of the documentation."""
