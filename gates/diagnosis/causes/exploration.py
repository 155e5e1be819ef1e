"""Causes of the noise on actions."""

from __future__ import annotations

from collections.abc import Mapping

from gates.diagnosis.causes.cause import Cause

EXPLORATION: Mapping[str, Cause] = {
    "exploration_missing": Cause(
        title="Configured exploration noise does not reach the environment",
        meaning=(
            "The environment receives the policy's own action, so the buffer holds only what the "
            "policy does anyway."
        ),
        refuted_by="Actions that differ from the policy's by about 0.8 of the configured noise (env/exploration).",
        instruction="Add the noise to the action that is handed to env.step, and store that one.",
        rank=3,
    ),
    "exploration_enlarged": Cause(
        title="Actions are noisier than configured",
        meaning=(
            "The environment receives actions much further from the policy's than the configured noise explains, so "
            "the buffer holds what no policy does."
        ),
        refuted_by="Actions that differ from the policy's by about 0.8 of the configured noise (env/exploration).",
        instruction=(
            "Look for noise that is added twice, scaled to other units than the action, or drawn with a variance in "
            "place of a deviation, and for another policy than the trained one that acts."
        ),
        rank=3,
    ),
    "exploration_biased": Cause(
        title="Exploration goes to one side",
        meaning=(
            "The environment receives actions that lie above the policy's far more often than below, or the other way "
            "round, so the buffer does not hold what lies on the other side."
        ),
        refuted_by=(
            "As many steps above the policy's action as below it (env/exploration_side near 0), or actions that are "
            "not made by adding noise to the policy's."
        ),
        instruction=(
            "Look for noise with a mean, for noise that is only positive, such as an absolute value or a uniform draw "
            "from 0 to 1, and for an offset that is added to the actions after the policy."
        ),
        rank=3,
    ),
    "exploration_off": Cause(
        title="No exploration noise is configured",
        meaning="A deterministic policy acts in training, so the buffer holds only what it does anyway.",
        refuted_by="Noise that is added elsewhere, or an environment that is noisy enough by itself.",
        instruction="Add noise to the actions of the training: 0.1 of the action range is what TD3 was published with.",
        rank=3,
    ),
}  # fmt: skip
