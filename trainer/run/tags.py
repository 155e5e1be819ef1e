"""Every TensorBoard tag that the trainer writes, with its unit; docs/run-directory.md shows this list."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from trainer.driving.episode import INFRACTIONS, MEANS
from trainer.envs.driving.trace import ENDINGS

When = Literal["update", "evidence", "episode", "evaluation", "final"]


@dataclass(frozen=True)
class Tag:
    """A scalar tag; `when` names the event that carries it."""

    name: str
    when: When
    unit: str
    meaning: str


def _statistics(prefix: str, when: When, unit: str, meaning: str) -> tuple[Tag, ...]:
    return tuple(
        Tag(f"{prefix}_{statistic}", when, unit, f"{meaning}: {word} over the batch")
        for statistic, word in (
            ("mean", "mean"),
            ("std", "standard deviation"),
            ("min", "minimum"),
            ("max", "maximum"),
        )
    )


MODULES = ("actor_cnn", "actor_mlp", "critic_cnn", "critic_mlp")
"""The four parts with a learning rate, a gradient norm and a clip limit of their own."""

REWARD_COMPONENTS = ("efficiency", "lane_keeping", "comfort", "safety", "progress")
"""Parts of the driving reward; environments without them write none of these tags."""

UPDATE_TAGS: tuple[Tag, ...] = (
    Tag("train/actor_loss", "update", "value", "whole actor loss, guards included"),
    Tag("train/critic_loss", "update", "value^2", "sum of both critics' mean squared TD errors"),
    Tag("train/q1_value", "update", "value", "mean Q1 of the replayed actions"),
    Tag("train/q2_value", "update", "value", "mean Q2 of the replayed actions"),
    *_statistics("debug/actor_q", "update", "value", "Q1 of the actor's own actions"),
    *_statistics("debug/target_q", "update", "value", "TD target"),
    Tag("debug/td_error_q1", "update", "value", "mean absolute TD error of Q1"),
    Tag("debug/td_error_q2", "update", "value", "mean absolute TD error of Q2"),
    *_statistics("debug/reward", "update", "reward", "reward as the critic sees it"),
    Tag(
        "debug/done_ratio", "update", "share", "transitions of the batch that end in a termination"
    ),
    Tag("debug/effective_discount", "update", "share", "mean of gamma * (1 - terminated)"),
    *(
        Tag(f"gradients/{m}_norm", "update", "norm", f"{m} gradient before clipping")
        for m in MODULES
    ),
    *(
        Tag(
            f"gradients/{m}_clipped_share",
            "update",
            "share",
            f"{m} updates clipped since the last log",
        )
        for m in MODULES
    ),
    Tag("features/actor_cnn_l2", "update", "norm", "mean L2 norm of the actor encoder's output"),
    Tag("features/critic_cnn_l2", "update", "norm", "mean L2 norm of the critic encoder's output"),
    Tag("policy/tanh_saturation", "update", "share", "action entries with |tanh| > 0.99"),
    Tag("policy/preact_abs", "update", "1", "mean |z| before the tanh"),
    Tag("policy/action_abs", "update", "1", "mean |action|"),
    *(Tag(f"weights/{m}_l2", "update", "norm", f"L2 norm of the {m} weights") for m in MODULES),
    Tag(
        "probe/actor_encoder_leak",
        "update",
        "norm",
        "gradient of -Q1 at the actor encoder with the action held fixed; 0 when the wiring is right",
    ),
    Tag("agent/total_updates", "update", "count", "critic updates so far"),
    Tag("agent/actor_updates", "update", "count", "actor updates so far"),
    Tag("agent/batch_size", "update", "count", "transitions that the critic's loss is about"),
    Tag("agent/buffer_size", "update", "count", "transitions in the replay buffer"),
    Tag("agent/actor_lr", "update", "1", "learning rate of the actor MLP"),
    Tag("agent/critic_lr", "update", "1", "learning rate of the critic MLP"),
    Tag("agent/actor_cnn_lr", "update", "1", "learning rate of the actor encoder"),
    Tag("agent/critic_cnn_lr", "update", "1", "learning rate of the critic encoder"),
    Tag(
        "agent/reward_scale",
        "update",
        "1",
        "factor between the environment's reward and the critic's",
    ),
    Tag("agent/exploration_noise", "update", "1", "standard deviation of the exploration noise"),
    Tag("time/steps_per_s", "update", "1/s", "environment steps per second since the last log"),
    Tag("time/update_share", "update", "share", "part of that time spent in updates"),
)

_KINDS = ("vector", "camera")
"""Kinds of observation; a task without one of them writes none of its tags."""
_NETWORKS = ("actor", "critic")


def _evidence(name: str, unit: str, meaning: str) -> Tag:
    return Tag(name, "evidence", unit, meaning)


EVIDENCE_TAGS: tuple[Tag, ...] = (
    _evidence(
        "replay/reward_error",
        "spreads",
        "mean |r - r_env| / std(r_env); r_env: the environment's reward at the same index, transformed as configured",
    ),
    _evidence(
        "replay/reward_error_of_step_before",
        "spreads",
        "the same against the environment's reward one step earlier in the same episode",
    ),
    _evidence("replay/reward_correlation", "1", "correlation of r and r_env"),
    _evidence(
        "replay/action_error", "1", "mean |a - a_env|; a_env: what the environment received then"
    ),
    _evidence("replay/action_correlation", "1", "correlation of a and a_env"),
    _evidence(
        "replay/terminated_error",
        "share",
        "transitions whose terminal flag is not the environment's",
    ),
    _evidence(
        "replay/obs_error", "share", "transitions whose observation is not the environment's"
    ),
    _evidence(
        "replay/next_obs_error",
        "share",
        "transitions, not terminated, whose next observation is not the environment's",
    ),
    *(
        _evidence(
            f"replay/{kind}_change",
            "obs",
            f"mean |next_obs - obs| of the batch's {kind}s where not terminated",
        )
        for kind in _KINDS
    ),
    *(
        _evidence(
            f"env/{kind}_change", "obs", "the same in the newest 1,000 steps of the environment"
        )
        for kind in _KINDS
    ),
    *(
        _evidence(
            f"replay/{kind}_std",
            "obs",
            f"standard deviation over the batch, mean over the entries of the {kind}",
        )
        for kind in _KINDS
    ),
    _evidence(
        "replay/unevenness",
        "share",
        "max |F(x) - x|; F: distribution over the batch of x, age / that of the oldest stored, or environment / count",
    ),
    _evidence("replay/policy_distance", "1", "mean |a - pi(s)| over the batch"),
    _evidence(
        "env/exploration",
        "1",
        "mean |a - pi(s)| in the newest 1,000 steps of the environment, random exploration left out",
    ),
    _evidence(
        "env/exploration_side",
        "share",
        "share of a > pi(s) less share of a < pi(s) in the same steps, |pi(s)| < 0.999; the largest of the action's "
        "entries; left out where fewer than 250 steps are independent",
    ),
    _evidence(
        "bellman/target_error",
        "share",
        "max |(y - r) - y'| / mean(|r| + |y'|); y: TD target of the loss, "
        "y' = gamma (1 - terminated) min_i Q'_i(s', a'), computed again; a': next action of the loss",
    ),
    _evidence("bellman/target_error_of_maximum", "share", "the same with max_i in place of min_i"),
    _evidence(
        "bellman/discount",
        "1",
        "slope of y - r over min_i Q'_i(s', a') where not terminated, without intercept",
    ),
    _evidence(
        "bellman/target_noise", "1", "max |a' - pi'(s')|: target smoothing that the loss used"
    ),
    _evidence("bellman/target_action", "1", "max |a'|"),
    _evidence(
        "bellman/target_noise_side",
        "share",
        "|share of a' > pi'(s') less share of a' < pi'(s')|, |pi'(s')| < 0.999",
    ),
    _evidence(
        "bellman/q_error",
        "share",
        "max_i |q_i - Q_i(s, a)| / mean |Q_i(s, a)|; q_i: Q of the critic's loss, Q_i(s, a) computed again",
    ),
    _evidence("bellman/loss_error", "share", "|loss - L| / L; L = sum_i mean (q_i - y)^2"),
    *(
        _evidence(
            f"targets/{network}_tau",
            "1",
            f"d.(target' - target) / d.d; d = {network} - target before the target update, target' after it",
        )
        for network in _NETWORKS
    ),
    *(
        _evidence(f"targets/{network}_lag", "share", f"|d| / |{network}|, d as above")
        for network in _NETWORKS
    ),
    _evidence(
        "policy/gradient_alignment",
        "1",
        "cosine of -dloss/dz, as the actor's loss gave it, and of u = dJ/dz, computed again; "
        "J: what the configured actor loss is minus, z: output before the tanh",
    ),
    _evidence("policy/ascent", "1", "cosine of u and of the change of z in this actor update"),
    *(
        _evidence(
            f"units/{network}_dormant",
            "share",
            f"hidden units of {network} whose mean output over the rows is at most 0.025 of their layer's",
        )
        for network in _NETWORKS
    ),
    *(
        _evidence(
            f"features/{network}_rank",
            "1",
            f"exp of the entropy of the singular values of the last hidden layer of {network}, a row each",
        )
        for network in _NETWORKS
    ),
    _evidence("critics/disagreement", "spreads", "mean |q_1 - q_2| / std(y)"),
    _evidence(
        "sees/q_entries",
        "share",
        "entries of the vector at which the slope of Q1(s, a) is not 0 in some row",
    ),
    _evidence(
        "sees/q_action", "share", "mean |Q1(s, a_j) - Q1(s, a)| / mean |Q1(s, a)|; j: another row"
    ),
    *(
        _evidence(f"sees/q_{kind}", "share", f"the same with another row's {kind}")
        for kind in _KINDS
    ),
    *(
        _evidence(
            f"sees/policy_{kind}", "1", f"mean |pi(s_j) - pi(s)|; s_j: s with another row's {kind}"
        )
        for kind in _KINDS
    ),
    _evidence(
        "weights/critic_reached",
        "share",
        "tensors of the critic's MLP that the critic's optimiser changes in this update",
    ),
    _evidence(
        "weights/critic_moved_by_actor",
        "share",
        "tensors of the critic's MLP that the actor's optimiser changes",
    ),
    _evidence(
        "weights/actor_moved_by_critic",
        "share",
        "tensors of the actor's MLP that the critic's optimiser changes; here 1 if any",
    ),
    *(
        _evidence(
            f"weights/{module}_step",
            "1",
            f"root mean square change of the {module} weights in this update / configured learning rate",
        )
        for module in MODULES
    ),
    *(
        _evidence(
            f"gradients/{module}_left_over",
            "share",
            f"min |g| / (|g| + |d|) over the backward passes; g: gradient of {module}'s first weights before, d: added",
        )
        for module in MODULES
    ),
)
"""Measured in some logged updates only, and without an entry where undefined (nothing varies, no row is known)."""

EPISODE_TAGS: tuple[Tag, ...] = (
    Tag("train/episode_length", "episode", "steps", "length of the episode"),
    Tag("train/episode_reward", "episode", "reward", "undiscounted return, unscaled"),
    Tag(
        "train/episode_terminated",
        "episode",
        "0 or 1",
        "1: ended by a termination, 0: by the time limit",
    ),
)

REWARD_TAGS: tuple[Tag, ...] = (
    *(
        Tag(
            f"reward_components/{c}", "episode", "reward", f"mean per step of the weighted {c} term"
        )
        for c in REWARD_COMPONENTS
    ),
    Tag("reward_components/total", "episode", "reward", "mean reward per step"),
)

EVALUATION_TAGS: tuple[Tag, ...] = (
    Tag("eval/mean_reward", "evaluation", "reward", "mean return of the policy without noise"),
    Tag("eval/std_reward", "evaluation", "reward", "standard deviation of those returns"),
    Tag("eval/mean_episode_length", "evaluation", "steps", "mean episode length"),
    Tag("eval/time_limit_share", "evaluation", "share", "episodes that reached the time limit"),
    Tag(
        "eval/discounted_return",
        "evaluation",
        "value",
        "mean discounted return from the first step, scaled as the critic sees it",
    ),
    Tag(
        "eval/start_q",
        "evaluation",
        "value",
        "mean Q1 of the first observation of these episodes and the policy's action",
    ),
    Tag("eval/episodes", "evaluation", "count", "episodes of this evaluation"),
)


def _driving(group: str, when: When) -> tuple[Tag, ...]:
    """List how was driven; environments without roads write none of these tags."""
    one = when == "episode"
    return (
        *(
            Tag(f"{group}/{name}", when, "0 or 1" if one and name == "success" else unit, meaning)
            for name, (unit, meaning) in MEANS.items()
        ),
        *(
            Tag(
                f"{group}/end_{ending}",
                when,
                "0 or 1" if one else "share",
                f"ended by {ending}, of which an episode has one",
            )
            for ending in ENDINGS
        ),
        *(
            Tag(f"{group}/{kind}_per_km", when, "1/km", f"{kind} over the way driven")
            for kind in (*INFRACTIONS, "lane_invasion")
        ),
    )


DRIVING_TAGS: tuple[Tag, ...] = (
    *_driving("driving", "episode"),
    *_driving("eval_driving", "evaluation"),
    *_driving("final_driving", "final"),
    Tag("final_driving/episodes", "final", "count", "routes like those of the training"),
    *_driving("held_out_driving", "final"),
    Tag("held_out_driving/episodes", "final", "count", "routes that the training never sees"),
)

ALL_TAGS: tuple[Tag, ...] = (
    UPDATE_TAGS + EVIDENCE_TAGS + EPISODE_TAGS + REWARD_TAGS + EVALUATION_TAGS + DRIVING_TAGS
)


def markdown_table() -> str:
    """Render the table in docs/run-directory.md."""
    rows = ["| tag | when | unit | meaning |", "|---|---|---|---|"]
    rows += [
        f"| `{t.name}` | {t.when} | {t.unit} | {t.meaning.replace('|', chr(92) + '|')} |"
        for t in ALL_TAGS
    ]
    return "\n".join(rows)
