"""PPO, A2C and DQN are judged by what holds for them: integrity, finite values, learning and their own signs."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from gates.algorithms import holds_for, known
from gates.checks.gate_file import load_gate
from gates.findings import GateResult, Outcome, Verdict
from gates.judgement import judge_log
from gates.runs.run_info import RunInfo
from gates.runs.translate import detect, translate
from gates.series import EventLog
from reports.context import StageContext
from reports.stage.view import build_stage_view
from tests.gates.synthetic_runs import log_of, series

STEPS = {"5k": 5000, "50k": 50_000, "1m": 1_000_000}
RISING, FLAT, FALLING = 300.0, 0.0, -300.0
Values = NDArray[np.float64]


def returns(rows: int, gain: float) -> Values:
    """Rolling means over 100 episodes, ten new ones a row, of a return that scatters and rises by `gain`."""
    rng = np.random.default_rng(1)
    single = rng.normal(-100 + gain * np.linspace(0, 1, 10 * rows), 20)
    return np.array([single[max(0, n - 100) : n].mean() for n in range(10, 10 * rows + 1, 10)])


def rollout(rows: int, gain: float, steps: Values) -> EventLog:
    return log_of(
        {
            s.tag: s
            for s in (
                series("rollout/ep_rew_mean", steps, returns(rows, gain)),
                series("rollout/ep_len_mean", steps, steps[0] / 10),
                series("time/fps", steps, 300.0),
            )
        }
    )


def ppo(stage: str, gain: float = RISING) -> EventLog:
    """Rows as Stable-Baselines3 writes them: the first rollout is of the untrained policy and has no losses."""
    rows = 20 if stage == "5k" else 100
    steps = np.linspace(STEPS[stage] / rows, STEPS[stage], rows)
    log = rollout(rows, gain, steps)
    share = np.linspace(0, 1, rows - 1)
    for tag, values in {
        "train/approx_kl": 0.01 + 0.002 * share,
        "train/clip_fraction": 0.1 + 0.02 * share,
        "train/entropy_loss": -1.4 + 0.5 * share,
        "train/explained_variance": 0.9 * share,
        "train/policy_gradient_loss": -0.01 - 0.001 * share,
        "train/value_loss": 3.0 - share,
        "train/loss": 1.0 - 0.1 * share,
        "train/learning_rate": 3e-4 * (1 + share),
    }.items():
        log.series[tag] = series(tag, steps[1:], values)  # type: ignore[index]
    return log


def a2c(stage: str, gain: float = RISING) -> EventLog:
    log = ppo(stage, gain)
    kept = {
        t: s for t, s in log.series.items() if t not in ("train/approx_kl", "train/clip_fraction")
    }
    loss = kept.pop("train/policy_gradient_loss")
    kept["train/policy_loss"] = series("train/policy_loss", loss.steps, loss.values)
    return log_of(kept)


def dqn(stage: str, gain: float = RISING) -> EventLog:
    rows = 20 if stage == "5k" else 100
    steps = np.linspace(STEPS[stage] / rows, STEPS[stage], rows)
    log = rollout(rows, gain, steps)
    exploration = series("rollout/exploration_rate", steps, np.linspace(1, 0.05, rows))
    loss = series("train/loss", steps[2:], np.linspace(1, 0.5, rows - 2))
    log.series.update({s.tag: s for s in (exploration, loss)})  # type: ignore[attr-defined]
    return log


MAKERS = {"PPO": ppo, "A2C": a2c, "DQN": dqn}


def judged(log: EventLog, stage: str, run: RunInfo | None = None) -> GateResult:
    translated = translate(log, detect(log))
    return judge_log(
        translated,
        run=run,
        directory=Path("run"),
        gate=load_gate(stage),
        stage=stage,
        planned_steps=STEPS[stage],
    ).result


def outcome(result: GateResult, check: str) -> Outcome | None:
    return next((f.outcome for f in result.findings if f.check == check), None)


@pytest.mark.parametrize("algorithm", MAKERS)
@pytest.mark.parametrize("stage", STEPS)
def test_a_healthy_run_is_go(algorithm: str, stage: str) -> None:
    result = judged(MAKERS[algorithm](stage), stage)
    assert result.verdict is Verdict.GO, result.deciding
    assert result.diagnoses == ()


@pytest.mark.parametrize("algorithm", MAKERS)
@pytest.mark.parametrize("stage", ["50k", "1m"])
@pytest.mark.parametrize("gain", [FLAT, FALLING])
def test_returns_that_never_rise_are_never_go(algorithm: str, stage: str, gain: float) -> None:
    result = judged(MAKERS[algorithm](stage, gain), stage)
    assert result.verdict is not Verdict.GO
    assert result.deciding_check.startswith("learning_")
    # Where they never moved, nothing shows that the policy matters in the task.
    assert result.verdict is (
        Verdict.NO_GO if (stage, gain) == ("1m", FALLING) else Verdict.CONDITIONAL
    )


@pytest.mark.parametrize("algorithm", MAKERS)
@pytest.mark.parametrize("stage", ["50k", "1m"])
@pytest.mark.parametrize("kept", [0, 1])
def test_without_evidence_of_learning_there_is_no_go(algorithm: str, stage: str, kept: int) -> None:
    log = MAKERS[algorithm](stage)
    for tag in ("rollout/ep_rew_mean", "rollout/ep_len_mean"):
        logged = log.series[tag]
        log.series[tag] = logged.where(np.arange(len(logged)) < kept)  # type: ignore[index]
    result = judged(log, stage)
    assert result.verdict is Verdict.NO_GO
    assert result.deciding_check.startswith("learning_")


@pytest.mark.parametrize(
    ("algorithm", "tag"),
    [
        ("PPO", "train/value_loss"),
        ("PPO", "train/policy_gradient_loss"),
        ("PPO", "train/approx_kl"),
        ("A2C", "train/policy_loss"),
        ("DQN", "train/loss"),
    ],
)
@pytest.mark.parametrize("stage", STEPS)
def test_a_nan_in_a_loss_is_no_go(algorithm: str, tag: str, stage: str) -> None:
    log = MAKERS[algorithm](stage)
    log.series[tag].values[-3] = math.nan
    result = judged(log, stage)
    assert result.verdict is Verdict.NO_GO
    assert result.deciding_check == "finite_values"
    assert result.diagnoses == ()
    assert "debug/" not in result.unexplained, "advice for TD3"


@pytest.mark.parametrize(
    ("algorithm", "tag"),
    [("PPO", "train/value_loss"), ("A2C", "train/value_loss"), ("DQN", "train/loss")],
)
@pytest.mark.parametrize("stage", STEPS)
@pytest.mark.parametrize("scale", [1e-4, 1.0, 1e3])
def test_values_that_diverge_are_no_go(algorithm: str, tag: str, stage: str, scale: float) -> None:
    log = MAKERS[algorithm](stage)
    returns = log.series["rollout/ep_rew_mean"].values
    returns *= scale
    loss = log.series[tag].values
    loss *= max(1.0, scale**2)  # tiny rewards are normalised
    assert judged(log, stage).verdict is Verdict.GO
    loss[-len(loss) // 3 :] *= 1e14
    result = judged(log, stage)
    assert result.verdict is Verdict.NO_GO
    assert result.deciding_check == "value_error_in_range"


@pytest.mark.parametrize("algorithm", MAKERS)
def test_losses_that_are_no_longer_computed_are_a_persons_decision(algorithm: str) -> None:
    log = MAKERS[algorithm]("50k")
    for tag, found in log.series.items():
        if tag in ("train/value_loss", "train/policy_loss", "train/loss"):
            found.values[30:] = found.values[30]
    result = judged(log, "50k")
    assert result.verdict is Verdict.CONDITIONAL
    assert result.deciding_check == "losses_change"


def test_explained_variance_is_undefined_while_returns_do_not_differ() -> None:
    log = ppo("50k")
    log.series["train/explained_variance"].values[:3] = math.nan
    log.series["train/explained_variance"].values[40] = math.nan
    assert outcome(judged(log, "50k"), "finite_values") is Outcome.PASS
    log.series["train/explained_variance"].values[41] = -math.inf
    assert outcome(judged(log, "50k"), "finite_values") is Outcome.FAIL


@pytest.mark.parametrize(
    ("check", "tag", "value"),
    [
        ("policy_step", "train/approx_kl", 0.5),
        ("clipped_share", "train/clip_fraction", 0.8),
        ("value_explains_returns", "train/explained_variance", -0.5),
        ("entropy_kept", "train/entropy_loss", -0.01),
    ],
)
def test_a_sign_warns_and_decides_nothing(check: str, tag: str, value: float) -> None:
    log = ppo("50k")
    assert outcome(judged(log, "50k"), check) is Outcome.PASS
    log.series[tag].values[50:] = value
    result = judged(log, "50k")
    assert outcome(result, check) is Outcome.WARN
    assert result.verdict is Verdict.GO


def test_the_entropy_of_continuous_actions_is_no_share() -> None:
    log = ppo("50k")
    log.series["train/entropy_loss"].values[50:] = 0.5
    assert "entropy_kept" in {check.check for check in judged(log, "50k").not_applicable}


@pytest.mark.parametrize("algorithm", MAKERS)
def test_nothing_of_td3_is_asked(algorithm: str) -> None:
    result = judged(MAKERS[algorithm]("50k"), "50k")
    asked = {finding.check for finding in result.findings}
    assert not asked & {"tags_logged", "actor_q_mean_bound", "targets_averaged", "actor_alive"}
    td3 = judged(log_of({"train/q1_value": series("train/q1_value", [1, 2], 1.0)}), "50k")
    assert not {"policy_step", "dqn_tags_logged"} & {finding.check for finding in td3.findings}


def test_an_algorithm_that_nobody_knows_must_log_what_td3_logs() -> None:
    log = ppo("50k")
    run = RunInfo(source="given", algorithm="crossq")
    result = judged(log, "50k", run)
    assert outcome(result, "tags_logged") is Outcome.WARN
    assert result.verdict is Verdict.CONDITIONAL


def test_cleanrl_names_the_same_signs_otherwise() -> None:
    steps = np.linspace(500, 50_000, 100)
    found = {
        "charts/episodic_return": -100 + 3 * np.arange(100.0) + 5 * np.sin(np.arange(100)),
        "charts/episodic_length": 50.0,
        "losses/clipfrac": 0.1,
        "losses/approx_kl": 0.01,
        "losses/entropy": 1.4,
        "losses/value_loss": np.linspace(3, 2, 100),
    }
    log = log_of({tag: series(tag, steps, values) for tag, values in found.items()})
    result = judged(log, "50k")
    assert outcome(result, "entropy_kept") is Outcome.PASS
    assert outcome(result, "learning_return") is Outcome.PASS
    log.series["losses/value_loss"].values[50] = math.nan
    assert outcome(judged(log, "50k"), "finite_values") is Outcome.FAIL


def test_names_of_algorithms() -> None:
    assert known(()) == {"TD3"}
    assert known(("td3_bc",)) == {"TD3"}
    assert known(("SAC", "TQC")) == {"SAC", "TQC"}
    assert known(("CrossQ",)) == {"other"}
    assert holds_for((), ("CrossQ",))
    assert holds_for(("TQC",), ("SAC", "TQC"))
    assert not holds_for(("PPO",), ())


def test_the_head_of_a_report_names_the_algorithm() -> None:
    log = ppo("5k")
    judgement = judge_log(
        translate(log, detect(log)),
        run=None,
        directory=Path("run"),
        gate=load_gate("5k"),
        stage="5k",
        planned_steps=5000,
    )
    context = StageContext(title="run", generated_at="")
    assert "PPO" in build_stage_view(judgement, context, ()).subtitle
