"""What an unknown trainer logs, and the mapping file that is made of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gates.runs.dialect_file import load_dialect
from gates.runs.mapping_file import mapping_file
from gates.runs.tag_guess import summarise
from gates.runs.translate import translate
from gates.series import EventLog, Series


def named(steps: dict[str, list[int]]) -> EventLog:
    series = {
        tag: Series(
            tag=tag,
            steps=np.array(each, dtype=np.int64),
            values=np.linspace(-1.0, 2.0, len(each)),
            wall_times=np.arange(len(each), dtype=np.float64),
        )
        for tag, each in steps.items()
    }
    return EventLog(series=series, files=())


@pytest.mark.parametrize(
    ("tag", "steps", "planned", "axis"),
    [
        ("loss", list(range(1, 40)), None, "training calls"),
        ("episode_return", list(range(40)), None, "episodes"),
        ("eval/score", list(range(1, 9)), None, "evaluations"),
        ("reward", [37, 90, 141, 203], None, "environment steps"),
        ("loss", [1000, 2000, 3000], None, "unknown"),
        ("loss", [1000, 2000, 3000], 3000, "environment steps"),
        ("reward", [5, 9, 3], None, "unknown"),
        ("reward", [5], None, "unknown"),
    ],
)
def test_what_steps_seem_to_count(
    tag: str, steps: list[int], planned: int | None, axis: str
) -> None:
    (found,) = summarise(named({tag: steps}), planned)
    assert found.axis == axis
    assert (found.points, found.first_step, found.last_step) == (len(steps), steps[0], steps[-1])


def test_a_tag_of_the_same_rows_has_the_same_axis() -> None:
    log = named({"reward": [37, 90, 141], "my_loss": [37, 90, 141], "other": [38, 90, 141]})
    assert [t.axis for t in summarise(log)] == ["environment steps", "environment steps", "unknown"]


@pytest.mark.parametrize(
    ("tag", "canonical"),
    [
        ("loss/critic", "train/critic_loss"),
        ("Loss/Policy", "train/actor_loss"),
        ("qf1_loss", "train/critic_loss"),
        ("Q1", "train/q1_value"),
        ("losses/qf2_values", "train/q2_value"),
        ("Max. Q", "debug/target_q_max"),
        ("target_q", "debug/target_q_mean"),
        ("test/return", "eval/mean_reward"),
        ("ep_len", "train/episode_length"),
        ("Reward/episode", "train/episode_reward"),
        ("train/actor_loss", "train/actor_loss"),
        ("equal/queue", None),
        ("lr", None),
    ],
)
def test_which_tag_a_name_resembles(tag: str, canonical: str | None) -> None:
    (found,) = summarise(named({tag: [1, 2, 3]}))
    assert (found.could_be[0] if found.could_be else None) == canonical


def test_a_mapping_file_loads_and_maps_only_what_its_axis_allows(tmp_path: Path) -> None:
    log = named(
        {
            "ep_len": [0, 1, 2],
            "episode reward": [0, 1, 2],
            "critic: loss": list(range(1, 30)),
            "test/return": [1, 2, 3],
            "{hostile}: [": [5, 9, 12],
        }
    )
    path = tmp_path / "mapping.yaml"
    path.write_text(mapping_file(summarise(log), "My Run!"), encoding="utf-8")
    dialect = load_dialect(path)
    assert dialect.name == "my_run"
    assert dialect.tags["critic: loss"].axis == "update"
    assert dialect.tags["episode reward"].axis == "episode"
    assert "test/return" not in dialect.tags  # what its steps count is to be answered first
    translated = translate(log, dialect).series
    assert {
        "train/episode_length",
        "train/episode_reward",
        "train/critic_loss",
    } <= translated.keys()


def test_a_mapping_file_of_unknown_tags_alone_still_loads(tmp_path: Path) -> None:
    path = tmp_path / "mapping.yaml"
    path.write_text(mapping_file(summarise(named({"eval/score": [1, 2, 3]})), ""), encoding="utf-8")
    assert load_dialect(path).tags == {}
