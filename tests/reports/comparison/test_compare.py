"""What becomes of each check from run A to run B, and how a report shows it."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace

from gates.findings import Outcome, Verdict
from gates.progress import EvaluationPoint
from reports.comparison.compare import (
    ChangeKind,
    ComparedRun,
    Comparison,
    change_text,
    compare_runs,
)
from reports.comparison.panels import comparison_panels, group_medians
from reports.comparison.report import evaluation_rows, render_comparison, write_comparison_report
from reports.stage.sections.evaluations import evaluation_points

PASS, WARN, FAIL, UNKNOWN = Outcome.PASS, Outcome.WARN, Outcome.FAIL, Outcome.INCONCLUSIVE


def run_of(build: Any, *findings: Any, log: Any = None, name: str = "runs/a", **more: Any) -> Any:
    result = build.result(more.pop("verdict", Verdict.GO), tuple(findings), "because.")
    fields = {"config": {}, "judged_now": False, **more}
    return ComparedRun(
        name=name,
        result=result,
        log=log,
        evaluations=evaluation_points(log) if log is not None else (),
        **fields,
    )


def compared(build: Any, a: Any, b: Any) -> Comparison:
    return compare_runs(run_of(build, a), run_of(build, b))


@pytest.mark.parametrize(
    ("a", "b", "kind"),
    [
        (PASS, PASS, ChangeKind.SAME),
        (PASS, WARN, ChangeKind.WORSE),
        (PASS, FAIL, ChangeKind.WORSE),
        (PASS, UNKNOWN, ChangeKind.WORSE),
        (UNKNOWN, FAIL, ChangeKind.WORSE),
        (FAIL, PASS, ChangeKind.BETTER),
        (UNKNOWN, PASS, ChangeKind.BETTER),
        (FAIL, WARN, ChangeKind.BETTER),
        (FAIL, UNKNOWN, ChangeKind.UNDECIDED),
        (FAIL, FAIL, ChangeKind.SAME),
    ],
)
def test_what_became_of_a_check(build: Any, a: Outcome, b: Outcome, kind: ChangeKind) -> None:
    (change,) = compared(
        build, build.finding("x", "X", 1, 2, outcome=a), build.finding("x", "X", 1, 2, outcome=b)
    ).checks
    assert change.kind is kind


def test_a_dry_run_never_makes_a_run_worse(build: Any) -> None:
    (change,) = compared(
        build,
        build.finding("x", "X", 1, 2, dry_run=True),
        build.finding("x", "X", 3, 2, dry_run=True, outcome=FAIL),
    ).checks
    assert change.kind is ChangeKind.UNCOUNTED


def test_checks_of_one_run_only_are_named_so(build: Any) -> None:
    comparison = compared(build, build.finding("x", "X", 1, 2), build.finding("y", "Y", 1, 2))
    assert {c.check: c.kind for c in comparison.checks} == {
        "x": ChangeKind.ONLY_A,
        "y": ChangeKind.ONLY_B,
    }


@pytest.mark.parametrize(
    ("a", "b", "text"),
    [
        (40.0, 52.5, "+12.5 (+31%)"),
        (40.0, 20.0, "-20 (-50%)"),
        (-40.0, -20.0, "+20 (+50%)"),
        (2.0, 5000.0, "+4,998 (x 2,500)"),
        (-1.0, 100.0, "+101"),
        (0.0, 3.0, "+3"),
        (3.0, 3.0, "0"),
        (math.nan, 3.0, "-"),
        (3.0, math.inf, "-"),
        (None, 3.0, "-"),
    ],
)
def test_a_change_is_written_so_that_it_is_true(
    build: Any, a: float | None, b: float | None, text: str
) -> None:
    (change,) = compared(
        build, build.finding("x", "X", a, 9000), build.finding("x", "X", b, 9000)
    ).checks
    assert change_text(change) == text


@pytest.mark.parametrize(
    ("direction", "b", "limit", "toward"),
    [
        ("max", 5.0, 9.0, True),
        ("max", 3.0, 9.0, False),
        ("min", 5.0, 9.0, False),
        ("min", 3.0, 9.0, True),
        ("max", 5.0, 8.0, None),
        ("", 5.0, 9.0, None),
        ("max", 4.0, 9.0, None),
        ("max", 4.001, 9.0, None),
    ],
)
def test_the_limit_tells_the_direction_of_a_change(
    build: Any, direction: str, b: float, limit: float, toward: bool | None
) -> None:
    (change,) = compared(
        build,
        build.finding("x", "X", 4.0, 9.0, direction=direction),
        build.finding("x", "X", b, limit, direction=direction),
    ).checks
    assert change.toward_limit is toward


def test_configurations_are_compared_key_by_key(build: Any) -> None:
    a = run_of(build, config={"train.lr": 1, "train.tau": 2})
    b = run_of(build, config={"train.lr": 3, "train.new": 4})
    changes = compare_runs(a, b).config_changes
    assert [(c.key, c.before, c.after) for c in changes] == [
        ("train.lr", 1, 3), ("train.new", None, 4), ("train.tau", 2, None),
    ]  # fmt: skip
    unknown = compare_runs(a, replace(b, config=None))
    assert unknown.config_changes == ()
    assert not unknown.config_known
    assert "of B is unknown" in render_comparison(unknown, None, generated_at="", twin="t")


@pytest.fixture
def both(build: Any, leak_case: Any, healthy_case: Any) -> Comparison:
    """A healthy run and one with a leak, as the reports' other tests have them."""
    runs = []
    for name, (judgement, context) in (("runs/a", healthy_case), ("runs/b", leak_case)):
        runs.append(
            ComparedRun(
                name=name,
                result=judgement.result,
                judged_now=False,
                config=context.config,
                log=judgement.log,
                evaluations=evaluation_points(judgement.log),
            )
        )
    return compare_runs(*runs)


def test_the_report_says_what_is_worse_before_anything_else(both: Comparison) -> None:
    text = render_comparison(both, None, generated_at="2026-01-01T00:00:00Z", twin="c.json")
    assert text.startswith("# A GO, B NO-GO: 2 checks worse in B, 0 better\n")
    assert text.index("## Worse in B: 2") < text.index("## Better in B: 0")
    assert "| Mean actor Q within its bound | PASS 44.9 | FAIL 2.13e+06 |" in text
    assert "(x 4.74" in text or "(x 47,4" in text
    assert "| 2,500 | 97.5 ± 30, 21 steps | 97.5 ± 30, 21 steps |" in text


def test_every_table_row_has_as_many_cells_as_its_head(both: Comparison) -> None:
    text = render_comparison(both, None, generated_at="", twin="c.json")
    width = 0
    for line in text.splitlines():
        if not line.startswith("|"):
            width = 0
            continue
        width = width or line.count("|")
        assert line.count("|") == width, line


def test_names_with_markup_stay_text(build: Any) -> None:
    evil = "<script>|`{{ 7*7 }}`|](javascript:x)"
    a = run_of(build, build.finding(evil, evil, 1, 2), name=evil, config={evil: evil})
    b = run_of(build, build.finding(evil, evil, 3, 2, outcome=FAIL, reason=evil), name=evil)
    text = render_comparison(compare_runs(a, b), None, generated_at="", twin="t")
    assert "<script>" not in text
    assert "49" not in text
    assert not re.search(r"(?<!\\)\]\(", text)


def test_the_same_files_are_written_whole(both: Comparison, tmp_path: Path) -> None:
    path = write_comparison_report(both, tmp_path, generated_at="", twin="c.json")
    assert path == tmp_path / "report.md"
    assert "![A (blue) and B (orange): Actor Q, " in path.read_text(encoding="utf-8")
    names = sorted(p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*") if p.is_file())
    assert names == ["plots/comparison.png", "report.md"]
    assert (tmp_path / "plots/comparison.png").stat().st_size <= 60_000
    without = Comparison(
        a=replace(both.a, log=None), b=replace(both.b, log=None), checks=both.checks
    )
    write_comparison_report(without, tmp_path, generated_at="", twin="c.json")
    assert not (tmp_path / "plots" / "comparison.png").exists()


def test_each_panel_shows_both_runs_on_one_axis(build: Any) -> None:
    by_step = build.log(
        build.series("train/critic_loss", [10, 20], [1.0, 2.0]),
        build.series("train/episode_length", [15, 40, 55], [15.0, 25.0, 15.0]),
    )
    by_episode = build.log(
        build.series("train/critic_loss", [10, 20], [3.0, 4.0]),
        build.series("train/actor_loss", [10, 20], [3.0, 4.0]),
        build.series("train/episode_length", [1, 2, 3], [15.0, 25.0, 15.0]),
    )
    panels = comparison_panels(
        compare_runs(run_of(build, log=by_step), run_of(build, log=by_episode))
    )
    shown = {panel.name: [trace.label for trace in panel.traces] for panel in panels}
    assert shown == {"actor-loss": ["B"], "critic-loss": ["A", "B"]}
    assert panels[0].title == "Actor loss (B only)"


def test_medians_keep_the_level_and_the_ends_of_a_long_series(build: Any) -> None:
    steps = np.arange(0, 10_000, 10)
    values = np.where(steps < 5000, 1.0, 9.0)
    values[::7] = np.nan
    medians = group_medians(build.series("train/episode_reward", steps, values))
    assert len(medians) == 50
    assert set(medians.values.tolist()) == {1.0, 9.0}
    assert np.all(np.diff(medians.steps) > 0)
    short = build.series("train/episode_reward", [1, 2], [1.0, 2.0])
    assert group_medians(short) is short


def test_many_evaluations_are_thinned_to_the_ends_and_some_between() -> None:
    points = [EvaluationPoint(step=step, mean_return=1.0) for step in range(0, 1000, 10)]
    rows = evaluation_rows(points, points[:1])
    assert len(rows) == 12
    assert (rows[0].step, rows[-1].step) == (0, 990)
    assert rows[0].b is not None
    assert rows[-1].b is None
