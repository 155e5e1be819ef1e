"""A stage that makes too few updates for its gate is known before it is trained."""

from __future__ import annotations

import pytest

from gates.checks.decidable import rows_needed, too_short
from gates.checks.gate_file import load_gate, parse_gate
from gates.runs.schedule import update_schedule

TRAIN = {
    "learning_starts": 1000,
    "train_freq": 50,
    "gradient_steps": 1,
    "policy_delay": 2,
    "critic_warmup_updates": 100,
    "num_envs": 10,
    "log_every_updates": 4,
}


def test_the_shipped_gates_need_five_updates() -> None:
    assert {rows_needed(load_gate(name)) for name in ("5k", "50k", "1m")} == {5}


def test_checks_of_evaluations_and_episodes_need_no_update() -> None:
    texts = {"title": "T", "group": "learning", "rationale": "R", "source": "S", "min_points": 40}
    checks = [
        {"id": "a", "type": "limit", "tag": "eval/mean_reward", "min": {"fail": 0}, **texts},
        {
            "id": "b",
            "type": "consistency",
            "law": "episode_steps_over_steps",
            "max": {"fail": 2},
            **texts,
        },
        {
            "id": "c",
            "type": "limit",
            "tag": "train/q1_value",
            "max": {"fail": 1},
            **texts,
            "min_points": 3,
        },
        {
            "id": "d",
            "type": "limit",
            "tag": "train/q2_value",
            "max": {"fail": 1},
            **texts,
            "required": False,
        },
    ]
    gate = parse_gate({"name": "mine", "description": "D", "checks": checks}, "here")
    assert rows_needed(gate) == 3


def test_a_warm_up_that_outlasts_the_stage() -> None:
    found = too_short(TRAIN, 5000, load_gate("5k"))
    assert found is not None
    assert (found.updates, found.warmup, found.rows) == (80, 100, 0)
    assert found.steps_needed == 1000 + (102 + 4 * 4) * 50
    assert too_short(TRAIN, found.steps_needed, load_gate("5k")) is None
    assert too_short(TRAIN, found.steps_needed - 50, load_gate("5k")) is not None
    assert "the first 100 of them as warm-up" in found.sentence


@pytest.mark.parametrize(
    ("changes", "decidable"),
    [
        ({"critic_warmup_updates": 0}, True),
        ({"learning_starts": 25_000}, False),
        ({"critic_warmup_updates": 0, "log_every_updates": 40}, False),
        ({"gradient_steps": 2}, True),
        ({"critic_warmup_updates": 0, "policy_delay": 100}, False),
    ],
)
def test_what_follows_from_the_configuration(changes: dict[str, int], decidable: bool) -> None:
    assert (too_short({**TRAIN, **changes}, 5000, load_gate("5k")) is None) is decidable


@pytest.mark.parametrize("log_every", [1, 2, 3, 4, 20])
@pytest.mark.parametrize("delay", [1, 2, 3])
@pytest.mark.parametrize("envs", [1, 5, 7])
def test_the_schedule_is_the_trainers_own_loop(log_every: int, delay: int, envs: int) -> None:
    changes = {"log_every_updates": log_every, "policy_delay": delay, "num_envs": envs}
    train = TRAIN | changes | {"critic_warmup_updates": 7, "gradient_steps": 2, "train_freq": 9}
    schedule = update_schedule(train)
    assert schedule is not None
    updates, next_log, rows = 0, 0, []
    for step in range(envs, 1600, envs):
        while updates < max(0, step - 1000) // 9 * 2:
            updates += 1
            if updates >= next_log and updates % delay == 0 and updates > 7:
                rows.append(step)
                next_log = updates + log_every
        assert schedule.updates_by(step) == updates
        assert schedule.rows_by(step) == len(rows)
    assert [schedule.step_of_row(number + 1) for number in range(len(rows))] == rows


@pytest.mark.parametrize("odd", [None, 0, "4", True, 1.5])
def test_an_unknown_schedule_refuses_nothing(odd: object) -> None:
    assert update_schedule({**TRAIN, "train_freq": odd}) is None
    assert too_short({**TRAIN, "train_freq": odd}, 10, load_gate("5k")) is None
