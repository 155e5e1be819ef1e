"""Trainers that no dialect knows: what their names and steps do not say is not guessed, and is never a GO."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gates.checks.gate_file import load_gate
from gates.findings import GateResult, Outcome, Verdict
from gates.judgement import judge_log
from gates.runs.translate import detect, translate
from gates.series import Series
from tests.gates.synthetic_runs import log_of, series

STEPS = 50_000
LENGTH = 200
EPISODES = np.arange(LENGTH, STEPS + 1, LENGTH)
UPDATES = np.arange(1_100, STEPS + 1, 100)
RNG = np.random.default_rng(0)


def judged(*found: Series) -> GateResult:
    log = log_of({s.tag: s for s in found})
    return judge_log(
        translate(log, detect(log)),
        run=None,
        directory=Path("run"),
        gate=load_gate("50k"),
        stage="50k",
        planned_steps=STEPS,
    ).result


def outcome(result: GateResult, check: str) -> Outcome | None:
    return next((f.outcome for f in result.findings if f.check == check), None)


def run(
    episodes: object, updates: object, evaluations: object, lengths: object = LENGTH
) -> list[Series]:
    """A run that learns, with steps that count what they like."""
    share = np.linspace(0.0, 1.0, len(UPDATES))
    returns = -200 + 150 * np.linspace(0, 1, len(EPISODES)) + RNG.normal(0, 5, len(EPISODES))
    q = -60 * share * (1 + 0.02 * RNG.normal(size=len(UPDATES)))
    return [
        series("train/episode_reward", episodes, returns),
        series("train/episode_length", episodes, lengths),
        series("train/actor_loss", updates, -q),
        series("train/critic_loss", updates, 3 + RNG.random(len(UPDATES))),
        series("train/q1_value", updates, q),
        series("eval/mean_reward", evaluations, np.linspace(-200, -50, 11)),
    ]


COUNTED = np.arange(1, len(EPISODES) + 1)
CALLS = np.arange(1, len(UPDATES) + 1)
AT = np.linspace(0, STEPS, 11)


@pytest.mark.parametrize(
    ("episodes", "updates", "evaluations"),
    [
        (EPISODES, UPDATES, AT),
        (COUNTED, CALLS, np.arange(11)),
        (EPISODES, CALLS, AT),
        (COUNTED, UPDATES, AT),
        (EPISODES // 1000, UPDATES // 1000, AT // 1000),
        (EPISODES * 4, UPDATES * 4, AT * 4),
        (0 * EPISODES, 0 * UPDATES, 0 * AT),
    ],
)
def test_steps_that_count_something_else_are_no_early_end(
    episodes: object, updates: object, evaluations: object
) -> None:
    result = judged(*run(episodes, updates, evaluations))
    assert result.verdict is Verdict.CONDITIONAL, result.deciding
    failed = [f.check for f in result.findings if f.required and f.outcome is Outcome.FAIL]
    assert failed == []


def test_what_no_tag_counts_is_said_with_the_way_out() -> None:
    result = judged(*run(EPISODES // 1000, UPDATES // 1000, AT // 1000))
    found = next(f for f in result.findings if f.check == "planned_steps")
    assert found.outcome is Outcome.WARN
    assert "mapping file" in found.reason


@pytest.mark.parametrize("steps", [0, EPISODES // 1000])
def test_a_known_trainer_may_log_without_its_step(steps: object) -> None:
    at = np.ones(len(EPISODES)) * steps
    result = judged(
        series("charts/episodic_return", at, np.linspace(-200, -50, len(EPISODES))),
        series("charts/episodic_length", at, LENGTH),
        series("losses/qf1_values", at, np.linspace(0, -50, len(EPISODES))),
        series("losses/qf_loss", at, 1.0 + RNG.random(len(EPISODES))),
        series("losses/actor_loss", at, np.linspace(0, 50, len(EPISODES))),
    )
    assert result.verdict is Verdict.CONDITIONAL
    assert outcome(result, "planned_steps") is Outcome.WARN


def test_an_early_end_over_environment_steps_stays_one() -> None:
    half = [s.where(s.steps <= STEPS // 2) for s in run(EPISODES, UPDATES, AT)]
    assert outcome(judged(*half), "planned_steps") is Outcome.FAIL


def test_updates_that_stop_stay_a_fault() -> None:
    found = run(EPISODES, UPDATES, AT)
    stopped = [
        s.where(s.steps <= STEPS // 3) if s.tag.endswith(("loss", "q1_value")) else s for s in found
    ]
    assert outcome(judged(*stopped), "updates_go_on") is Outcome.FAIL


def test_means_of_lengths_are_no_single_episodes() -> None:
    single = np.linspace(200, 40, len(EPISODES)).round()
    means = np.convolve(single, np.ones(100) / 100)[: len(single)] * 100 / np.minimum(COUNTED, 100)
    ends = np.cumsum(single).astype(int)
    assert means.sum() > 1.2 * ends[-1]
    result = judged(*run(ends, UPDATES, AT, means))
    assert outcome(result, "episode_steps") is Outcome.INCONCLUSIVE
    assert outcome(judged(*run(ends, UPDATES, AT, single)), "episode_steps") is Outcome.PASS


def test_tags_without_a_known_name_are_a_persons_decision() -> None:
    result = judged(
        series("loss of the critic", UPDATES, 1.0), series("reward of an episode", UPDATES, 2.0)
    )
    assert result.verdict is Verdict.CONDITIONAL
    assert result.deciding_check == "trainer_recognised"
    assert "gonogo tags" in result.deciding_finding.reason
