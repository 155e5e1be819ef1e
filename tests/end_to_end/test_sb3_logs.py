"""Real event files of Stable-Baselines3's TD3 are judged with the few tags that they have."""

from pathlib import Path

import numpy as np
import pytest

from gates.checks.gate_file import load_gate
from gates.findings import Outcome, Verdict
from gates.judge import judge

pytestmark = [
    pytest.mark.slow,
    # MuJoCo and the log writers of the other trainer warn about themselves.
    pytest.mark.filterwarnings("ignore"),
]
STEPS = 3_000


def _train(env_id: str, folder: Path) -> None:
    sb3 = pytest.importorskip("stable_baselines3", reason="needs Stable-Baselines3 ([dev])")
    import gymnasium
    import torch
    from stable_baselines3.common.logger import configure
    from stable_baselines3.common.monitor import Monitor
    from stable_baselines3.common.noise import NormalActionNoise

    torch.set_num_threads(1)
    try:
        env = Monitor(gymnasium.make(env_id))
    except gymnasium.error.DependencyNotInstalled as error:
        pytest.skip(f"{env_id} needs a package: {error}")
    actions = env.action_space.shape[0]
    agent = sb3.TD3(
        "MlpPolicy",
        env,
        learning_starts=500,
        train_freq=2,
        action_noise=NormalActionNoise(np.zeros(actions), 0.1 * np.ones(actions)),
        policy_kwargs={"net_arch": [64, 64]},
        seed=0,
    )
    agent.set_logger(configure(str(folder), ["tensorboard"]))
    agent.learn(STEPS, log_interval=1)


@pytest.mark.parametrize("env_id", ["Pendulum-v1", "HalfCheetah-v5"])
def test_sound_run_is_no_no_go_and_the_report_says_what_to_log(tmp_path, env_id):
    _train(env_id, tmp_path / "run")
    result = judge(tmp_path / "run", gate=load_gate("5k"), stage="5k", planned_steps=STEPS).result
    assert result.dialect == "sb3"
    assert result.verdict is Verdict.CONDITIONAL, result.deciding
    assert result.diagnoses == ()
    missing = next(f for f in result.findings if f.check == "tags_logged")
    assert missing.outcome is Outcome.WARN
    assert "log train/q1_value" in missing.reason
    assert not [f for f in result.findings if f.outcome is Outcome.FAIL]
    undecided = [f for f in result.findings if f.outcome is Outcome.INCONCLUSIVE]
    too_few_rows = [f for f in undecided if f.points and "are needed" in f.reason]
    assert [f.reason for f in undecided if "log" not in f.reason and f not in too_few_rows] == []


def test_a_run_that_ended_early_is_a_no_go(tmp_path):
    _train("Pendulum-v1", tmp_path / "run")
    result = judge(
        tmp_path / "run", gate=load_gate("5k"), stage="5k", planned_steps=2 * STEPS
    ).result
    assert result.verdict is Verdict.NO_GO
    assert [d.cause for d in result.diagnoses] == ["stopped_early"]
