"""A reduced recipe bench: a few recipes through the first stage, and what the bench counts."""

import pytest

from gates.findings import GateResult, Verdict
from tests.recipe_bench import bench
from tests.recipe_bench.outcome import outcome
from tests.recipe_bench.recipes import TASKS, draw

FEW = [
    bench.Case(task=task, index=index, stage="5k")
    for task, index in (("pendulum", 1), ("point goal", 6), ("inverted pendulum", 8))
]


def test_a_recipe_is_drawn_the_same_every_time_and_the_trainer_takes_it():
    from trainer.config import TrainConfig

    for task in TASKS:
        drawn = [draw(task, index) for index in range(60)]
        assert drawn == [draw(task, index) for index in range(60)]
        assert len({str(recipe) for recipe in drawn}) == 60
        for recipe in drawn:
            TrainConfig.model_validate(recipe)
            for stage in bench.STAGES.values():
                assert stage["steps"] % recipe["num_envs"] == 0


@pytest.mark.parametrize(
    ("share", "word"), [(0.9, "learned"), (0.5, "learned"), (0.3, "unclear"), (-0.2, "did not")]
)
def test_what_a_run_became_is_a_share_of_the_way(share, word):
    assert outcome(share) == word


def judged_soundly() -> GateResult:
    return GateResult(
        verdict=Verdict.GO,
        stage="5k",
        run="run",
        deciding="",
        findings=(),
        diagnoses=(),
        gate_warnings=(),
        inputs=(),
        gate_sha256="",
        versions={},
        planned_steps=None,
        last_step=None,
        dialect="gonogo",
    )


def scored(*, index=0, stage="5k", became="learned", verdict="GO", refused=False) -> bench.Score:
    return bench.Score(
        case=bench.Case(task="drive", index=index, stage=stage),
        became=became,
        share=0.0,
        verdict=verdict,
        causes=(),
        deciding="",
        result=judged_soundly(),
        refused=refused,
    )


def test_foresight_counts_recipes_that_went_through_both_stages():
    early = [
        scored(index=0),
        scored(index=1, verdict="NO_GO", became="did not"),
        scored(index=2, became="did not"),
        scored(index=3, verdict="NO_GO", became="did not"),
    ]
    late = [scored(index=index, stage="50k") for index in (0, 1, 2)]
    text = bench.foresight([*early, *late])
    assert "| GO | 2 | 1 | 0 | 1 |" in text
    assert "| NO_GO | 1 | 0 | 0 | 1 |" in text
    assert "stopped 1 of 2 recipes that did not learn and 0 of 1 that learned" in text
    assert "50,000 of 150,000 steps" in text


@pytest.mark.parametrize(
    ("became", "verdict", "stage", "refused", "false_alarm", "missed"),
    [
        ("learned", "NO_GO", "5k", False, True, False),
        ("learned", "NO_GO", "5k", True, False, False),
        ("learned", "GO", "50k", False, False, False),
        ("did not", "GO", "50k", False, False, True),
        ("did not", "GO", "5k", False, False, False),
        ("unclear", "NO_GO", "50k", False, False, False),
    ],
)
def test_what_counts_as_a_mistake(became, verdict, stage, refused, false_alarm, missed):
    score = scored(became=became, verdict=verdict, stage=stage, refused=refused)
    assert (score.false_alarm, score.missed) == (false_alarm, missed)
    assert score.case.slug in bench.table([score]) or not (false_alarm or missed)


@pytest.mark.slow
def test_recipes_that_train_soundly_are_not_stopped(tmp_path):
    for case in FEW:
        bench.train(case, tmp_path)
    for score in bench.scores(FEW, tmp_path):
        assert score.verdict != "NO_GO", score.deciding
