"""What the studies of foresight count, on runs and curves made by hand."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from flows.settings.long_stage import HopelessSettings
from gates.runs.run_info import RunInfo
from tests.gates.synthetic_runs import log_of, series
from tests.recipe_bench import foresight, signs
from tests.recipe_bench.auc import Told, auc
from tests.recipe_bench.bench import Case
from tests.recipe_bench.curves import Curve, of_recipes, published
from tests.recipe_bench.outcome import Outcome
from tests.recipe_bench.runs import Trained
from tests.recipe_bench.test_recipe_bench import scored


def told(failed: Sequence[float], learned: Sequence[float], group: str = "task") -> list[Told]:
    values = [(v, True) for v in failed] + [(v, False) for v in learned]
    return [Told(group=group, value=float(v), failed=kind) for v, kind in values]


def test_the_area_counts_pairs_of_one_task_alone():
    found = auc([*told([2, 3], [1, 2]), *told([100], [101], "hard"), *told([], [7], "easy")])
    assert found is not None
    # 3.5 of 4 pairs, and none of 1.
    assert found.value == pytest.approx(3.5 / 5)
    assert (found.failed, found.learned) == (3, 3)
    assert found.low <= found.value <= found.high
    assert auc(told([1], [])) is None


def test_an_interval_of_few_runs_is_wide_and_of_many_narrow():
    rng = np.random.default_rng(0)
    few, many = (auc(told(rng.normal(1, 1, n), rng.normal(0, 1, n))) for n in (6, 200))
    assert few is not None
    assert many is not None
    assert few.high - few.low > 2 * (many.high - many.low)
    assert many.low < 0.76 < many.high, "the area of two normals one deviation apart"


def trained(returns: Sequence[float], *, share: float, **tags: object) -> Trained:
    steps = np.linspace(0, 50_000, len(returns)).astype(int)
    named = {tag.replace("__", "/"): values for tag, values in tags.items()}
    return Trained(
        case=Case(task="pendulum", index=0, stage="fine"),
        log=log_of(
            {
                "eval/mean_reward": series("eval/mean_reward", steps, returns),
                **{tag: series(tag, steps, values) for tag, values in named.items()},
            }
        ),
        info=RunInfo(source="given", train={"learning_starts": 1_000}, algorithm="TD3"),
        share=share,
    )


def test_a_sign_is_read_from_what_was_known_then():
    dormant = np.linspace(0.0, 1.0, 11)
    keys = {"units__actor_dormant": dormant, "units__critic_dormant": 0.0}
    run = trained(np.linspace(-1_200, -200, 11).tolist(), share=0.9, **keys)
    (early,) = signs.told([run], signs.SIGNS["dormant units"], 0.2)
    (late,) = signs.told([run], signs.SIGNS["dormant units"], 0.5)
    assert (early.value, late.value) == (pytest.approx(0.2), pytest.approx(0.4))
    assert not early.failed
    assert signs.told([run], signs.SIGNS["low feature rank"], 0.5) == []
    assert signs.told([trained([0.0] * 11, share=0.3)], signs.SIGNS["equal evaluations"], 0.5) == []


def test_equal_evaluations_are_counted_from_the_newest_one():
    run = trained([-9.0, -5.0, -4.0, -3.0, -3.0, -3.0, -2.0, -1.0, 0.0, 1.0, 2.0], share=0.0)
    (found,) = signs.told([run], signs.SIGNS["equal evaluations"], 0.5)
    assert found.failed
    assert found.value == pytest.approx(3 / 5)


def curve(
    returns: Sequence[float], became: Outcome, *, task: str = "a", goal: float = 100.0
) -> Curve:
    count = len(returns)
    return Curve(
        source="made",
        task=task,
        shares=np.arange(1, count + 1) / count,
        returns=np.array(returns, dtype=float),
        goal=goal,
        became=became,
    )


def test_the_rule_stops_at_the_evaluation_that_shows_it():
    stuck = curve([1.0, 2.0, *[3.0] * 18], "did not")
    assert foresight.stopped_at(stuck, HopelessSettings()) == pytest.approx(10 / 20)
    assert foresight.stopped_at(stuck, foresight.GRID[0]) == pytest.approx(7 / 20)
    learns = curve(np.linspace(0, 120, 20).tolist(), "learned")
    assert foresight.stopped_at(learns, HopelessSettings()) == float("inf")


def test_levels_for_a_task_come_from_the_others():
    # In the task `b` runs that learn stand still for eight evaluations; a rule that knows it takes twelve.
    late = [curve([*[1.0] * 10, *np.linspace(1, 120, 90)], "learned", task="b") for _ in range(5)]
    stuck = [curve([1.0] * 100, "did not") for _ in range(5)]
    assert foresight.chosen_without("a", [*late, *stuck]).goal_evaluations == 12
    assert foresight.chosen_without("b", [*late, *stuck]).goal_evaluations == 5
    row = foresight.table_of_hopeless([*late, *stuck]).splitlines()[-1]
    # Of `a` and with twelve evaluations all are stopped, of `b` and with five evaluations all are lost.
    assert row.count("5 of 5") == 4


def test_curves_of_recipes_begin_after_the_first_update():
    (found,) = of_recipes([trained(np.linspace(-1_200, -200, 11).tolist(), share=0.9)], "recipes")
    assert len(found.returns) == 10
    assert found.shares[0] == pytest.approx(0.1)
    assert found.goal == -715.0
    assert found.became == "learned"


def test_a_recipe_of_200k_counts_by_how_it_was_chosen():
    (task, passed), (same_task, stopped), *_ = foresight.drawn()
    assert len(set(foresight.drawn())) == 24
    assert task == same_task
    assert (task, 37) not in foresight.drawn()
    runs = [
        Trained(case=Case(task=task, index=i, stage="200k"), log=log_of({}), info=None, share=share)
        for i, share in ((passed, 0.9), (stopped, 0.0), (37, 0.0))
    ]
    judged = [
        scored(index=i, stage=stage, verdict=verdict)
        for i, at_50k in ((passed, "GO"), (stopped, "NO_GO"), (37, "NO_GO"))
        for stage, verdict in (("5k", "GO"), ("50k", at_50k))
    ]
    text = foresight.table_of_verdicts(foresight.foretold(judged, runs))
    assert "| 5k | GO | 3 | 50k | 3 | 0 | 0 |" in text
    assert "| 5k | GO | 2 | 200k | 1 | 0 | 1 |" in text
    assert "| 50k | GO | 1 | 200k | 1 | 0 | 0 |" in text
    assert "| 50k | NO_GO | 2 | 200k | 0 | 0 | 2 |" in text
    # The third was not drawn: it is trained on because it was stopped, and stands for no others.
    assert (
        "Of 2 recipes, NO_GO at 50k stopped 1 of the 1 that did not learn by 200k and 0 of the 1 that did, "
        "which saves 150,000 environment steps" in text
    )


PUBLISHED = Path(__file__).resolve().parents[3] / "shared" / "curves"


@pytest.mark.skipif(not PUBLISHED.is_dir(), reason="published curves are no part of the project")
def test_published_failures_are_stopped_early_and_no_learner_is():
    curves = published(PUBLISHED)
    ends = {
        word: [foresight.stopped_at(c, HopelessSettings()) for c in curves if c.became == word]
        for word in ("did not", "learned")
    }
    assert (len(ends["did not"]), len(ends["learned"])) == (350, 123)
    assert sum(end <= 0.2 for end in ends["did not"]) > 0.8 * 350
    assert not np.isfinite(ends["learned"]).any()
