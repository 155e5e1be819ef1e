"""The tag names that checks are written for: those of docs/run-directory.md.

Gates and trainer share no code; a test holds this list to the trainer's.
"""

from __future__ import annotations

from typing import Literal, get_args

MODULES = ("actor_cnn", "actor_mlp", "critic_cnn", "critic_mlp")
_KINDS = ("vector", "camera")
_STATISTICS = ("mean", "std", "min", "max")
_REWARD_COMPONENTS = ("efficiency", "lane_keeping", "comfort", "safety", "progress", "total")

EVIDENCE_TAGS: tuple[str, ...] = (
    "replay/reward_error",
    "replay/reward_error_of_step_before",
    "replay/reward_correlation",
    "replay/action_error",
    "replay/action_correlation",
    "replay/terminated_error",
    "replay/obs_error",
    "replay/next_obs_error",
    *(f"{place}/{kind}_change" for place in ("replay", "env") for kind in _KINDS),
    *(f"replay/{kind}_std" for kind in _KINDS),
    "replay/unevenness",
    "replay/policy_distance",
    "env/exploration",
    "env/exploration_side",
    "bellman/target_error",
    "bellman/target_error_of_maximum",
    "bellman/discount",
    "bellman/target_noise",
    "bellman/target_action",
    "bellman/target_noise_side",
    "bellman/q_error",
    "bellman/loss_error",
    *(f"targets/{network}_tau" for network in ("actor", "critic")),
    *(f"targets/{network}_lag" for network in ("actor", "critic")),
    "policy/gradient_alignment",
    "policy/ascent",
    *(f"units/{network}_dormant" for network in ("actor", "critic")),
    *(f"features/{network}_rank" for network in ("actor", "critic")),
    "critics/disagreement",
    "sees/q_entries",
    "sees/q_action",
    *(f"sees/{network}_{kind}" for network in ("q", "policy") for kind in _KINDS),
    "weights/critic_reached",
    "weights/critic_moved_by_actor",
    "weights/actor_moved_by_critic",
    *(f"weights/{module}_step" for module in MODULES),
    *(f"gradients/{module}_left_over" for module in MODULES),
)
"""Measured in some logged updates, by trainers that measure evidence."""
Ending = Literal[
    "goal",
    "collision_vehicle",
    "collision_other",
    "off_road",
    "wrong_way",
    "stalled",
    "time_limit",
]
ENDINGS: tuple[Ending, ...] = get_args(Ending)
"""How an episode of a driving task can end."""
DRIVING_MEASURES: tuple[str, ...] = (
    "success",
    "route_completion",
    "distance_m",
    "mean_speed_mps",
    "desired_speed_share",
    "lateral_rms_m",
    "heading_rms_rad",
    "lane_invasions",
    "outside_lanes_share",
    "comfortable_share",
    "driving_score_2_0",
    "driving_score_2_1",
    *(f"end_{ending}" for ending in ENDINGS),
    "collision_vehicle_per_km",
    "collision_other_per_km",
    "off_road_per_km",
    "wrong_way_per_km",
    "lane_invasion_per_km",
)
"""How well was driven, in each of the groups of tags that follow."""
DRIVING_GROUPS = ("driving", "eval_driving", "final_driving", "held_out_driving")
"""Training episodes, evaluations, and those at the end on training and on held-out routes."""
_WITHOUT_UPDATES = (
    "eval/",
    "train/episode_",
    "rollout/",
    "reward_components/",
    *(f"{group}/" for group in DRIVING_GROUPS),
)
"""Beginnings of tags that are logged without an update."""

CANONICAL_TAGS: tuple[str, ...] = (
    "train/actor_loss",
    "train/critic_loss",
    "train/q1_value",
    "train/q2_value",
    *(f"debug/actor_q_{statistic}" for statistic in _STATISTICS),
    *(f"debug/target_q_{statistic}" for statistic in _STATISTICS),
    "debug/td_error_q1",
    "debug/td_error_q2",
    *(f"debug/reward_{statistic}" for statistic in _STATISTICS),
    "debug/done_ratio",
    "debug/effective_discount",
    *(f"gradients/{module}_norm" for module in MODULES),
    *(f"gradients/{module}_clipped_share" for module in MODULES),
    "features/actor_cnn_l2",
    "features/critic_cnn_l2",
    "policy/tanh_saturation",
    "policy/preact_abs",
    "policy/action_abs",
    *(f"weights/{module}_l2" for module in MODULES),
    "probe/actor_encoder_leak",
    "agent/total_updates",
    "agent/actor_updates",
    "agent/batch_size",
    "agent/buffer_size",
    "agent/actor_lr",
    "agent/critic_lr",
    "agent/actor_cnn_lr",
    "agent/critic_cnn_lr",
    "agent/reward_scale",
    "agent/exploration_noise",
    "time/steps_per_s",
    "time/update_share",
    "train/episode_length",
    "train/episode_reward",
    "train/episode_terminated",
    *(f"reward_components/{component}" for component in _REWARD_COMPONENTS),
    "eval/mean_reward",
    "eval/std_reward",
    "eval/mean_episode_length",
    "eval/time_limit_share",
    "eval/discounted_return",
    "eval/start_q",
    "eval/episodes",
    *EVIDENCE_TAGS,
    *(f"{group}/{measure}" for group in DRIVING_GROUPS for measure in DRIVING_MEASURES),
    "final_driving/episodes",
    "held_out_driving/episodes",
)

OTHER_ALGORITHMS_TAGS: tuple[str, ...] = (
    "train/value_loss",
    "train/policy_loss",
    "train/entropy_loss",
    "train/approx_kl",
    "train/clip_fraction",
    "train/explained_variance",
    "train/loss",
    "gradients/norm",
    "train/ent_coef",
    "policy/entropy",
    "policy/entropy_weight",
    "policy/q_weight",
    "bellman/entropy_weight",
    "bellman/log_prob_error",
    "replay/n_steps",
    "replay/reward_moved",
)
"""Names, those of Stable-Baselines3 where it has one, for what SAC, PPO, A2C, DQN and watched loops log; our trainer
writes none."""

TAG_NAMES: dict[str, str] = {
    "train/actor_loss": "actor loss",
    "train/critic_loss": "critic loss",
    "train/q1_value": "replay Q",
    "train/q2_value": "replay Q of the second critic",
    "train/episode_length": "episode length",
    "train/episode_reward": "episode return",
    "debug/actor_q_mean": "mean actor Q",
    "debug/actor_q_max": "largest actor Q",
    "debug/target_q_mean": "mean TD target",
    "debug/target_q_max": "largest TD target",
    "debug/td_error_q1": "TD error",
    "policy/tanh_saturation": "share of saturated actions",
    "policy/action_abs": "mean |action|",
    "features/actor_cnn_l2": "output of the actor's encoder",
    "features/critic_cnn_l2": "output of the critic's encoder",
    "probe/actor_encoder_leak": "gradient past the policy's output",
    "eval/mean_reward": "evaluation return",
    "eval/mean_episode_length": "evaluation episode length",
    "eval/time_limit_share": "share of evaluations up to the time limit",
}


def tag_name(tag: str) -> str:
    """Name a tag for people; the tag itself when it has no shorter name."""
    return TAG_NAMES.get(tag, tag)


def logged_by_updates(tag: str) -> bool:
    """Return whether each point of a tag comes from an update."""
    return not tag.startswith(_WITHOUT_UPDATES)


def part_tag(part: str, tag: str) -> str | None:
    """Return what a tag in a sub-directory that `add_scalars` made stands for; None when it did not make it.

    `SummaryWriter.add_scalars("train", {"return": x})` writes the tag `train` into `train_return/`.
    """
    begin = f"{tag.replace('/', '_')}_"
    return f"{tag}/{part[len(begin) :]}" if part.startswith(begin) and part != begin else None


def tag_of_part(part: str, prefix: str, tag: str) -> str:
    """Return the name of a tag of a folder that another writer of the run made: `EventFile.part` and `.prefix`."""
    return f"{prefix}/{tag}" if prefix else part_tag(part, tag) or tag
