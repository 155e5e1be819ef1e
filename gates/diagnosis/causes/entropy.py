"""Causes of SAC's entropy term and its temperature."""

from __future__ import annotations

from collections.abc import Mapping

from gates.diagnosis.causes.cause import Cause

ENTROPY: Mapping[str, Cause] = {
    "entropy_term_wrong": Cause(
        title="The entropy term has another weight than the temperature",
        meaning=(
            "SAC adds -alpha log pi(a|s) to the next values in the targets and to Q in the actor's loss. Missing in "
            "one of them, or of the wrong sign, actor and critic learn different tasks, or the policy is paid for "
            "certainty."
        ),
        refuted_by="Weights of 1 in both (bellman/entropy_weight, policy/entropy_weight).",
        instruction=(
            "target = r + gamma (1 - terminated) (min Q'(s', a') - alpha log pi(a'|s')); "
            "actor loss = mean(alpha log pi(a|s) - min Q(s, a))."
        ),
        rank=0,
    ),
    "log_prob_wrong": Cause(
        title="Log-probabilities are not those of the actions",
        meaning=(
            "The log-probability of an action is the sum over its entries of the normal density and of the tanh's "
            "correction. A mean, a sum over the batch or a missing correction makes another entropy."
        ),
        refuted_by="bellman/log_prob_error of 0.",
        instruction=(
            "log_prob = (normal.log_prob(z) - log(1 - tanh(z)^2 + 1e-6)).sum(dim=-1): one number per row of the batch."
        ),
        rank=0,
    ),
    "temperature_frozen": Cause(
        title="The temperature is not trained",
        meaning="The temperature is configured to follow the target entropy and stays where it began.",
        refuted_by="A train/ent_coef that changes, or a temperature that is fixed on purpose.",
        instruction=(
            "Give log_alpha to an optimiser, step it in each update, and take the temperature from it anew each time."
        ),
        rank=1,
    ),
    "temperature_flees": Cause(
        title="The temperature moves away from its target",
        meaning=(
            "The temperature rises while the policy is more random than its target entropy, or falls while it is "
            "less; or the target is more than any policy can have."
        ),
        refuted_by="A temperature that falls while policy/entropy is above the target, and rises while it is below.",
        instruction=(
            "loss of the temperature = -(log_alpha (log pi + target_entropy)).mean(), log pi detached; target_entropy "
            "is usually minus the number of the action's entries."
        ),
        rank=1,
    ),
    "temperature_too_high": Cause(
        title="Entropy outweighs the rewards",
        meaning="With this fixed temperature the best policy is nearly random, whatever the rewards say.",
        refuted_by="Rewards that are large beside temperature times entropy.",
        instruction="Let the temperature be trained, or lower it until its entropy is a fraction of a usual reward.",
        rank=2,
    ),
}  # fmt: skip
