"""The causes that diagnosis can name: what each one is, what would refute it and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct, field


class Cause(Struct, frozen=True, kw_only=True):
    """One entry of the vocabulary of diagnoses."""

    title: str
    meaning: str
    """What is wrong, and how that produces what the events show."""
    refuted_by: str
    instruction: str
    """What to do when configuration cannot cure it, or beside what it can."""
    config: Mapping[str, object] = field(default_factory=dict)
    """Keys and values of our trainer that cure or relieve it."""
    found_by: Mapping[str, str] = field(default_factory=dict)
    """Of a symptom: tags that would find its cause, and what each one tells. Only a symptom has any."""
    rank: int
    """Causes of lower rank come first: what is wrong in the code or the data before what follows from it."""

    @property
    def kind(self) -> Literal["cause", "symptom"]:
        """A symptom follows from something else, which its `found_by` would show."""
        return "symptom" if self.found_by else "cause"


_BEHIND_AN_ACTOR: Mapping[str, str] = {
    "debug/actor_q_mean": "whether the actor raises Q by something other than actions",
    "train/q1_value": "whether the critic's values grow without bound",
    "gradients/actor_cnn_norm": "whether a gradient reaches the encoder past the policy",
    "debug/reward_mean": "whether the critic sees rewards of another size",
    "policy/preact_abs": "when the outputs before the tanh began to grow",
}

_GUARDS: Mapping[str, object] = {
    "train.preact_penalty": 0.02,
    "train.normalize_actor_loss": True,
    "train.layer_norm": True,
    "train.actor_lr": 1.0e-4,
}

CAUSES: Mapping[str, Cause] = {
    "actor_encoder_leak": Cause(
        title="The critic's head is fed the actor encoder's features",
        meaning=(
            "The actor loss evaluates Q on the actor's own encoder with gradients on. The critic's head was never "
            "trained on those features, so the actor raises Q by changing them, without changing an action."
        ),
        refuted_by=(
            "A gradient of -Q1 at the actor's encoder that is exactly 0 when the action is held fixed "
            "(probe/actor_encoder_leak), or Q1(critic features, pi) equal to debug/actor_q_mean."
        ),
        instruction=(
            "In the actor loss, encode the observation with the critic's own encoder and detach it: "
            "-Q1(critic.encode(obs).detach(), actor(obs)). Configuration cannot cure this: gradient clipping, smaller "
            "encoder learning rates, critic weight decay and LayerNorm only slow it or hide it."
        ),
        rank=0,
    ),
    "shared_encoder_actor_gradient": Cause(
        title="The actor's gradient trains the encoder that the critic uses",
        meaning=(
            "Actor and critic share one encoder and the actor loss reaches it directly, so raising Q and fitting Q "
            "pull the same weights in different directions."
        ),
        refuted_by=(
            "Weight norms of the two encoders that differ, or an encoder gradient that is 0 with the "
            "action held fixed."
        ),
        instruction=(
            "Detach the shared features in the actor loss, so that only the critic's loss trains the encoder, or "
            "give the actor an encoder of its own."
        ),
        rank=0,
    ),
    "unbounded_action": Cause(
        title="The policy's output is not bounded",
        meaning=(
            "Without a tanh the actor raises Q by leaving the range of actions that the critic was trained on; "
            "there the critic extrapolates linearly."
        ),
        refuted_by="Actions in the replay buffer and from the policy that never exceed the action space.",
        instruction=(
            "End the actor with tanh and scale to the action space: action = tanh(z) * (high - low) / 2 + "
            "(high + low) / 2."
        ),
        rank=0,
    ),
    "critic_divergence": Cause(
        title="The critic diverges",
        meaning=(
            "The targets grow with the critic's own values: replay Q, TD target and actor Q rise together beyond "
            "what the rewards allow."
        ),
        refuted_by="Replay Q and TD targets that stay within max|r| / (1 - gamma).",
        instruction=(
            "Check that gamma is below 1 and that targets come from averaged target networks; then lower the "
            "critic's learning rates. Clipping gradients or targets hides the growth and does not stop it."
        ),
        config={"train.critic_lr": 1.0e-4, "train.critic_cnn_lr": 1.0e-4, "train.tau": 0.005},
        rank=1,
    ),
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
    "target_not_averaged": Cause(
        title="Target networks are not averaged",
        meaning="The targets jump with the critic, so each of its errors is in the next target at once.",
        refuted_by="Targets that lag behind the critic as a moving average with the configured tau does.",
        instruction=(
            "After each policy update set target = (1 - tau) * target + tau * online with the configured tau; a "
            "swapped pair of arguments or a copied module has the same effect as tau = 1."
        ),
        config={"train.tau": 0.005},
        rank=3,
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
    "one_target_for_all": Cause(
        title="Every transition of a batch has the same target",
        meaning=(
            "The critic's loss holds each Q against all targets of the batch, so that it learns their mean and no "
            "difference between states."
        ),
        refuted_by="A batch whose debug/target_q_std is as large as its debug/reward_std.",
        instruction=(
            "Print the shapes in the critic's loss: Q of shape [batch, 1] less targets of shape [batch] broadcasts to "
            "[batch, batch]. Give rewards, terminal flags and targets the shape of Q."
        ),
        rank=0,
    ),
    "blind_agent": Cause(
        title="The networks do not see the state",
        meaning="Q is the same for every state of a batch, so neither critic nor policy can depend on what happens.",
        refuted_by="A batch in which debug/actor_q_std is more than rounding.",
        instruction=(
            "Print the observations that reach the networks: all zeros, one constant picture or a detached copy? Check "
            "scaling, normalisation with a variance of 0 or infinity, and which key of the observation is used."
        ),
        rank=0,
    ),
    "identical_critics": Cause(
        title="Both critics are the same network",
        meaning="The minimum of the two critics is the value of one, so overestimation is not held back.",
        refuted_by="One update in which q1 and q2 differ.",
        instruction=(
            "Build two networks with their own parameters; look for one module listed twice, or a copy of the first "
            "one's weights."
        ),
        rank=3,
    ),
    "critic_frozen": Cause(
        title="The optimiser does not touch the critic",
        meaning="The critic's weights stay as they were initialised, so the actor climbs values that mean nothing.",
        refuted_by="A weight norm of the critic that changes between two logged updates.",
        instruction=(
            "Build the critic's optimiser from the parameters of the network that gives the values, and call its "
            "step() after backward(). Check that no copy or compile call replaced the module afterwards."
        ),
        rank=3,
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
    "critic_on_policy_action": Cause(
        title="The critic is trained on the policy's action",
        meaning=(
            "The critic's loss evaluates Q at the actor's own action in place of the replayed one, so reward and next "
            "state belong to another action."
        ),
        refuted_by="Q of the critic's loss that equals Q(s, a) of the replayed actions (bellman/q_error of 0).",
        instruction=(
            "Compute the critic's loss from critic(obs, batch.action); actor(obs) belongs into the "
            "actor's loss."
        ),
        rank=1,
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
    "target_of_maximum": Cause(
        title="Targets take the larger critic's value",
        meaning="The maximum of the critics in the target feeds their overestimation back in place of holding it down.",
        refuted_by="Targets that equal r + gamma * (1 - terminated) * min(Q1', Q2') (bellman/target_error of 0).",
        instruction="Take torch.minimum of the target critics' values.",
        rank=0,
    ),
    "target_discount": Cause(
        title="Targets use another discount",
        meaning="The value of the next state is multiplied by another number than gamma, so horizon and values differ.",
        refuted_by="A slope of the targets over the next states' value that equals gamma (bellman/discount).",
        instruction=(
            "Multiply the next value by gamma once; look for a discount that is applied in the buffer and in the loss, "
            "and for n-step returns without their power of gamma."
        ),
        rank=0,
    ),
    "target_miscomputed": Cause(
        title="TD targets are not what they should be",
        meaning="The targets of the critic's loss differ from r + gamma * (1 - terminated) * min(Q1', Q2').",
        refuted_by="Targets that equal it (bellman/target_error of 0).",
        instruction=(
            "Print r, the discount, both target values and the target of one transition, and compute "
            "it by hand."
        ),
        rank=0,
    ),
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
    "target_action_wrong": Cause(
        title="Target actions are not the target actor's with clipped noise",
        meaning=(
            "The next action of the targets comes from another network than the target actor, or its noise is missing "
            "or not clipped; so targets hold more of the critic's errors."
        ),
        refuted_by=(
            "bellman/target_noise above 0 and within target_noise_clip, on both sides, and actions within their limits."
        ),
        instruction=(
            "next_action = (actor_target(next_obs) + clamp(noise, -clip, clip)).clamp(-1, 1); check that the target "
            "actor is used, that noise is added, and that it is clipped before it is."
        ),
        rank=3,
    ),
    "target_frozen": Cause(
        title="A target network never follows",
        meaning="The targets keep what an untrained network says, so values never reach beyond the next reward.",
        refuted_by="A target update that moves the target by tau of its distance (targets/*_tau).",
        instruction=(
            "After each policy update move every target: target = (1 - tau) * target + tau * online, in place, actor "
            "and critic; look for a loop over a list that was made before the networks were replaced."
        ),
        rank=1,
    ),
    "actor_descends": Cause(
        title="The actor is trained downhill",
        meaning="The actor's loss or its step has the wrong sign: each update makes the actions worse for the critic.",
        refuted_by="A loss whose gradient points along -dQ/dz (policy/gradient_alignment of 1), and steps along it.",
        instruction="The actor's loss is -Q1(s, pi(s)).mean(); check its sign, maximize flags and reversed gradients.",
        rank=1,
    ),
    "critic_ignores_action": Cause(
        title="The critic does not see the action",
        meaning="Q is the same for every action, so the actor has nothing to climb.",
        refuted_by="Q that changes when the action is another row's (sees/q_action above 1e-6).",
        instruction=(
            "Concatenate observation features and action before the critic's first layer, undetached "
            "and unmasked."
        ),
        rank=1,
    ),
    "critic_partly_trained": Cause(
        title="A part of the critic is never trained",
        meaning=(
            "Some weights of the critics stay as they were initialised: a critic is missing from the loss or from the "
            "optimiser, and still enters the minimum of every target."
        ),
        refuted_by="Weights that all change in an update (weights/critic_reached of 1).",
        instruction="Sum the losses of all critics before going backward; give the optimiser all of their weights.",
        rank=1,
    ),
    "optimisers_overlap": Cause(
        title="An optimiser moves the other network",
        meaning=(
            "The actor's step changes the critic, so that Q rises without a better action; or the critic's step "
            "changes the actor."
        ),
        refuted_by="Weights that only their own optimiser changes (weights/critic_moved_by_actor of 0).",
        instruction="Give the actor's optimiser the actor's weights only, and the critic's optimiser the critic's.",
        rank=0,
    ),
    "entries_unseen": Cause(
        title="Entries of the observation never reach the critic",
        meaning="Q does not change with some entries of the observation, so nothing can be learned from them.",
        refuted_by="Entries that are left out on purpose, or a slope of Q at each entry (sees/q_entries of 1).",
        instruction="Look for a slice, mask or concatenation before the networks that loses a part of the observation.",
        rank=3,
    ),
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
    "gradients_add_up": Cause(
        title="Gradients of earlier updates are added to each new one",
        meaning=(
            "A gradient is not reset before the backward pass, so each step follows the sum of all gradients so far "
            "rather than that of its loss."
        ),
        refuted_by=(
            "A gradient that is exactly 0, or None, before the update's backward pass; steps that are made of several "
            "batches on purpose."
        ),
        instruction=(
            "Call zero_grad() of the optimiser that holds these weights before the loss goes backward, in every "
            "update; weights that belong to no optimiser's list are never reset."
        ),
        rank=2,
    ),
    "weights_barely_move": Cause(
        title="The critic's weights move by rounding at most",
        meaning=(
            "Updates change the critic's weights by far less than a learning rate, because its gradients are far below "
            "the optimiser's epsilon."
        ),
        refuted_by="Steps of 0.05 to 1 learning rates (weights/critic_mlp_step).",
        instruction=(
            "Raise the limit of gradient clipping, or the scale of the rewards; look for a loss that is divided by the "
            "batch twice, and for gradients that were unscaled twice."
        ),
        rank=3,
    ),
    "actor_frozen": Cause(
        title="The optimiser does not touch the actor",
        meaning="The actor's gradients are not zero, yet its weights stay exactly the same.",
        refuted_by="A weight norm of the actor that changes between two logged updates.",
        instruction=(
            "Build the actor's optimiser from the parameters of the network that acts, call its step() after "
            "backward(), and check that no copy or compile call replaced the module afterwards."
        ),
        rank=3,
    ),
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
    "dead_encoder": Cause(
        title="An encoder is dead: its rectifiers let nothing through",
        meaning=(
            "Steps were so large that every unit of a layer ended below 0 for every picture. No value and no gradient "
            "passes, so nothing revives it, and what is behind it is blind."
        ),
        refuted_by="Features that differ from 0 for some picture (features/actor_cnn_l2, features/critic_cnn_l2).",
        instruction=(
            "Begin again from a checkpoint before that step, with lower learning rates for the encoders, layer norm "
            "or clipped gradients; what made the steps large may be named beside this."
        ),
        config={"train.layer_norm": True, "train.actor_cnn_lr": 1.0e-4, "train.critic_cnn_lr": 1.0e-4},
        rank=5,
    ),
    "dead_actor": Cause(
        title="The actor is dead: its tanh is saturated",
        meaning=(
            "The pre-tanh outputs grew until tanh passes hardly a gradient; the policy stays at the limits of the "
            "action space, whatever it sees."
        ),
        refuted_by="Actions that another state changes, or a saturated share well below 1 at the end of the run.",
        instruction=(
            "Keep the tanh out of saturation: penalise mean(z^2) of the pre-tanh outputs, normalise the actor loss "
            "by mean|Q|, lower the actor's learning rate, let the critic warm up before the first actor update."
        ),
        config=_GUARDS,
        found_by=_BEHIND_AN_ACTOR,
        rank=5,
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
            **_BEHIND_AN_ACTOR,
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
"""By slug, the value of `diagnoses[].cause` in gate.json."""
