"""Causes of the replay: rewards, terminal flags, actions and observations that are not the environment's."""

from __future__ import annotations

from collections.abc import Mapping

from gates.diagnosis.causes.cause import Cause

DATA: Mapping[str, Cause] = {
    "terminal_flag_dropped": Cause(
        title="The terminal flag does not reach the targets",
        meaning=(
            "Episodes end by termination but the targets bootstrap past it, so that a crash looks like the "
            "start of more driving."
        ),
        refuted_by=(
            "debug/done_ratio times the mean episode length near 1, and debug/effective_discount equal to "
            "gamma * (1 - done)."
        ),
        instruction=(
            "Store terminated (not done-or-truncated, and not False) with each transition and compute the target as "
            "r + gamma * (1 - terminated) * min(Q1, Q2)."
        ),
        rank=2,
    ),
    "terminal_flag_invented": Cause(
        title="Transitions are terminal that did not end an episode",
        meaning=(
            "The buffer holds terminations that did not happen, so the targets cut off a future that there is. A time "
            "limit that is stored as a termination, or a flag that is always set, does that."
        ),
        refuted_by="An episode that terminated before the first batch with a terminal transition.",
        instruction=(
            "Store terminated alone; a time limit (truncated) ends an episode, but its last state still has a value. "
            "Look for done = terminated or truncated, and for a flag that is written for the wrong step."
        ),
        rank=2,
    ),
    "reward_accumulated": Cause(
        title="The buffer holds running sums of rewards",
        meaning="Each transition carries the return of its episode so far in place of its own reward.",
        refuted_by="Batch rewards whose mean equals the sum of episode rewards over the sum of episode lengths.",
        instruction=(
            "Store the reward that env.step returned for this step. Look for a variable that sums rewards for "
            "logging and is also passed to the replay buffer."
        ),
        rank=2,
    ),
    "reward_scale": Cause(
        title="Rewards in the buffer are scaled by an unplanned factor",
        meaning=(
            "All rewards that the critic sees are a constant times those of the environment, and so are "
            "all values."
        ),
        refuted_by="A configured reward scale that equals the measured factor.",
        instruction=(
            "Store unscaled rewards and scale once, where the batch is used; look for a factor that is applied "
            "twice or a unit (per second, per step) that changed."
        ),
        rank=2,
    ),
    "rewards_of_other_transitions": Cause(
        title="Rewards belong to other transitions or another task",
        meaning=(
            "The rewards of a batch are not those that the environment gave for the same steps, so the critic learns "
            "values that no action changes."
        ),
        refuted_by="Rewards of a batch that equal the environment's at the same index (replay/reward_error of 0).",
        instruction=(
            "Follow one transition from env.step to the batch and compare its reward; look for arrays that are "
            "shuffled or sorted apart from each other, an index that is off, and a reward that is computed again."
        ),
        rank=2,
    ),
    "rewards_delayed": Cause(
        title="Rewards are stored one step late",
        meaning="Each transition carries the reward of the step before, so actions are paid for what came before them.",
        refuted_by="Rewards of a batch that equal the environment's at the same index (replay/reward_error of 0).",
        instruction=(
            "Store the reward that env.step returned for this very action; look for a variable that is stored before "
            "it is assigned anew."
        ),
        rank=2,
    ),
    "same_batch": Cause(
        title="Every update gets the same batch",
        meaning="The critic learns one batch by heart; what the buffer collects never reaches it.",
        refuted_by="Two logged batches whose rewards have different means.",
        instruction=(
            "Sample the replay buffer anew for each update; look for a batch that is drawn outside the loop, a cached "
            "iterator, or a generator that is seeded in every update."
        ),
        rank=2,
    ),
    "replay_drawn_unevenly": Cause(
        title="Batches come from a part of the replay",
        meaning=(
            "Some of the stored transitions are never drawn, or hardly ever: the critic learns from an old policy's "
            "data only, or from so little new data that it forgets the rest."
        ),
        refuted_by=(
            "Transitions of a batch whose ages reach evenly from the newest to the oldest one stored "
            "(replay/unevenness of about 0.87 / sqrt(batch))."
        ),
        instruction=(
            "Look at how indices are drawn: an upper bound that does not grow with the buffer, a position in place of "
            "a size, a generator that is seeded again for every batch, a buffer that stopped storing."
        ),
        rank=2,
    ),
    "actions_not_taken": Cause(
        title="The buffer holds other actions than were taken",
        meaning="The critic learns what an action brings from actions that the environment never received.",
        refuted_by="Replayed actions that equal those handed to env.step at the same index (replay/action_error of 0).",
        instruction=(
            "Store the action that was handed to env.step, in the range that the networks use; look for a sign, a "
            "scale between [-1, 1] and the environment's range, and noise that is added to one of both only."
        ),
        rank=2,
    ),
    "next_obs_is_obs": Cause(
        title="The next observation is the observation",
        meaning="The targets bootstrap from the state itself, so no action leads anywhere.",
        refuted_by="A batch whose next observations differ from its observations (replay/vector_change above 0).",
        instruction=(
            "Copy observations before env.step: an environment that changes its array in place makes both the same. "
            "Look for obs = next_obs that runs before the transition is stored."
        ),
        rank=2,
    ),
    "reset_as_next_obs": Cause(
        title="Where an episode ends, the next one's first observation follows",
        meaning=(
            "At a time limit the critic bootstraps from the state that comes next. The buffer holds the first state of "
            "the next episode there, so each end is taught the value of a beginning."
        ),
        refuted_by="Next observations that equal the environment's final ones (replay/next_obs_error of 0).",
        instruction=(
            "Environments that reset themselves return the next episode's observation and hand over the final one "
            "beside it (final_obs, terminal_observation); store that one."
        ),
        rank=2,
    ),
    "observations_of_other_steps": Cause(
        title="Replayed observations are not the environment's",
        meaning="States or next states in the batches differ from what the environment showed at these steps.",
        refuted_by="Replayed observations that equal the environment's at the same index (replay/obs_error of 0).",
        instruction=(
            "Follow one observation from env.step to the batch; look for normalisation with changing statistics, an "
            "index that is off, and the first observation of the next episode in place of the last one (final_obs)."
        ),
        rank=2,
    ),
}  # fmt: skip
