"""An error of the evidence ends the evidence; the training never knows."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from stable_baselines3.common.callbacks import BaseCallback, CallbackList

import gonogo
from gonogo.evidence.event_writer import EventWriter
from gonogo.evidence.update import measures
from gonogo.sb3 import Evidence
from gonogo.sb3.evaluation import Evaluation
from tests.gonogo.sb3.trainings import SAC, TD3, learned, pendulum, small


def _full_disk(*_: object, **__: object) -> None:
    raise OSError(28, "No space left on device")


def _at(step: int, work: Any) -> BaseCallback:
    class At(BaseCallback):
        def _on_step(self) -> bool:
            if self.num_timesteps == step:
                work(self.model)
            return True

    return At()


STEPS = 400


@functools.cache
def _alone(algorithm: Any) -> str:
    """What is learned without evidence."""
    model = small(algorithm)
    model.learn(STEPS)
    return learned(model)


@pytest.mark.parametrize("algorithm", [TD3, pytest.param(SAC, marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    ("owner", "name"),
    [
        (EventWriter, "write"),
        (measures, "_of_critics"),
        (Evaluation, "tags"),
        (torch.nn.utils, "get_total_norm"),
    ],
    ids=lambda each: getattr(each, "__name__", each),
)
def test_an_error_is_told_once_and_the_training_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, algorithm: Any, owner: Any, name: str
) -> None:
    alone = _alone(algorithm)
    watched = small(algorithm)
    breaks = _at(250, lambda _: monkeypatch.setattr(owner, name, _full_disk))
    evidence = Evidence(
        tmp_path / "run", eval_env=pendulum(), eval_every=300, eval_episodes=1, every=2
    )
    with pytest.warns(RuntimeWarning, match=r"no more evidence.*No space left") as warned:
        watched.learn(STEPS, callback=CallbackList([breaks, evidence]))
    assert len(warned) == 1
    assert learned(watched) == alone
    assert "sample" not in vars(watched.replay_buffer)
    assert all(not m._forward_hooks for m in watched.policy.modules())
    note = json.loads((tmp_path / "run" / "evidence-end.json").read_text())
    assert note["error"] == "OSError: [Errno 28] No space left on device"
    assert 0 < note["step"] <= STEPS
    monkeypatch.undo()
    result = gonogo.judge(tmp_path / "run", stage="5k", planned_steps=STEPS)
    finding = next(f for f in result.findings if f.check == "evidence_whole")
    assert finding.outcome is gonogo.Outcome.INCONCLUSIVE
    assert "No space left on device" in finding.reason
    assert result.verdict is gonogo.Verdict.NO_GO


def test_a_folder_that_cannot_be_written_is_told_and_the_training_goes_on(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.warns(RuntimeWarning, match="collects no more evidence"):
        model = small(TD3).learn(250, callback=Evidence(tmp_path / "file" / "run"))
    assert model.num_timesteps == 250


def test_the_training_environment_is_never_used_for_evaluations(tmp_path: Path) -> None:
    model = small(TD3)
    evidence = Evidence(tmp_path / "run", eval_env=model.get_env())
    with pytest.warns(RuntimeWarning, match="eval_env is the environment that is trained in"):
        model.learn(250, callback=evidence)


def test_what_a_training_raises_reaches_the_user_and_leaves_a_run_without_an_end(
    tmp_path: Path,
) -> None:
    def broken(_: Any) -> None:
        raise KeyError("the user's own")

    with pytest.raises(KeyError, match="the user's own"):
        small(TD3).learn(
            400, callback=CallbackList([Evidence(tmp_path / "run", every=1), _at(300, broken)])
        )
    result = gonogo.judge(tmp_path / "run", stage="5k", planned_steps=400)
    finding = next(f for f in result.findings if f.check == "run_finished")
    assert finding.outcome is gonogo.Outcome.INCONCLUSIVE
