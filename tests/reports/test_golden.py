"""Compares whole reports with those in tests/golden.

After a wanted change write them anew with `GONOGO_UPDATE_GOLDEN=1 pytest tests/reports/test_golden.py`
and read the difference before committing it.
"""

import os
from dataclasses import replace
from pathlib import Path

import pytest
from msgspec import structs

from gates.findings import Outcome, Verdict
from gates.judge import Judgement
from gates.progress import EvaluationPoint, StageState
from reports.context import Command, PipelineContext, PipelineStage
from reports.pipeline import render_pipeline_markdown
from reports.stage.html import render_html
from reports.stage.latex import render_latex
from reports.stage.markdown import render_stage_markdown
from reports.stage.plots import PlotFile, draw_stage_plots

GOLDEN = Path(__file__).parents[1] / "golden"
UPDATE = os.environ.get("GONOGO_UPDATE_GOLDEN") == "1"


def _compare(name: str, text: str) -> None:
    path = GOLDEN / name
    if UPDATE:
        path.write_text(text, encoding="utf-8")
    assert path.exists(), f"{path.name} is missing: run with GONOGO_UPDATE_GOLDEN=1"
    assert text == path.read_text(encoding="utf-8"), (
        f"{path.name} differs: read the difference, then run with GONOGO_UPDATE_GOLDEN=1"
    )


def _without_pixels(plots):
    """Pixels depend on matplotlib's version; which plots there are and what they say does not."""
    return tuple(
        PlotFile(path=plot.path, alt=plot.alt, png=b"", check=plot.check) for plot in plots
    )


def _plots(judgement, context):
    return _without_pixels(draw_stage_plots(judgement.result, judgement.log, context.config))


def _conditional(build):
    findings = (
        build.finding(
            "policy_saturation", "Actions not all at their limits", 0.95, 0.99, unit="share",
            warn_limit=0.9, outcome=Outcome.WARN, tag="policy/tanh_saturation",
            reason="0.95 (median of the last quarter) is above 0.9.",
            fact="share of saturated actions is 0.95, above the warning level 0.9",
            rationale="Saturated actions do not depend on what the policy sees.",
        ),
        build.finding("actor_q_mean_bound", "Mean actor Q within its bound", 44.9, 15_670.0),
    )  # fmt: skip
    result = build.result(Verdict.CONDITIONAL, findings, f"{findings[0].fact}.")
    context = build.context(
        next_commands=(
            Command(
                text='gonogo approve runs/drive-seed0/5k/run-001 --reason "..."',
                purpose="accept this result",
            ),
        )
    )
    return Judgement(result=result, log=build.training_log(leak=False), run_info=None), context


def _inconclusive(build):
    findings = (
        build.finding(
            "planned_steps", "All planned steps reached", 3900.0, 5000.0, direction="min",
            statistic="last step", outcome=Outcome.FAIL, unit="steps", points=1,
            first_step=None, last_step=None, reason="3,900 of 5,000 steps were logged.",
            fact="stopped at step 3,900 of 5,000 planned",
        ),
        build.finding(
            "actor_q_mean_bound", "Mean actor Q within its bound", None, None,
            outcome=Outcome.INCONCLUSIVE, points=0, first_step=None, last_step=None,
            statistic="", limit_source="",
            reason="`debug/actor_q_mean` was not logged: log the mean of Q1 at the actor's actions.",
        ),
    )  # fmt: skip
    log = build.log(
        build.series("train/critic_loss", [1000, 2000, 3900], [5.0, float("nan"), 4.0]),
        build.series("train/q1_value", [1000, 2000, 3900], [5.0, 6.0, 7.0]),
    )
    result = build.result(
        Verdict.NO_GO,
        findings,
        f"{findings[0].fact}.",
        last_step=3900,
        unexplained="Log `debug/actor_q_mean` and `gradients/actor_cnn_norm`.",
        dialect="",
        config_sha256="",
    )
    context = build.context(config={}, speed=None)
    return Judgement(result=result, log=log, run_info=None), context


def _hostile(build):
    name = "a|b`c` <script>alert(1)</script> {{7*7}} [x](http://evil.example)\n| y |\n# z"
    log = build.log(
        structs.replace(build.series("t", [1, 2, 3], [1.0, 2.0, float("inf")]), tag=name),
        build.series(f"reward_components/{name}", [1, 2], [1.0, 2.0]),
        build.series("reward_components/b", [1, 2], [1.0, 2.0]),
    )
    findings = (
        build.finding(
            name, name, 5.0, 3.0, outcome=Outcome.FAIL, tag=name, reason=name, limit_source=name
        ),
        build.finding(name, name, 1.0, 3.0, reason=name),
    )
    result = build.result(Verdict.NO_GO, findings, name, gate_warnings=(name,), dialect=name)
    return Judgement(result=result, log=log, run_info=None), build.context(title=name)


@pytest.fixture
def cases(build, healthy_case, leak_case):
    return {
        "go": healthy_case,
        "no_go": leak_case,
        "conditional": _conditional(build),
        "inconclusive": _inconclusive(build),
        "hostile": _hostile(build),
    }


@pytest.mark.parametrize("name", ["go", "no_go", "conditional", "inconclusive", "hostile"])
def test_stage_report_is_as_agreed(name, cases):
    judgement, context = cases[name]
    plots = _plots(judgement, context)
    _compare(f"stage-{name}.md", render_stage_markdown(judgement, context, plots))


@pytest.mark.parametrize("name", ["no_go", "hostile"])
def test_other_forms_are_as_agreed(name, cases):
    judgement, context = cases[name]
    plots = _plots(judgement, context)
    _compare(f"stage-{name}.html", render_html(judgement, context, plots))
    _compare(f"stage-{name}.tex", render_latex(judgement, context))


def _stage(name, steps, state, **more):
    return PipelineStage(name=name, planned_steps=steps, state=state, **more)


def _points(*rows):
    return tuple(
        EvaluationPoint(
            step=step, mean_return=r, std_return=3.0, mean_episode_length=length,
            time_limit_share=share, episodes=10,
        )
        for step, r, length, share in rows
    )  # fmt: skip


def _pipelines(cases):
    go, no_go = cases["go"][0].result, cases["no_go"][0].result
    first = _stage(
        "5k", 5_000, StageState.GO, result=go, report_path="5k/run-001/report.md",
        duration_s=39.0, evaluations=_points((0, 41.0, 16.0, 0.0), (5_000, 88.0, 19.5, 0.1)),
    )  # fmt: skip
    return {
        "no_go": (
            first,
            _stage(
                "50k", 50_000, StageState.NO_GO, result=replace(no_go, stage="50k"),
                report_path="50k/run-001/report.md", duration_s=393.0,
            ),
            _stage("1m", 1_000_000, StageState.NOT_STARTED),
        ),
        "crash": (
            first,
            _stage(
                "50k", 50_000, StageState.CRASHED, duration_s=7.5,
                message="the trainer ended with exit code 1, see 50k/run-001/trainer.log",
            ),
        ),
        "go": (
            first,
            _stage(
                "50k", 50_000, StageState.GO, result=replace(go, stage="50k"), duration_s=401.0,
                report_path="50k/run 001/report.md",
                evaluations=_points((0, 40.0, 16.0, 0.0), (40_000, 500.0, 290.0, 0.9),
                                    (50_000, 480.0, 280.0, 0.8)),
            ),
        ),
        "empty": (_stage("5k", 5_000, StageState.NOT_STARTED),),
    }  # fmt: skip


@pytest.mark.parametrize("name", ["no_go", "crash", "go", "empty"])
def test_pipeline_report_is_as_agreed(name, cases):
    context = PipelineContext(
        title="drive, seed 0",
        generated_at="2026-11-21T09:30:00Z",
        stages=_pipelines(cases)[name],
        next_commands=(
            Command(text="gonogo run --out runs/drive-seed0", purpose="go on after the last GO"),
        ),
        git_revision="0123abcd4567",
        versions={"gonogo": "0.1.0"},
    )
    _compare(f"pipeline-{name}.md", render_pipeline_markdown(context))
