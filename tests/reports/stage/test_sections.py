"""The facts that the sections of a report are made of."""

import ast
import importlib.util
from pathlib import Path

import numpy as np
import pytest

from gates.findings import LimitOrigin, Outcome, Side, Verdict
from gates.progress import EvaluationPoint
from gates.series import Damage
from reports.context import NextStage, PreviousRun, Speed
from reports.stage.sections.changes import describe_changes
from reports.stage.sections.checks import check_rows, ordered
from reports.stage.sections.episodes import episode_quarters
from reports.stage.sections.evaluations import evaluation_points, notable_evaluations
from reports.stage.sections.hyperparameters import (
    hyperparameter_rows,
    published_sources,
    show_value,
)
from reports.stage.sections.integrity import integrity_rows
from reports.stage.sections.limits import stage_limits
from reports.stage.sections.outlook import next_stage_cost
from reports.stage.sections.reward_components import reward_split
from reports.text.set_arguments import set_argument

# Checks ----------------------------------------------------------------------------------------


def test_the_gravest_check_comes_first_and_dry_runs_last(build):
    findings = (
        build.finding("pass", "P", 1, 2),
        build.finding("dry", "D", 3, 2, outcome=Outcome.FAIL, dry_run=True),
        build.finding("warn", "W", 3, 2, outcome=Outcome.WARN),
        build.finding("fail_advisory", "A", 3, 2, outcome=Outcome.FAIL, required=False),
        build.finding("unknown", "U", None, 2, outcome=Outcome.INCONCLUSIVE),
        build.finding("fail", "F", 3, 2, outcome=Outcome.FAIL),
        build.finding("decided", "E", 3, 2, outcome=Outcome.FAIL),
    )
    result = build.result(Verdict.NO_GO, findings, "e is 3.", deciding_check="decided")
    assert [f.check for f in ordered(result)] == [
        "decided",
        "fail",
        "fail_advisory",
        "unknown",
        "warn",
        "pass",
        "dry",
    ]


def test_a_row_has_value_statistic_window_points_and_limit(build):
    finding = build.finding("c", "C", 2.13e6, 15_670.0, warn_limit=7_835.0, outcome=Outcome.FAIL)
    (row,) = check_rows(build.result(Verdict.NO_GO, (finding,), "x"), ())
    assert row.value == "2.13e+06"
    assert row.statistic == "mean of the last 20 %, steps 4,200 to 5,000, n = 16"
    assert row.limit == "≤ 15,670"
    assert row.last_go == "-"


def test_a_limit_shows_all_that_the_value_was_compared_with(build):
    both = (Side(direction="max", warn=3, fail=10), Side(direction="min", warn=0.5, fail=None))
    for outcome, limit, shown in (
        (Outcome.PASS, 10.0, "≤ 10 (warns above 3), warns below 0.5"),
        (Outcome.INCONCLUSIVE, 10.0, "≤ 10 (warns above 3), warns below 0.5"),
        (Outcome.WARN, 3.0, "≤ 3 (fails above 10)"),
        (Outcome.FAIL, 10.0, "≤ 10"),
    ):
        found = build.finding("c", "C", 1.0, limit, direction="max", sides=both, outcome=outcome)
        (row,) = check_rows(build.result(Verdict.GO, (found,), "x"), ())
        assert row.limit == shown


def test_a_derived_limit_can_be_repeated_with_every_factor(build):
    origin = LimitOrigin(
        factor=1.5,
        bound=542.596,
        formula="max|r| / (1 - gamma)",
        numbers="5.42596 / (1 - 0.99)",
        inputs=("max|r|: logged; really", "gamma: configured"),
    )
    finding = build.finding(
        "c", "C", 900.0, 813.894, limit_source="a series", limit_origin=origin,
        derived_from="a / b", outcome=Outcome.FAIL,
    )  # fmt: skip
    unknown = build.finding("d", "D", None, None, reason="Log `x`.", limit_source="heuristic")
    first, second = check_rows(build.result(Verdict.GO, (finding, unknown), "x"), ())
    assert first.limit_source == "1.5 x max|r| / (1 - gamma) = 1.5 x 5.42596 / (1 - 0.99)"
    assert first.footnote == (
        "max|r|: logged; really; gamma: configured; a series; derived from a / b"
    )
    assert (second.value, second.statistic, second.limit_source) == ("-", "Log `x`.", "")


def test_the_reference_is_the_last_go_never_a_failed_run(build):
    def run(name, verdict, value):
        finding = build.finding("c", "C", value, 10.0)
        return PreviousRun(name=name, result=build.result(verdict, (finding,), "x"))

    previous = (
        run("a", Verdict.GO, 1.0),
        run("b", Verdict.GO, 2.0),
        run("c", Verdict.NO_GO, 3.0),
        run("d", Verdict.CONDITIONAL, 4.0),
    )
    now = build.result(Verdict.GO, (build.finding("c", "C", 5.0, 10.0),), "x")
    assert check_rows(now, previous)[0].last_go == "2"
    assert check_rows(now, previous[2:])[0].last_go == "-"


# Integrity -------------------------------------------------------------------------------------


def test_integrity_counts_what_is_there_and_what_is_not(build, leak_case):
    judgement, _ = leak_case
    rows = dict(integrity_rows(judgement.result, judgement.log))
    assert rows["Steps"] == "5,000 of 5,000 planned (100%)"
    assert rows["Updates"] == "80 critic updates, 40 actor updates, 80 of them logged"
    assert rows["Episodes"].startswith("187 episodes, ")
    assert rows["Not finite"] == "0 values"
    assert rows["Event files"] == "1 file, 3.2 MiB, 8,113 records"
    assert rows["Damage"] == "0 damaged places"
    assert rows["A second reader agrees"] == "PASS: tbparse read the same 8,113 scalars."


def test_integrity_names_damage_and_nan(build):
    damage = tuple(Damage(path=Path("a|b"), offset=7, kind="bad_crc", note="x") for _ in range(5))
    log = build.log(build.series("t|u", [1, 2], [np.nan, np.inf]), damage=damage)
    result = build.result(Verdict.NO_GO, (), "x", last_step=None, planned_steps=None)
    rows = dict(integrity_rows(result, log))
    assert rows["Steps"] == "no logged tag is known to count environment steps"
    assert rows["Updates"] == "none logged"
    assert rows["Episodes"] == "none logged"
    assert rows["Second reader"] == "not asked"
    assert rows["Not finite"] == "2 values: `t|u` 2"
    assert rows["Damage"].startswith("5 damaged places: bad_crc at byte 7 of `a|b`, ")
    assert rows["Damage"].endswith(" and 2 more")


# Learning --------------------------------------------------------------------------------------


def test_evaluations_are_untrained_last_and_best(leak_case):
    judgement, _ = leak_case
    points = evaluation_points(judgement.log)
    assert points[1] == EvaluationPoint(
        step=2500,
        mean_return=97.5,
        std_return=30.0,
        mean_episode_length=21.0,
        time_limit_share=0.1,
        episodes=10,
    )
    named = [(n.name, n.point.step) for n in notable_evaluations(points, 1000)]
    assert named == [("untrained", 0), ("last", 5000), ("best", 2500)]


def test_an_evaluation_after_learning_started_is_not_called_untrained():
    points = tuple(EvaluationPoint(step=s, mean_return=r) for s, r in ((2000, 1.0), (4000, 3.0)))
    names = [n.name for n in notable_evaluations(points, 1000)]
    assert names == ["first", "last and best"]
    assert [n.name for n in notable_evaluations(points, 2500)] == ["untrained", "last and best"]
    assert notable_evaluations((), 1000) == ()


def test_a_nan_evaluation_is_never_the_best():
    points = tuple(
        EvaluationPoint(step=s, mean_return=r) for s, r in ((0, 5.0), (1, float("nan")), (2, 1.0))
    )
    named = [(n.name, n.point.step) for n in notable_evaluations(points, None)]
    assert named == [("untrained and best", 0), ("last", 2)]


def test_quarters_follow_the_order_of_the_episodes(build):
    returns = np.concatenate([np.full(10, 100.0), np.full(30, 7.0)])
    returns[:10:2] = 0.0
    log = build.log(
        build.series("train/episode_reward", range(40), returns),
        build.series("train/episode_length", range(40), np.arange(40)),
    )
    quarters = episode_quarters(log)
    assert [(q.first_episode, q.last_episode) for q in quarters] == [
        (1, 10),
        (11, 20),
        (21, 30),
        (31, 40),
    ]
    assert quarters[0].return_mean == 50.0
    assert quarters[0].return_std == pytest.approx(52.70, abs=0.01)  # sample standard deviation
    assert quarters[3].return_std == 0.0
    assert quarters[3].median_length == 34.5


def test_no_quarters_from_a_handful_of_episodes_and_nan_stays_nan(build):
    few = build.log(build.series("train/episode_reward", range(7), range(7)))
    assert episode_quarters(few) == ()
    spoiled = build.log(build.series("train/episode_reward", range(8), [np.nan, *range(7)]))
    assert np.isnan(episode_quarters(spoiled)[0].return_mean)
    assert episode_quarters(spoiled)[1].return_mean == 1.5


def test_the_dominating_reward_component_has_the_largest_absolute_share(build):
    log = build.log(
        build.series("reward_components/efficiency", range(10), np.full(10, 1.0)),
        build.series("reward_components/safety", range(10), [0.0] * 8 + [-3.0, -3.0]),
        build.series("reward_components/total", range(10), np.full(10, 99.0)),
    )
    split = reward_split(log)
    assert split is not None
    assert [c.name for c in split.components] == ["safety", "efficiency"]
    assert split.components[0].share == 0.75
    assert split.components[0].mean == pytest.approx(-0.6)
    assert split.tail_episodes == 2


def test_component_means_are_weighted_by_episode_length(build):
    log = build.log(
        build.series("train/episode_length", [10, 100], [10, 90]),
        build.series("reward_components/a", [10, 100], [1.0, 0.0]),
        build.series("reward_components/b", [10, 100], [1.0, 1.0]),
    )
    split = reward_split(log)
    assert split is not None
    assert {c.name: c.mean for c in split.components} == {"a": pytest.approx(0.1), "b": 1.0}
    assert reward_split(build.log(build.series("reward_components/a", [1], [1.0]))) is None


# Hyperparameters -------------------------------------------------------------------------------


def _defaults_of(path: Path, function: str) -> dict[str, object]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef) and node.name == function and node.args.defaults:
            names = [a.arg for a in node.args.args][-len(node.args.defaults) :]
            values = [d.value if isinstance(d, ast.Constant) else ... for d in node.args.defaults]
            return dict(zip(names, values, strict=True))
    raise AssertionError(f"{function} not found in {path}")


def test_published_sb3_defaults_are_those_of_the_installed_source():
    spec = importlib.util.find_spec("stable_baselines3")
    assert spec is not None
    assert spec.origin is not None
    td3 = Path(spec.origin).parent / "td3"
    defaults = _defaults_of(td3 / "td3.py", "__init__")
    full = dict.fromkeys(("actor_lr", "critic_lr", "gamma", "tau"), 1.0) | {
        "batch_size": 1,
        "learning_starts": 1,
        "train_freq": 1,
        "gradient_steps": 1,
        "policy_delay": 1,
        "target_policy_noise": 1.0,
        "target_noise_clip": 1.0,
        "buffer_size": 1,
        "hidden_sizes": [1],
    }
    sb3 = [source.key for source in published_sources()].index("sb3")
    rows = {row.key: row.published[sb3] for row in hyperparameter_rows({"train": full})}
    same_name = {k: k for k in full if k in defaults} | {
        "actor_lr": "learning_rate",
        "critic_lr": "learning_rate",
    }
    assert len(same_name) == 12
    for ours, theirs in same_name.items():
        assert rows[ours] == show_value(defaults[theirs]), ours
    assert "net_arch = [400, 300]" in (td3 / "policies.py").read_text(encoding="utf-8")
    assert rows["hidden_sizes"] == "400, 300"
    source = (td3 / "td3.py").read_text(encoding="utf-8")
    assert "weight_decay" not in source
    assert "clip_grad_norm" not in source


def test_differences_are_those_from_every_published_value(build):
    rows = {row.name: row for row in hyperparameter_rows(build.context().config)}
    assert rows["batch size"].differs
    assert rows["actor learning rate"].differs  # 1e-4 is nobody's
    assert not rows["critic learning rate"].differs
    assert rows["updates per environment step"].value == "0.02"
    assert rows["updates per environment step"].differs
    assert (rows["critic weight decay"].value, rows["critic weight decay"].differs) == (
        "none",
        False,
    )
    assert not rows["actor gradient clipping"].differs
    assert rows["critic gradient clipping"].differs
    guards = {"normalize_actor_loss": True, "preact_penalty": 0.0, "reward_scale": 0.1}
    guarded = {row.key: row for row in hyperparameter_rows({"train": guards})}
    assert (guarded["normalize_actor_loss"].value, guarded["preact_penalty"].value) == (
        "on",
        "none",
    )
    assert [key for key, row in guarded.items() if row.differs] == [
        "reward_scale",
        "normalize_actor_loss",
    ]
    assert hyperparameter_rows({}) == ()


def test_flat_configurations_are_read_too():
    (row,) = hyperparameter_rows({"train.tau": 0.01})
    assert (row.key, row.value, row.differs) == ("tau", "0.01", True)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1.0e-5, "k=1.0e-05"),
        (2.5e-5, "k=2.5e-05"),
        (0.02, "k=0.02"),
        (True, "k=true"),
        (None, "k=null"),
        ((256, 128), "k=[256, 128]"),
        ("small", "k=small"),
        (50_000, "k=50000"),
    ],
)
def test_overrides_are_written_so_that_yaml_reads_the_same_value(value, text):
    import yaml

    assert set_argument("k", value) == text
    expected = list(value) if isinstance(value, tuple) else value
    assert yaml.safe_load(text.removeprefix("k=")) == expected


# Changes ---------------------------------------------------------------------------------------


def test_no_section_on_changes_for_the_first_run(healthy_case):
    judgement, context = healthy_case
    assert describe_changes(judgement.result, context, context.config) is None


def test_effects_and_the_ledger_of_proposed_fixes(leak_case):
    judgement, context = leak_case
    changes = describe_changes(judgement.result, context, context.config)
    assert changes is not None
    assert changes.last_run == "run-001"
    effects = {effect.title: (effect.before, effect.after) for effect in changes.effects}
    assert effects["Mean actor Q within its bound"] == ("-", "FAIL 2.13e+06")
    assert effects["Actions not all at their limits"] == ("WARN 0.93", "WARN 0.93 (x 1)")
    assert "A second reader agrees" not in effects
    assert changes.unchanged_checks == 1
    healthy_run, dead = changes.ledger
    assert (healthy_run.run, healthy_run.cause, healthy_run.applied) == ("run-000", "", "")
    # train.actor_lr is 1e-4 and not the proposed 1e-5; train.preact_penalty is not set at all.
    assert dead.applied == "0 of 2 keys are set so in this run"


def test_a_fix_that_was_applied_is_said_to_be(leak_case):
    judgement, context = leak_case
    config = {"train": {"preact_penalty": 0.02, "actor_lr": 1e-4}}
    changes = describe_changes(judgement.result, context, config)
    assert changes is not None
    assert changes.ledger[1].applied == "1 of 2 keys are set so in this run"


# Cost and limits -------------------------------------------------------------------------------


def test_the_next_stage_takes_its_steps_over_the_measured_speed(build):
    following = NextStage(name="50k", steps=50_000)
    cost = next_stage_cost(
        following, Speed(steps_per_s=125.0, training_s=40.0), build.training_log(leak=False), 5000
    )
    assert cost is not None
    assert cost.duration == "6 min 40 s"
    assert cost.measured == "125 steps/s over 40 s"
    assert cost.late_duration.startswith("7 min")


def test_speed_comes_from_the_event_files_when_nobody_measured_it(build):
    following = NextStage(name="50k", steps=50_000)
    cost = next_stage_cost(following, None, build.log(), 5000)
    assert cost is not None
    assert (cost.measured, cost.duration) == ("100 steps/s over 50 s", "8 min 20 s")
    assert next_stage_cost(following, None, build.log(), None) is None
    assert next_stage_cost(None, Speed(steps_per_s=1.0, training_s=1.0), build.log(), 1) is None


def test_what_one_stage_cannot_decide_is_said_with_numbers(build):
    result = build.result(Verdict.GO, (), "x", seed=3)
    last = EvaluationPoint(step=5000, mean_return=88.0, std_return=20.0, episodes=16)
    sentences = stage_limits(result, (last,), NextStage(name="50k", steps=50_000))
    assert sentences[0] == result.not_decided[0]
    assert "1 run (seed 3)" in sentences[1]
    assert "about 5: that is one standard error" in sentences[2]
    assert "after step 5,000: 50k is 10 times as long" in sentences[3]
    assert "no evaluation" in stage_limits(result, (), None)[-1]
