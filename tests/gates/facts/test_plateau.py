"""What counts as a plateau of the evaluations, and what the gate makes of early stopping's word."""

from __future__ import annotations

import numpy as np
import pytest

from gates.audit.run import run_finished
from gates.checks.check import Peers
from gates.checks.types.completeness import CompletenessCheck
from gates.errors import InputError
from gates.facts.plateau import find_plateau
from gates.facts.run_facts import RunFacts
from gates.findings import Outcome
from gates.runs.ended_early import EndedEarly, PlateauRule, read_ended_early
from gates.runs.run_info import RunInfo
from tests.gates.synthetic_runs import log_of, series

RULE = PlateauRule(steps=100, evaluations=4, window=3)
PLATEAU = [1, 5, 9, 9.5, 9.2, 9.3, 9.1, 9.2, 9.0, 9.1]
CHECK = CompletenessCheck(
    id="planned_steps",
    title="All planned steps reached",
    group="integrity",
    rationale="A test needs one.",
    source="this test",
)


def found(values: list[float], rule: PlateauRule = RULE, every: int = 25):
    steps = np.arange(1, len(values) + 1, dtype=np.int64) * every
    return find_plateau(steps, np.asarray(values, dtype=np.float64), rule)


@pytest.mark.parametrize(
    ("values", "rule"),
    [
        ([], RULE),
        ([1.0], RULE),
        ([1, 2, 3, 4, 5, 6, 7, 8], RULE),
        # Long enough in steps, but three evaluations are too few to call it one.
        ([5, 5, 5, 5, 5], PlateauRule(steps=50, evaluations=4)),
        # Not long enough in steps.
        ([5] * 7, PlateauRule(steps=200, evaluations=2)),
        # Too early in the stage.
        ([5] * 9, PlateauRule(steps=100, not_before=10_000)),
        # It lost what it had and rises again.
        ([1, 5, 9, 9, 1, 2, 3, 4, 5, 6], RULE),
        # One lucky evaluation at the start hides a slow rise: the means show it.
        ([1, 20, 1, 1.5, 2, 8, 9, 11, 12, 13, 14], RULE),
        # What is not finite is no evidence.
        ([5, 5, 5, np.nan, np.nan, np.nan, np.nan, np.nan], RULE),
    ],
)
def test_no_plateau(values: list[float], rule: PlateauRule) -> None:
    assert found(values, rule) is None


def test_a_plateau_names_its_last_improvement_and_its_best_evaluation() -> None:
    plateau = found(PLATEAU)
    assert plateau is not None
    # The mean of evaluations 4 to 6 is the last improvement of a mean.
    assert (plateau.since_step, plateau.best, plateau.last_step) == (150, 9.5, 250)
    assert plateau.evaluations == 4


def test_small_improvements_are_none_when_they_stay_below_min_delta() -> None:
    values = [1, 5, 9, *np.linspace(9, 9.4, 8)]
    assert found(values) is None
    noise = [9.1, 8.9, 9.0, 9.2, 9.1, 9.0, 9.05, 8.95]
    assert found([1, 5, 9, *noise], PlateauRule(steps=100, min_delta=0.5)) is not None


def test_order_of_writing_does_not_matter() -> None:
    steps = np.array([100, 25, 75, 50, 125, 150, 175, 200], dtype=np.int64)
    values = np.full(8, 3.0)
    plateau = find_plateau(steps, values, RULE)
    assert plateau is not None
    assert plateau.since_step == 75


def test_noise_ends_no_run_that_still_rises() -> None:
    """Half a standard deviation of noise from one evaluation to the next is enough of a rise."""
    rng = np.random.default_rng(0)
    rule = PlateauRule(steps=100_000, evaluations=4, not_before=300_000)
    ended = 0
    for _ in range(100):
        values = np.arange(40) * 0.5 + rng.normal(0, 1.0, 40)
        ended += any(found(list(values[:n]), rule, every=25_000) for n in range(4, 40))
    assert ended <= 3


def test_a_noisy_plateau_comes_to_an_end() -> None:
    rng = np.random.default_rng(1)
    rule = PlateauRule(steps=100_000, evaluations=4, not_before=300_000)
    ended = 0
    for _ in range(100):
        values = np.minimum(np.arange(40), 8) * 10 + rng.normal(0, 1.0, 40)
        ended += any(found(list(values[:n]), rule, every=25_000) for n in range(4, 40))
    assert ended >= 95


def facts(values: list[float], *, early: EndedEarly | None, phase: str = "stopped") -> RunFacts:
    steps = np.arange(1, len(values) + 1) * 25
    log = log_of(
        {
            "eval/mean_reward": series("eval/mean_reward", steps, values),
            "train/critic_loss": series("train/critic_loss", np.arange(0, steps[-1] + 1, 5), 1.0),
        }
    )
    run = RunInfo(
        source="run.json",
        train={"learning_starts": 0},
        env={},
        complete=True,
        phase=phase,
        status_step=int(steps[-1]),
        ended_early=early,
    )
    return RunFacts(log=log, run=run, stage="1m", planned_steps=1000)


def early(**changes: object) -> EndedEarly:
    content = {
        "step": 250,
        "planned_steps": 1000,
        "since_step": 150,
        "best": 9.5,
        "rule": RULE,
        "saved_s": 7_300.0,
    }
    return EndedEarly(**{**content, **changes})  # type: ignore[arg-type]


def completeness(facts: RunFacts) -> tuple[Outcome, str]:
    finding = CHECK.judge(facts, Peers()).finding
    return finding.outcome, finding.reason  # type: ignore[union-attr]


def test_a_run_that_early_stopping_ended_is_complete() -> None:
    told = facts(PLATEAU, early=early())
    outcome, reason = completeness(told)
    assert outcome is Outcome.PASS
    assert reason == (
        "ended by rule at step 250 of 1,000, no improvement since step 150 (best mean return 9.5), "
        "saved about 2 h 1 min."
    )
    ended = run_finished(told)
    assert ended is not None
    assert ended.outcome is Outcome.PASS


def test_what_a_trainer_does_until_it_hears_of_its_end_takes_no_plateau_back() -> None:
    outcome, _ = completeness(facts([*PLATEAU, 50.0], early=early()))
    assert outcome is Outcome.PASS
    outcome, _ = completeness(facts([*PLATEAU, 50.0], early=early(step=275)))
    assert outcome is Outcome.FAIL


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (facts(PLATEAU, early=None), "stopped early: step 250"),
        (facts([1, 2, 3, 4, 5, 6, 7, 8, 9, 10], early=early()), "do not show 100 steps"),
        (facts([1, 2], early=early()), "but the last logged step is 50"),
        # Written for another plan.
        (facts(PLATEAU, early=early(planned_steps=500)), "stopped early: step 250"),
    ],
)
def test_early_stopping_is_not_believed_without_evidence(told: RunFacts, words: str) -> None:
    outcome, reason = completeness(told)
    assert outcome is Outcome.FAIL
    assert words in reason


def test_a_trainer_that_failed_did_not_end_early() -> None:
    finding = run_finished(facts(PLATEAU, early=early(), phase="failed"))
    assert finding is not None
    assert finding.outcome is Outcome.FAIL


def test_the_file_says_what_was_written(tmp_path) -> None:
    assert read_ended_early(tmp_path) is None
    path = tmp_path / "ended-early.json"
    path.write_text(early().to_json())
    assert read_ended_early(tmp_path) == early()
    path.write_text(early().to_json().replace("250", "-1"))
    with pytest.raises(InputError, match=r"ended-early\.json cannot be understood"):
        read_ended_early(tmp_path)
    path.write_text("{}")
    with pytest.raises(InputError, match="'format' is missing"):
        read_ended_early(tmp_path)
