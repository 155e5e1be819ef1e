from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from gates.errors import GateConfigError
from gates.events.reader import read_events
from gates.runs.config_files import config_dir
from gates.runs.dialect_file import (
    UNKNOWN,
    dialect_names,
    load_dialect,
    parse_dialect,
    shipped_dialects,
)
from gates.runs.translate import detect, match, translate
from gates.series import EventLog, Series
from gates.tags import CANONICAL_TAGS
from trainer.run.tags import ALL_TAGS

SHARED_RUNS = Path(__file__).resolve().parents[4] / "shared" / "runs"
NEEDS_RUNS = pytest.mark.skipif(
    not SHARED_RUNS.is_dir(), reason="the labelled runs are not beside this checkout"
)


def log(points: Mapping[str, Sequence[tuple[int, float]]]) -> EventLog:
    series = {
        tag: Series(
            tag=tag,
            steps=np.array([step for step, _ in pairs], dtype=np.int64),
            values=np.array([value for _, value in pairs], dtype=np.float64),
            wall_times=np.arange(len(pairs), dtype=np.float64),
        )
        for tag, pairs in points.items()
    }
    return EventLog(series=series, files=())


def pairs(log: EventLog, tag: str) -> list[tuple[int, float]]:
    series = log.series[tag]
    return list(zip(series.steps.tolist(), series.values.tolist(), strict=True))


def dialect(**keys: Any) -> Any:
    return parse_dialect({"name": "other", "title": "Other", **keys}, "other.yaml")


def test_the_canonical_tags_are_those_of_the_trainer() -> None:
    assert set(CANONICAL_TAGS) == {tag.name for tag in ALL_TAGS}
    assert len(CANONICAL_TAGS) == len(set(CANONICAL_TAGS))


# shipped dialects


def test_shipped_dialects_are_sound_and_named_after_their_files() -> None:
    shipped = tuple(shipped_dialects())
    assert {"gonogo", "av_td3", "sb3", "sbx", "cleanrl", "tianshou"} <= {d.name for d in shipped}
    assert tuple(d.name for d in shipped) == dialect_names()
    for each in shipped:
        assert each.signature is not None
        assert each.title
        assert each.source


def test_no_dialect_is_mistaken_for_another() -> None:
    for each in shipped_dialects():
        assert each.signature is not None
        tags = (*each.signature.any_of, *each.signature.all_of)
        assert detect(log({tag: [(1, 1.0)] for tag in tags})).name == each.name


@NEEDS_RUNS
def test_the_labelled_runs_are_recognised() -> None:
    for folder in sorted(SHARED_RUNS.glob("real/*")):
        assert detect(read_events(folder)).name == "av_td3"
    for folder in sorted(SHARED_RUNS.glob("synthetic/*")):
        assert detect(read_events(folder)).name == "visual_td3"


@NEEDS_RUNS
def test_episode_numbers_of_the_real_runs_become_environment_steps() -> None:
    for folder in sorted(SHARED_RUNS.glob("real/*")):
        raw = read_events(folder)
        translated = translate(raw, detect(raw))
        lengths, rewards = (translated.series[f"train/episode_{k}"] for k in ("length", "reward"))
        assert (
            lengths.steps.tolist() == np.cumsum(raw.series["train/episode_length"].values).tolist()
        )
        assert rewards.steps.tolist() == lengths.steps.tolist()
        assert lengths.derived_from == ""
        np.testing.assert_array_equal(lengths.values, raw.series["train/episode_length"].values)
        # The trainer logs every 100 steps how long the current episode is: it began where another one ended.
        progress = raw.series["progress/episode_steps"]
        begun = progress.steps - progress.values
        if folder.name != "e-layernorm":  # its evaluation interrupted an episode by 4 steps
            assert set(begun.tolist()) <= {0.0, *lengths.steps.tolist()}


@NEEDS_RUNS
def test_the_real_runs_get_their_canonical_tags() -> None:
    raw = read_events(SHARED_RUNS / "real" / "a-unclipped")
    translated = translate(raw, detect(raw))
    assert pairs(translated, "agent/total_updates") == pairs(raw, "agent/total_iterations")
    assert pairs(translated, "eval/mean_episode_length") == pairs(raw, "eval/avg_episode_length")
    actor_q = translated.series["debug/actor_q_mean"]
    assert actor_q.derived_from == "-train/actor_loss"
    np.testing.assert_array_equal(actor_q.values, -raw.series["train/actor_loss"].values)
    assert translated.series["progress/speed_kmh"] is raw.series["progress/speed_kmh"]
    logged = read_events(SHARED_RUNS / "real" / "d-diagnostic")
    kept = translate(logged, detect(logged)).series["debug/actor_q_mean"]
    assert kept is logged.series["debug/actor_q_mean"]


@NEEDS_RUNS
def test_norms_before_clipping_are_recovered_where_the_clip_factor_is_logged() -> None:
    raw = read_events(SHARED_RUNS / "real" / "e-layernorm")
    translated = translate(raw, detect(raw))
    actor = translated.series["gradients/actor_cnn_norm"]
    # The MLP's share is zero, so the norm of the whole actor before clipping is that of its encoder.
    expected = raw.series["debug/actor_grad_norm_BEFORE_clip"].values
    np.testing.assert_allclose(actor.values, expected, rtol=1e-5)
    assert "BEFORE_clip" in actor.derived_from
    assert not translated.series["gradients/actor_mlp_norm"].values.any()
    moved = translated.series["as_logged/gradients/actor_cnn_norm"]
    assert moved is raw.series["gradients/actor_cnn_norm"]
    for module in ("actor", "critic"):
        parts = [translated.series[f"gradients/{module}_{k}_norm"].values for k in ("cnn", "mlp")]
        whole = raw.series[f"debug/{module}_grad_norm_BEFORE_clip"].values
        np.testing.assert_allclose(np.hypot(*parts), whole, rtol=1e-3)


@NEEDS_RUNS
def test_the_synthetic_runs_get_their_norms_before_clipping() -> None:
    raw = read_events(SHARED_RUNS / "synthetic" / "actor-encoder-leak")
    translated = translate(raw, detect(raw))
    for module in ("actor_cnn", "actor_mlp", "critic_cnn", "critic_mlp"):
        norm = translated.series[f"gradients/{module}_norm"]
        np.testing.assert_array_equal(norm.values, raw.series[f"gradients_l2_pre/{module}"].values)
        assert norm.derived_from == ""
        assert f"as_logged/gradients/{module}_norm" in translated.series
        assert f"weights/{module}_l2" in translated.series
    assert translated.series["train/episode_length"].steps[-1] > 2000
    assert "probe/q1_critic_feat_pi" in translated.series
    assert sum(map(len, translated.series.values())) == sum(map(len, raw.series.values()))


def test_our_own_actor_loss_is_never_taken_for_minus_q() -> None:
    own = log({tag.name: [(1, 1.0)] for tag in ALL_TAGS if tag.name != "debug/actor_q_mean"})
    assert detect(own).name == "gonogo"
    translated = translate(own, detect(own))
    assert "debug/actor_q_mean" not in translated.series
    assert all(translated.series[tag] is own.series[tag] for tag in own.series)


def test_a_run_of_ours_without_an_update_is_recognised() -> None:
    tags = ("train/episode_length", "train/episode_reward", "train/episode_terminated")
    assert detect(log({tag: [(10, 10.0)] for tag in tags})).name == "gonogo"


def test_stable_baselines3() -> None:
    raw = log(
        {
            "rollout/ep_len_mean": [(800, 200.0)],
            "rollout/ep_rew_mean": [(800, -1200.0)],
            "time/fps": [(800, 90.0)],
            "train/actor_loss": [(800, 60.0)],
            "train/critic_loss": [(800, 3.0)],
            "train/learning_rate": [(800, 1e-3)],
            "eval/mean_ep_length": [(500, 199.0)],
        }
    )
    found = detect(raw)
    assert found.name == "sb3"
    translated = translate(raw, found)
    length = translated.series["train/episode_length"]
    assert length.aggregated == "mean over the last 100 episodes"
    assert length.derived_from == "rollout/ep_len_mean (mean over the last 100 episodes)"
    assert pairs(translated, "debug/actor_q_mean") == [(800, -60.0)]
    assert (
        pairs(translated, "agent/actor_lr") == pairs(translated, "agent/critic_lr") == [(800, 1e-3)]
    )
    assert pairs(translated, "eval/mean_episode_length") == [(500, 199.0)]
    assert translated.series["train/critic_loss"].derived_from == ""


def test_the_actor_loss_of_sac_is_not_taken_for_minus_q() -> None:
    raw = log(
        {"time/fps": [(1, 1.0)], "train/actor_loss": [(1, 1.0)], "train/ent_coef": [(1, 1.0)]}
    )
    assert "debug/actor_q_mean" not in translate(raw, detect(raw)).series


def test_stable_baselines3_before_its_first_update() -> None:
    tags = ("rollout/ep_len_mean", "rollout/ep_rew_mean", "time/fps")
    raw = log({tag: [(1, 1.0)] for tag in tags})
    assert detect(raw).name == "sb3"


@pytest.mark.filterwarnings("ignore")
def test_the_names_of_stable_baselines3_are_those_that_it_writes(tmp_path: Path) -> None:
    sb3 = pytest.importorskip("stable_baselines3")
    gymnasium = pytest.importorskip("gymnasium")
    from stable_baselines3.common.callbacks import EvalCallback
    from stable_baselines3.common.monitor import Monitor

    model = sb3.TD3(
        "MlpPolicy",
        "Pendulum-v1",
        learning_starts=380,
        batch_size=8,
        policy_kwargs={"net_arch": [8]},
        tensorboard_log=str(tmp_path),
        device="cpu",
        seed=0,
    )
    evaluation = EvalCallback(
        Monitor(gymnasium.make("Pendulum-v1")), eval_freq=400, n_eval_episodes=1, verbose=0
    )
    model.learn(450, log_interval=1, callback=evaluation)
    raw = read_events(tmp_path)
    found = detect(raw)
    assert found.name == "sb3"
    translated = translate(raw, found)
    assert {
        "train/episode_length",
        "train/episode_reward",
        "train/actor_loss",
        "train/critic_loss",
        "debug/actor_q_mean",
        "agent/actor_lr",
        "agent/critic_lr",
        "time/steps_per_s",
        "eval/mean_reward",
        "eval/mean_episode_length",
    } <= translated.series.keys()
    assert set(translated.series["train/episode_length"].values.tolist()) == {200.0}


def test_sbx_leaves_out_rounds_without_an_actor_update() -> None:
    raw = log(
        {
            "rollout/ep_len_mean": [(1, 1.0)],
            "time/fps": [(1, 1.0)],
            "train/actor_loss": [(1, 0.0), (2, -3.0), (3, 0.0)],
            "train/critic_loss": [(1, 0.5), (2, 1.0), (3, 2.0)],
        }
    )
    found = detect(raw)
    assert found.name == "sbx"
    translated = translate(raw, found)
    assert pairs(translated, "train/actor_loss") == [(2, -3.0)]
    assert pairs(translated, "train/critic_loss") == [(1, 1.0), (2, 2.0), (3, 4.0)]
    assert translated.series["train/critic_loss"].derived_from == "2 * train/critic_loss"
    assert pairs(translated, "debug/actor_q_mean") == [(2, 3.0)]
    assert "smaller critic" in translated.series["debug/actor_q_mean"].derived_from


def test_cleanrl() -> None:
    raw = log(
        {
            "charts/episodic_return": [(99, -5.0), (99, -6.0)],
            "charts/episodic_length": [(99, 50.0), (99, 100.0)],
            "charts/SPS": [(100, 400.0)],
            "losses/qf1_values": [(100, 1.0)],
            "losses/qf2_values": [(100, 2.0)],
            "losses/qf1_loss": [(100, 3.0)],
            "losses/qf2_loss": [(100, 5.0)],
            "losses/qf_loss": [(100, 4.0)],
            "losses/actor_loss": [(100, -1.0)],
        }
    )
    found = detect(raw)
    assert found.name == "cleanrl"
    translated = translate(raw, found)
    assert pairs(translated, "train/episode_reward") == [(99, -5.0), (99, -6.0)]
    assert pairs(translated, "train/critic_loss") == [(100, 8.0)]
    assert pairs(translated, "train/q2_value") == [(100, 2.0)]
    assert pairs(translated, "debug/actor_q_mean") == [(100, 1.0)]
    assert translated.series["debug/actor_q_mean"].derived_from == "-train/actor_loss"
    assert pairs(translated, "losses/qf1_loss") == [(100, 3.0)]


def test_cleanrl_ddpg_has_one_critic() -> None:
    raw = log({"losses/qf1_values": [(100, 1.0)], "losses/qf1_loss": [(100, 3.0)]})
    assert pairs(translate(raw, detect(raw)), "train/critic_loss") == [(100, 3.0)]


def test_tianshou_updates_become_environment_steps() -> None:
    raw = log(
        {
            "training/lens_stat/mean": [(1000, 200.0)],
            "test/returns_stat/mean": [(5000, -150.0)],
            "test/returns_stat/std": [(5000, 10.0)],
            "update/actor_loss": [(0, 0.0), (1000, -1.0), (3000, -2.0), (5000, -3.0)],
            "update/critic1_loss": [(1000, 1.0), (3000, 2.0)],
            "update/critic2_loss": [(1000, 3.0), (3000, 4.0)],
            "info/update_step": [(1, 2000.0), (2, 4000.0)],
            "info/train_step": [(1, 3000.0), (2, 5000.0)],
        }
    )
    found = detect(raw)
    assert found.name == "tianshou"
    translated = translate(raw, found)
    assert pairs(translated, "train/actor_loss") == [
        (1000, 0.0),
        (2000, -1.0),
        (4000, -2.0),
        (6000, -3.0),
    ]
    assert pairs(translated, "train/critic_loss") == [(2000, 4.0), (4000, 6.0)]
    assert "interpolated" in translated.series["train/actor_loss"].derived_from
    assert "interpolated" in translated.series["debug/actor_q_mean"].derived_from
    assert pairs(translated, "eval/std_reward") == [(5000, 10.0)]
    assert translated.series["train/episode_length"].aggregated


def test_updates_that_nothing_places_say_what_their_steps_count() -> None:
    raw = log({"update/actor_loss": [(5, 1.0)], "info/update_step": [(1, 9.0)]})
    translated = translate(raw, detect(raw))
    loss = translated.series["train/actor_loss"]
    assert pairs(translated, "train/actor_loss") == [(5, 1.0)]
    assert (loss.other_axis, loss.logged_as) == ("update", "update/actor_loss")
    assert translated.series["debug/actor_q_mean"].other_axis == "update"
    assert "update/actor_loss" not in translated.series


def timed(tag: str, points: Sequence[tuple[int, float]]) -> Series:
    """A series of (step, wall time)."""
    return Series(
        tag=tag,
        steps=np.array([step for step, _ in points], dtype=np.int64),
        values=np.ones(len(points)),
        wall_times=np.array([wall for _, wall in points], dtype=np.float64),
    )


def test_updates_are_placed_by_wall_time_between_environment_steps() -> None:
    episodes = timed("train/reward", [(0, 0.0), (1000, 10.0), (2000, 30.0)])
    updates = timed("update/loss/actor", [(99, 5.0), (199, 20.0), (299, 31.0)])
    raw = EventLog(series={s.tag: s for s in (episodes, updates)}, files=())
    loss = translate(raw, load_dialect(Path("tianshou"))).series["train/actor_loss"]
    assert loss.steps.tolist() == [500, 1500, 2000]
    assert loss.other_axis == ""
    assert "wall time" in loss.derived_from


def test_wall_times_of_a_file_that_was_written_tag_by_tag_place_nothing() -> None:
    episodes = timed("train/reward", [(0, 0.0), (1000, 0.1)])
    updates = timed("update/loss/actor", [(99, 0.2), (199, 0.3)])
    raw = EventLog(series={s.tag: s for s in (episodes, updates)}, files=())
    loss = translate(raw, load_dialect(Path("tianshou"))).series["train/actor_loss"]
    assert (loss.steps.tolist(), loss.other_axis) == ([99, 199], "update")


def test_rows_that_are_indexed_by_iteration_are_placed_by_the_steps_they_count() -> None:
    raw = log(
        {
            "ray/tune/env_runners/episode_return_mean": [(1, -5.0), (2, -4.0)],
            "ray/tune/num_env_steps_sampled_lifetime": [(1, 4000.0), (2, 8000.0)],
        }
    )
    found = detect(raw)
    assert found.name == "rllib"
    assert pairs(translate(raw, found), "train/episode_reward") == [(4000, -5.0), (8000, -4.0)]


def test_an_iteration_is_as_long_as_speed_times_time() -> None:
    raw = log(
        {
            "Train/mean_reward": [(0, 1.0), (9, 2.0)],
            "Loss/surrogate": [(0, 0.1)],
            "Perf/total_fps": [(0, 48_000.0), (9, 49_152.0)],
            "Perf/collection time": [(0, 1.5), (9, 1.5)],
            "Perf/learning_time": [(0, 0.5), (9, 0.5)],
        }
    )
    found = detect(raw)
    translated = translate(raw, found)
    assert (found.name, translated.algorithms) == ("rsl_rl", ("PPO",))
    assert translated.series["train/episode_reward"].steps.tolist() == [0, 9 * 97_152]


@pytest.mark.parametrize("whole", [True, False])
def test_lengths_that_are_no_whole_numbers_are_means(whole: bool) -> None:
    raw = log(
        {
            "train/episode_length": [(100, 100.0), (200, 100.0 if whole else 99.5)],
            "train/episode_reward": [(100, 1.5), (200, 2.5)],
        }
    )
    found = translate(raw, UNKNOWN).series
    assert bool(found["train/episode_length"].aggregated) is not whole
    assert bool(found["train/episode_reward"].aggregated) is not whole


@pytest.mark.parametrize(
    ("name", "tags", "algorithms", "canonical"),
    [
        (
            "skrl",
            (
                "Loss / Policy loss",
                "Loss / Critic loss",
                "Q-network / Q1 (mean)",
                "Q-network / Q2 (mean)",
            ),
            ("TD3",),
            ("train/actor_loss", "train/critic_loss", "debug/actor_q_mean"),
        ),
        ("skrl", ("Loss / Policy loss", "Loss / Value loss"), ("PPO",), ("train/value_loss",)),
        (
            "di_engine",
            (
                "learner_step/critic_loss_avg",
                "learner_iter/critic_loss_avg",
                "evaluator_step/reward_mean",
            ),
            ("TD3", "DDPG"),
            ("train/critic_loss", "eval/mean_reward"),
        ),
        (
            "brax",
            ("training/sps", "training/alpha", "training/critic_loss", "eval/episode_reward"),
            ("SAC",),
            ("train/critic_loss", "train/ent_coef", "eval/mean_reward"),
        ),
        (
            "rlkit",
            (
                "trainer/QF1 Loss",
                "trainer/QF2 Loss",
                "trainer/Policy Loss",
                "evaluation/Returns Mean",
            ),
            ("TD3",),
            ("train/critic_loss", "train/actor_loss", "eval/mean_reward"),
        ),
    ],
)
def test_trainers_by_their_own_names(
    name: str, tags: Sequence[str], algorithms: Sequence[str], canonical: Sequence[str]
) -> None:
    raw = log({tag: [(step, 1.0 + step) for step in range(1, 4)] for tag in tags})
    found = detect(raw)
    translated = translate(raw, found)
    assert (found.name, translated.algorithms) == (name, tuple(algorithms))
    assert all(len(translated.series[tag]) == 3 for tag in canonical)


def test_epochs_of_rlkit_are_placed_by_its_count_of_steps() -> None:
    raw = log(
        {
            "trainer/QF Loss": [(k, 1.0) for k in range(4)],
            "exploration/num steps total": [(k, 1000.0 * (k + 1)) for k in range(4)],
        }
    )
    found = translate(raw, detect(raw))
    assert found.series["train/critic_loss"].steps.tolist() == [1000, 2000, 3000, 4000]


def test_rl_games() -> None:
    raw = log(
        {
            "losses/a_loss": [(32_768, 0.1)],
            "losses/c_loss": [(32_768, 2.0)],
            "info/e_clip": [(32_768, 0.2)],
            "rewards/step": [(32_768, 3.0)],
            "rewards/iter": [(1, 3.0)],
        }
    )
    found = detect(raw)
    translated = translate(raw, found)
    assert (found.name, translated.algorithms) == ("rl_games", ("PPO",))
    assert pairs(translated, "train/episode_reward") == [(32_768, 3.0)]


@pytest.mark.parametrize(
    ("tags", "algorithms"),
    [
        (["time/fps", "train/actor_loss", "train/critic_loss"], ("TD3", "DDPG")),
        (["time/fps", "train/actor_loss", "train/ent_coef", "train/learning_rate"], ("SAC", "TQC")),
        (["rollout/ep_len_mean", "train/learning_rate", "train/clip_fraction"], ("PPO",)),
        (["rollout/ep_len_mean", "train/policy_loss", "train/value_loss", "train/learning_rate"], ("A2C",)),
        (["rollout/ep_len_mean", "rollout/exploration_rate", "train/loss", "train/learning_rate"], ("DQN",)),
        (["losses/qf1_values", "losses/qf2_values", "losses/alpha"], ("SAC",)),
        (["losses/qf1_values", "losses/qf2_values"], ("TD3",)),
        (["losses/qf1_values"], ("DDPG",)),
        (["test/reward", "update/loss/critic", "update/loss/actor"], ("DDPG",)),
        (["test/reward", "update/loss/critic1", "update/loss/actor"], ("TD3",)),
        (["rollout/ep_len_mean", "rollout/ep_rew_mean", "time/fps"], ()),
        (["my/loss"], ()),
    ],
)  # fmt: skip
def test_an_algorithm_is_recognised_by_its_tags(
    tags: list[str], algorithms: tuple[str, ...]
) -> None:
    raw = log({tag: [(1, 1.0)] for tag in tags})
    assert translate(raw, detect(raw)).algorithms == algorithms


def test_single_episodes_that_the_run_logs_itself_win_over_means() -> None:
    raw = log(
        {
            "rollout/ep_len_mean": [(400, 100.0), (800, 100.0)],
            "time/fps": [(400, 1.0)],
            "train/episode_length": [(90, 90.0), (200, 110.0), (300, 100.0)],
        }
    )
    translated = translate(raw, detect(raw))
    assert translated.series["train/episode_length"] is raw.series["train/episode_length"]
    assert pairs(translated, "rollout/ep_len_mean") == pairs(raw, "rollout/ep_len_mean")


def test_a_mean_over_no_episode_yet_is_left_out_and_a_later_nan_is_not() -> None:
    nan = float("nan")
    raw = log({"time/fps": [(1, 1.0)], "rollout/ep_rew_mean": [(1, nan), (2, 3.0), (3, nan)]})
    rewards = translate(raw, detect(raw)).series["train/episode_reward"]
    assert rewards.steps.tolist() == [2, 3]
    assert np.isnan(rewards.values[1])


def test_steps_of_a_known_length_are_multiplied() -> None:
    own = dialect(tags={"r": {"to": "train/episode_reward", "step_factor": 4000}})
    assert pairs(translate(log({"r": [(2, 1.0)]}), own), "train/episode_reward") == [(8000, 1.0)]


# translation


def test_an_unknown_trainer_keeps_its_tags() -> None:
    raw = log({"my/loss": [(1, 2.0)], "train/actor_loss": [(1, 3.0)]})
    found = detect(raw)
    assert found is UNKNOWN
    assert translate(raw, found).series == raw.series


def test_episode_numbers_of_an_unknown_trainer_are_recognised() -> None:
    raw = log(
        {"train/episode_length": [(k, 10.0) for k in range(5)], "train/episode_reward": [(4, 1.0)]}
    )
    translated = translate(raw, UNKNOWN)
    assert translated.series["train/episode_length"].steps.tolist() == [10, 20, 30, 40, 50]
    assert pairs(translated, "train/episode_reward") == [(50, 1.0)]


@pytest.mark.parametrize(
    "steps",
    [[10, 20, 30, 40], [40, 80, 120, 160], [20, 20, 40, 40], [12, 25, 37, 39], [5, 9, 30, 31]],
)
def test_environment_steps_of_an_unknown_trainer_stay(steps: list[int]) -> None:
    raw = log({"train/episode_length": [(step, 10.0) for step in steps]})
    assert translate(raw, UNKNOWN).series["train/episode_length"].steps.tolist() == steps


AV = {
    "episode_axis": {"length": "len"},
    "tags": {
        "len": {"to": "train/episode_length", "axis": "episode"},
        "rew": {"to": "train/episode_reward", "axis": "episode"},
    },
}


def test_a_missing_episode_is_said() -> None:
    raw = log({"len": [(0, 5.0), (1, 7.0), (3, 2.0)], "rew": [(0, 1.0), (2, 2.0), (3, 3.0)]})
    translated = translate(raw, dialect(**AV))
    assert translated.series["train/episode_length"].steps.tolist() == [5, 12, 14]
    assert translated.series["train/episode_reward"].steps.tolist() == [5, 12, 14]
    assert (
        "lengths of 1 episodes are missing"
        in translated.series["train/episode_length"].derived_from
    )


def test_episodes_that_count_from_one_miss_nothing() -> None:
    raw = log({"len": [(1, 5.0), (2, 7.0)]})
    assert translate(raw, dialect(**AV)).series["train/episode_length"].derived_from == ""


@pytest.mark.parametrize(
    "lengths",
    [[(0, 5.0), (1, 6.0), (0, 7.0)], [(0, 5.0), (1, float("nan"))], [(0, 1e300), (1, 1e308)], []],
)
def test_an_episode_axis_that_cannot_be_computed_is_named(lengths: list[tuple[int, float]]) -> None:
    raw = log({"len": lengths, "rew": [(0, 1.0)]})
    translated = translate(raw, dialect(**AV))
    assert "train/episode_reward" not in translated.series
    assert "episode number" in translated.skipped_tags["train/episode_reward"]
    assert pairs(translated, "rew") == [(0, 1.0)]


def test_a_canonical_name_never_holds_episode_numbers() -> None:
    tags = {"train/episode_length": {"to": "train/episode_length", "axis": "episode"}}
    own = dialect(episode_axis={"length": "train/episode_length"}, tags=tags)
    raw = log({"train/episode_length": [(0, 5.0), (1, 6.0), (0, 7.0)]})
    translated = translate(raw, own)
    assert list(translated.series) == ["as_logged/train/episode_length"]


def test_of_two_tags_for_one_target_the_first_listed_is_taken() -> None:
    own = dialect(tags={"b": {"to": "train/q1_value"}, "a": {"to": "train/q1_value"}})
    translated = translate(log({"a": [(1, 1.0)], "b": [(1, 2.0)]}), own)
    assert pairs(translated, "train/q1_value") == [(1, 2.0)]
    assert pairs(translated, "a") == [(1, 1.0)]


def test_tags_may_swap_their_names() -> None:
    tags = {"train/q1_value": {"to": "train/q2_value"}, "train/q2_value": {"to": "train/q1_value"}}
    translated = translate(
        log({"train/q1_value": [(1, 1.0)], "train/q2_value": [(1, 2.0)]}), dialect(tags=tags)
    )
    assert pairs(translated, "train/q1_value") == [(1, 2.0)]
    assert pairs(translated, "train/q2_value") == [(1, 1.0)]


def test_a_tag_in_the_way_is_kept_under_another_name() -> None:
    translated = translate(
        log({"train/q1_value": [(1, 1.0)], "q": [(1, 2.0)]}),
        dialect(tags={"q": {"to": "train/q1_value"}}),
    )
    assert pairs(translated, "train/q1_value") == [(1, 2.0)]
    assert pairs(translated, "as_logged/train/q1_value") == [(1, 1.0)]


def test_a_derived_tag_needs_all_its_sources_and_shared_steps() -> None:
    own = dialect(derived=[{"to": "train/critic_loss", "from": ["a", "b"], "factor": 0.5}])
    translated = translate(log({"a": [(1, 1.0), (2, 2.0)], "b": [(2, 4.0), (3, 5.0)]}), own)
    assert pairs(translated, "train/critic_loss") == [(2, 3.0)]
    assert translated.series["train/critic_loss"].derived_from == "0.5 * (a + b)"
    assert "train/critic_loss" not in translate(log({"a": [(1, 1.0)]}), own).series


def test_a_ratio_of_zeros_is_zero_and_infinity_stays() -> None:
    entry = {"to": "gradients/actor_cnn_norm", "from": "n", "times": "before", "over": "after"}
    raw = log(
        {
            "n": [(1, 0.0), (2, 2.0), (3, 2.0)],
            "before": [(1, 0.0), (2, 8.0), (3, float("inf"))],
            "after": [(1, 0.0), (2, 4.0), (3, 4.0)],
        }
    )
    translated = translate(raw, dialect(derived=[entry]))
    assert pairs(translated, "gradients/actor_cnn_norm") == [(1, 0.0), (2, 4.0), (3, float("inf"))]


def test_translation_leaves_files_damage_and_the_raw_log_alone() -> None:
    raw = log({"q": [(1, 2.0)]})
    before = dict(raw.series)
    translate(raw, dialect(tags={"q": {"to": "train/q1_value"}}))
    assert dict(raw.series) == before


def test_a_hostile_log_of_ten_thousand_tags_is_translated() -> None:
    raw = log({f"{{{{7*7}}}}|<b>{k}": [(-5, float("nan"))] for k in range(10_000)})
    assert len(translate(raw, detect(raw)).series) == 10_000


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_no_log_breaks_a_translation(data: st.DataObject) -> None:
    each = data.draw(st.sampled_from([*shipped_dialects(), UNKNOWN]))
    axes = [tag for axis in each.update_axis for tag in (axis.updates, axis.steps)]
    derived = [name for entry in each.derived for name in (*entry.sources, entry.times, entry.over)]
    tags = sorted({*each.tags, *axes, *filter(None, derived), "train/episode_length", "x"})
    steps = st.one_of(st.integers(0, 9), st.integers(-(2**63), 2**63 - 1))
    values = st.one_of(st.integers(0, 50).map(float), st.floats())
    points = st.lists(st.tuples(steps, values), max_size=6)
    raw = log(data.draw(st.dictionaries(st.sampled_from(tags), points)))
    translated = translate(raw, each)
    kept = {id(series) for series in translated.series.values()}
    for tag, series in raw.series.items():
        assert id(series) in kept or tag in each.tags or tag.startswith("train/episode_")
    assert translated.files == raw.files


# mapping files


def test_a_mapping_file_of_the_user_is_used(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(
        "name: mine\ntitle: Mine\ntags:\n  loss_pi: {to: train/actor_loss, factor: -1.0}\n"
    )
    mine = load_dialect(path)
    assert match(log({"loss_pi": [(1, 1.0)]}), mine) == 0.0
    translated = translate(log({"loss_pi": [(1, 2.0)]}), mine)
    assert pairs(translated, "train/actor_loss") == [(1, -2.0)]
    assert translated.series["train/actor_loss"].derived_from == "-loss_pi"


def test_a_shipped_dialect_is_loaded_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sb3").mkdir()  # a folder of that name is no mapping file
    monkeypatch.chdir(tmp_path)
    assert load_dialect(Path("sb3")).name == "sb3"
    assert load_dialect(Path("own")).name == "gonogo"
    with pytest.raises(GateConfigError, match=r"no dialect named 'sb33', did you mean 'sb3'\?"):
        load_dialect(Path("sb33"))


def test_all_mistakes_of_a_file_are_named_with_file_and_key(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(
        yaml.safe_dump(
            {
                "name": "Mine",
                "titel": "x",
                "tags": {
                    "a": {"to": "train/actor_los"},
                    "b": {"axes": "episode"},
                    "c": {"axis": "epoch"},
                    "d": {"factor": float("nan")},
                },
                "derived": [
                    {"to": "train/q1_value"},
                    {"to": "train/q1_value", "from": "a", "times": "b"},
                ],
                "signature": {"any": ["x"]},
            }
        )
    )
    with pytest.raises(GateConfigError) as caught:
        load_dialect(path)
    mistakes = caught.value.mistakes
    assert all(mistake.startswith(f"{path}: ") for mistake in mistakes)
    text = "\n".join(mistakes)
    assert "titel: unknown key, did you mean 'title'?" in text
    assert "title: is missing" in text
    assert "name: " in text
    assert (
        "tags.a.to: 'train/actor_los' is no canonical tag, did you mean 'train/actor_loss'?" in text
    )
    assert "tags.b.axes: unknown key, did you mean 'axis'?" in text
    assert "tags.c.axis: " in text
    assert "tags.d.factor: " in text
    assert "derived.0.from: is missing" in text
    assert "derived.1: times and over go together" in text
    assert "signature.any: unknown key, did you mean 'any_of'?" in text


@pytest.mark.parametrize(
    "axis",
    ["episode", "auto"],
)
def test_an_axis_needs_what_it_is_computed_from(axis: str) -> None:
    with pytest.raises(GateConfigError, match=f"tags.a: axis '{axis}' needs episode_axis"):
        dialect(tags={"a": {"axis": axis}})


@pytest.mark.parametrize(
    "content", ["- a\n- b\n", "a: [", "!!python/object:os.system x", "", "\ufffe\x00"]
)
def test_what_is_no_mapping_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(content)
    with pytest.raises(GateConfigError, match=r"mine\.yaml: "):
        load_dialect(path)


def test_a_missing_file_and_one_that_is_no_text_are_refused(tmp_path: Path) -> None:
    with pytest.raises(GateConfigError, match="cannot be read"):
        load_dialect(tmp_path / "none.yaml")
    path = tmp_path / "mine.yaml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(GateConfigError, match="no UTF-8"):
        load_dialect(path)


def test_the_shipped_files_explain_themselves() -> None:
    for name in dialect_names():
        assert (config_dir() / "dialects" / f"{name}.yaml").read_text().startswith("# ")
