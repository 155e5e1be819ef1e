"""Makes the series of healthy and faulty TD3 runs from a few equations, so that rules can be tested without training.

Values follow how TD3 works: with averaged targets a value adds up 1 + tau * updates rewards, both critics' batches come
from one buffer, and every gradient of the actor's encoder passes its MLP.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from msgspec import structs
from numpy.typing import NDArray

from gates.runs.run_info import RunInfo
from gates.series import EventLog, Series

Values = NDArray[np.float64]
GAMMA = 0.99


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What the run is like apart from its fault."""

    seed: int = 0
    steps: int = 5000
    learning_starts: int = 1000
    train_freq: int = 5
    tau: float = 0.005
    reward_scale: float = 1.0
    reward: float = 9.0
    """Mean reward per step."""
    negative: bool = False
    """Rewards are costs, as in Pendulum."""
    fixed_length: int | None = None
    """All episodes have this length, ended by the time limit."""
    log_every: int = 5
    """Updates between two logged ones."""
    own: bool = False
    """With run.json and the tags that only our trainer writes."""
    layer_norm: bool = True


def series(tag: str, steps: object, values: object) -> Series:
    """Make a series from anything array-like."""
    steps_array = np.asarray(steps, dtype=np.int64)
    values_array = np.asarray(values, dtype=np.float64) * np.ones(len(steps_array))
    return Series(
        tag=tag, steps=steps_array, values=values_array, wall_times=np.zeros(len(steps_array))
    )


def log_of(tags: Mapping[str, Series]) -> EventLog:
    """Wrap series as a log without files."""
    return EventLog(series=dict(tags), files=())


class Run:
    """The series of a run while faults are put in."""

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe
        self.rng = np.random.default_rng(recipe.seed)
        count = (recipe.steps - recipe.learning_starts) // recipe.train_freq
        self.updates = np.arange(1, count + 1, recipe.log_every, dtype=np.int64)
        self.steps = recipe.learning_starts + self.updates * recipe.train_freq
        self.tags: dict[str, Series] = {}
        self._episodes()
        self._rewards()
        self._values()
        self._actor()
        if recipe.own:
            self._own_tags()

    def set(self, tag: str, values: object) -> None:
        """Set an `update` tag."""
        self.tags[tag] = series(tag, self.steps, values)

    def get(self, tag: str) -> Values:
        """Return an `update` tag's values."""
        return self.tags[tag].values

    def noise(self, size: float = 1.0) -> Values:
        """Return Gaussian noise, one value per logged update."""
        return self.rng.normal(0.0, size, len(self.steps))

    def _episodes(self) -> None:
        recipe, ends, lengths, step = self.recipe, [], [], 0
        while True:
            learned = max(0.0, step - recipe.learning_starts) / recipe.steps
            length = recipe.fixed_length or 3 + int(self.rng.exponential(9.0 + 15.0 * learned))
            step += length
            if step > recipe.steps:
                break
            ends.append(step)
            lengths.append(length)
        sign = -1.0 if recipe.negative else 1.0
        bonus = 0.0 if recipe.fixed_length or recipe.negative else 5.5 * recipe.reward
        returns = np.array(lengths) * (recipe.reward + bonus / np.mean(lengths)) * sign - bonus
        self.tags["train/episode_length"] = series("train/episode_length", ends, lengths)
        self.tags["train/episode_reward"] = series("train/episode_reward", ends, returns)
        self.mean_length = float(np.mean(lengths))

    def _rewards(self) -> None:
        recipe = self.recipe
        scale, sign = recipe.reward_scale * recipe.reward, -1.0 if recipe.negative else 1.0
        self.set("debug/reward_mean", scale * (sign + self.noise(0.15)))
        self.set("debug/reward_std", scale * (2.2 + self.noise(0.1)))
        self.set("debug/reward_max", scale * (0.5 if recipe.negative else 7.5 + self.noise(0.1)))
        self.set("debug/reward_min", scale * (-5.4 + self.noise(0.03)))
        share = 0.0 if recipe.fixed_length else 1.0 / self.mean_length
        self.set("debug/done_ratio", self.rng.binomial(128, share, len(self.steps)) / 128.0)
        self.set("debug/effective_discount", GAMMA * (1.0 - self.get("debug/done_ratio")))

    def value_of(self, passes: Values) -> Values:
        """Value that adds up so many rewards."""
        reward = self.recipe.reward * self.recipe.reward_scale
        sign = -1.0 if self.recipe.negative else 1.0
        return sign * reward * (1.0 - GAMMA**passes) / (1.0 - GAMMA)

    def _values(self, passes: Values | None = None, targets: Values | None = None) -> None:
        scale, tau = self.recipe.reward_scale, self.recipe.tau
        passes = 1.0 + tau * self.updates if passes is None else passes
        targets = tau * self.updates if targets is None else targets
        fitted = 1.0 - np.exp(-self.updates / 20.0)
        q1 = fitted * self.value_of(passes) + self.noise(0.5 * scale)
        bootstrap = fitted * self.value_of(targets) + self.noise(0.3 * scale)
        self.set_values(q1, bootstrap)

    def set_values(self, q1: Values, bootstrap: Values) -> None:
        """Set all tags that follow from the critic's values."""
        scale = self.recipe.reward_scale
        target = self.get("debug/reward_mean") + self.get("debug/effective_discount") * bootstrap
        self.set("train/q1_value", q1)
        self.set("train/q2_value", q1 + self.noise(0.2 * scale))
        self.set("debug/target_q_mean", target)
        self.set("debug/target_q_std", 20.0 * scale + np.abs(target) * 0.3)
        self.set("debug/target_q_max", target + 60.0 * scale)
        self.set("debug/target_q_min", target - 60.0 * scale)
        for critic in ("q1", "q2"):
            self.set(f"debug/td_error_{critic}", (3.0 + np.abs(self.noise(0.5))) * scale)
        self.set("train/critic_loss", (30.0 + np.abs(self.noise(5.0))) * scale**2)
        self.set_actor_q(q1 + 0.03 * np.abs(q1) + self.noise(0.2 * scale))

    def set_actor_q(self, actor_q: Values, spread: Values | float | None = None) -> None:
        """Set the actor's Q and its loss."""
        wide = 10.0 * self.recipe.reward_scale if spread is None else spread
        self.set("debug/actor_q_mean", actor_q)
        self.set("debug/actor_q_std", wide)
        self.set("debug/actor_q_max", actor_q + 2.0 * np.asarray(wide))
        self.set("debug/actor_q_min", actor_q - 2.0 * np.asarray(wide))
        self.set("train/actor_loss", -actor_q)

    def _actor(self) -> None:
        mlp = 0.03 * np.exp(self.noise(0.4))
        self.set("gradients/actor_mlp_norm", mlp)
        self.set("gradients/actor_cnn_norm", mlp * 0.7 * np.exp(self.noise(0.3)))
        self.set("gradients/critic_mlp_norm", 50.0 * np.exp(self.noise(0.3)))
        self.set("gradients/critic_cnn_norm", 40.0 * np.exp(self.noise(0.3)))
        z = 0.05 + 0.9 * (1.0 - np.exp(-self.updates / 100.0))
        self.set("policy/preact_abs", z)
        self.set("policy/action_abs", np.tanh(z))
        self.set("policy/tanh_saturation", np.clip(0.01 + self.noise(0.01), 0.0, 1.0))
        start = 22.6 if self.recipe.layer_norm else 13.0
        self.set("features/actor_cnn_l2", start + self.noise(0.02))
        self.set("features/critic_cnn_l2", start + self.noise(0.02))
        norms = (
            ("actor_cnn", 80.4),
            ("actor_mlp", 13.1),
            ("critic_cnn", 80.5),
            ("critic_mlp", 18.2),
        )
        for module, norm in norms:
            self.set(f"weights/{module}_l2", norm + 0.001 * self.updates**0.7)

    def _own_tags(self) -> None:
        recipe = self.recipe
        self.set("probe/actor_encoder_leak", 0.0)
        self.set("agent/total_updates", self.updates)
        self.set("agent/reward_scale", recipe.reward_scale)
        self.set("agent/actor_lr", 1.0e-4)
        self.set("agent/critic_lr", 1.0e-3)
        lengths = self.tags["train/episode_length"]
        ended = 0.0 if recipe.fixed_length else 1.0
        self.tags["train/episode_terminated"] = series(
            "train/episode_terminated", lengths.steps, np.full(len(lengths), ended)
        )

    def log(self) -> EventLog:
        """Return the series as a log."""
        return log_of(self.tags)

    def run_info(self) -> RunInfo | None:
        """Return what run.json would say; None for another trainer's run."""
        recipe = self.recipe
        if not recipe.own:
            return None
        train = {
            "train_freq": recipe.train_freq,
            "gradient_steps": 1,
            "learning_starts": recipe.learning_starts,
            "gamma": GAMMA,
            "tau": recipe.tau,
            "reward_scale": recipe.reward_scale,
            "actor_lr": 1.0e-4,
            "critic_lr": 1.0e-3,
            "reward_normalization": False,
            "normalize_actor_loss": False,
            "preact_penalty": 0.0,
        }
        return RunInfo(
            source="run.json",
            planned_steps=recipe.steps,
            train=train,
            phase="finished",
            status_step=recipe.steps,
            complete=True,
            every_episode=True,
        )


def actor_encoder_leak(run: Run) -> None:
    """The actor inflates its own features; Q1 of the critic's features stays as it is."""
    growth = (run.updates / 4.0) ** (0.8 if run.recipe.layer_norm else 4.0)
    run.set_actor_q(run.get("train/q1_value") + growth, 0.05 + growth * 0.01)
    run.set("gradients/actor_cnn_norm", 2.0 + growth)
    run.set("gradients/actor_mlp_norm", np.where(run.updates < 20, 0.01, 0.0))
    run.set("features/actor_cnn_l2", 13.0 + (0.0 if run.recipe.layer_norm else 1.0) * growth)
    saturate(run)
    if run.recipe.own:
        run.set("probe/actor_encoder_leak", 2.0 + growth)


def shared_encoder_actor_gradient(run: Run) -> None:
    """One encoder, trained by both losses."""
    run.set("gradients/actor_cnn_norm", 2.0 + 0.1 * run.updates)
    run.set("gradients/actor_mlp_norm", np.where(run.updates < 20, 0.01, 0.0))
    size = 13.0 + 0.5 * run.updates
    for who in ("actor", "critic"):
        run.set(f"features/{who}_cnn_l2", size)
        run.set(f"weights/{who}_cnn_l2", 80.0 + 0.01 * run.updates)
    saturate(run)
    if run.recipe.own:
        run.set("probe/actor_encoder_leak", 2.0)


def unbounded_action(run: Run) -> None:
    """No tanh: the action follows z without end."""
    z = 0.05 + 0.2 * run.updates
    run.set("policy/preact_abs", z)
    run.set("policy/action_abs", z)
    run.set_actor_q(run.get("train/q1_value") * (1.0 + z**2))
    run.set("gradients/actor_cnn_norm", 4.0 * run.get("gradients/actor_mlp_norm"))


def critic_divergence(run: Run) -> None:
    """A discount above 1 makes values grow exponentially, far beyond any bound."""
    run.set("debug/done_ratio", 0.0)
    run.set("debug/effective_discount", 1.02)
    scale = run.recipe.reward_scale
    value = 20.0 * scale * np.exp(np.minimum(run.updates / 30.0, 60.0))
    run.set_values(value, value)


def slow_critic_divergence(run: Run) -> None:
    """The discount is fine, and values grow exponentially all the same."""
    scale = run.recipe.reward_scale
    value = 50.0 * scale * np.exp(9.0 * run.updates / run.updates.max())
    run.set_values(value, value * 0.9)


def enlarged_targets(run: Run) -> None:
    """Targets take 1.5 times the larger critic: values grow, and are far from any bound yet."""
    passes = np.minimum(0.02 * run.updates, 12.0)
    value = run.value_of(passes) * 1.3**passes / 5.0
    run.set_values(value, value * 1.5)


def terminal_flag_dropped(run: Run) -> None:
    """done is False in every stored transition."""
    run.set("debug/done_ratio", 0.0)
    run.set("debug/effective_discount", GAMMA)


def terminal_flag_not_used(run: Run) -> None:
    """done is stored, but the target bootstraps past it."""
    run.set("debug/effective_discount", GAMMA)


def reward_accumulated(run: Run) -> None:
    """The buffer holds the return so far in place of the reward."""
    lengths = run.tags["train/episode_length"].values
    returns = run.tags["train/episode_reward"].values
    scale = run.recipe.reward_scale
    sums = np.concatenate(
        [np.arange(1, n + 1) * r / n for n, r in zip(lengths.astype(int), returns, strict=True)]
    )
    batches = run.rng.choice(sums, (len(run.steps), 128)) * scale
    run.set("debug/reward_mean", batches.mean(axis=1))
    run.set("debug/reward_std", batches.std(axis=1))
    run.set("debug/reward_max", batches.max(axis=1))
    run.set("debug/reward_min", batches.min(axis=1))


def reward_scale(run: Run) -> None:
    """Every reward in the buffer is 20 times the environment's."""
    for statistic in ("mean", "std", "max", "min"):
        tag = f"debug/reward_{statistic}"
        run.set(tag, 20.0 * run.get(tag))
    run.set_values(20.0 * run.get("train/q1_value"), 20.0 * run.value_of(run.updates * 0.005))


def target_not_averaged(run: Run) -> None:
    """tau is 1: the targets hold what the critic says, which grows as fast as it learns."""
    value = run.value_of(run.updates * 0.2)
    run.set_values(value + run.noise(0.1 * run.recipe.reward_scale), value)


def actor_frozen(run: Run) -> None:
    """Gradients flow, weights stay."""
    run.set("weights/actor_mlp_l2", 13.0752)
    run.set("weights/actor_cnn_l2", 80.4174)


def critic_frozen(run: Run) -> None:
    """The critic's weights stay as they were initialised."""
    run.set("weights/critic_mlp_l2", 18.2031)


def identical_critics(run: Run) -> None:
    """One network is listed twice."""
    run.set("train/q2_value", run.get("train/q1_value"))
    run.set("debug/td_error_q2", run.get("debug/td_error_q1"))


def same_batch(run: Run) -> None:
    """Every update gets the first batch."""
    for statistic in ("mean", "std", "min", "max"):
        tag = f"debug/reward_{statistic}"
        run.set(tag, run.get(tag)[0])


def one_target_for_all(run: Run) -> None:
    """Each Q is held against the mean of all targets."""
    run.set("debug/target_q_std", 1e-6 * run.get("debug/reward_std"))


def rewards_mixed_up(run: Run) -> None:
    """Rewards are shuffled whenever a batch is drawn."""
    run.set("replay/reward_moved", 0.9)


def blind_agent(run: Run) -> None:
    """Q is the same for every state."""
    run.set_actor_q(run.get("debug/actor_q_mean"), 1e-7 * np.abs(run.get("debug/actor_q_mean")))


def terminal_flag_invented(run: Run) -> None:
    """Every transition is terminal."""
    run.set("debug/done_ratio", 1.0)
    run.set("debug/effective_discount", 0.0)


def dead_actor(run: Run) -> None:
    """The tanh saturates within a few updates and no gradient is left."""
    saturate(run)
    fall = np.exp(-run.updates / 4.0)
    run.set("gradients/actor_mlp_norm", 0.01 * fall)
    run.set("gradients/actor_cnn_norm", 0.007 * fall)


def saturate(run: Run) -> None:
    """Put every action at its limit."""
    run.set("policy/preact_abs", 0.05 + 0.5 * run.updates)
    run.set("policy/action_abs", np.tanh(0.05 + 0.5 * run.updates))
    run.set("policy/tanh_saturation", np.where(run.updates > 10, 1.0, 0.0))


def policy_collapse(run: Run) -> None:
    """After exploration every episode has the same few steps."""
    lengths = run.tags["train/episode_length"]
    start = run.recipe.learning_starts
    early = lengths.steps <= start
    late = np.arange(start + 3, run.recipe.steps, 3)
    steps = np.concatenate([lengths.steps[early], late])
    values = np.concatenate([lengths.values[early], 3.0 + (late % 7 == 0)])
    run.tags["train/episode_length"] = series("train/episode_length", steps, values)
    run.tags["train/episode_reward"] = series("train/episode_reward", steps, values * 9.0)
    run.set("debug/done_ratio", 0.15 + run.noise(0.02))
    run.set("debug/effective_discount", GAMMA * (1.0 - run.get("debug/done_ratio")))


def stopped_early(run: Run) -> None:
    """Nothing is wrong but the end."""
    _cut(run, 0.8, "")


def updates_stopped(run: Run) -> None:
    """Episodes go on, updates do not."""
    _cut(run, 0.5, "train/episode_")


def _cut(run: Run, share: float, going_on: str) -> None:
    """End all tags after a share of the steps, but those of a group."""
    last = int(run.recipe.steps * share)
    for tag, found in run.tags.items():
        if going_on and tag.startswith(going_on):
            continue
        keep = found.steps <= last
        run.tags[tag] = structs.replace(
            found,
            steps=found.steps[keep],
            values=found.values[keep],
            wall_times=found.wall_times[keep],
        )


FAULTS: Mapping[str, Callable[[Run], None]] = {
    "actor_encoder_leak": actor_encoder_leak,
    "shared_encoder_actor_gradient": shared_encoder_actor_gradient,
    "unbounded_action": unbounded_action,
    "critic_divergence": critic_divergence,
    "terminal_flag_dropped": terminal_flag_dropped,
    "reward_accumulated": reward_accumulated,
    "reward_scale": reward_scale,
    "target_not_averaged": target_not_averaged,
    "actor_frozen": actor_frozen,
    "critic_frozen": critic_frozen,
    "identical_critics": identical_critics,
    "same_batch": same_batch,
    "one_target_for_all": one_target_for_all,
    "blind_agent": blind_agent,
    "terminal_flag_invented": terminal_flag_invented,
    "dead_actor": dead_actor,
    "stopped_early": stopped_early,
    "updates_stopped": updates_stopped,
}
"""Faults that are found in any run, by the cause that must be named first."""


def make(recipe: Recipe, *faults: Callable[[Run], None]) -> Run:
    """Make a run and put faults in."""
    run = Run(recipe)
    for fault in faults:
        fault(run)
    return run
