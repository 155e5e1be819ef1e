"""The evaluation that compares policies: the same episodes for all of them, at a bounded cost."""

import json

import pytest

from gates.runs.afresh import read_afresh
from tests.trainer.test_final_evaluation import request
from trainer import __main__ as command_line
from trainer import afresh
from trainer.afresh import SHARE, episodes_within
from trainer.run import checkpoint


def train(folder, **changes):
    run = request(folder, **({"routes": None} | changes))
    assert command_line.main(["run", "--run", str(run)]) == 0
    return run


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    return {
        "short": train(folder / "short", final_episodes=3),
        "long": train(folder / "long", final_episodes=5, planned_steps=400),
        "none": train(folder / "none"),
    }


def test_last_and_untrained_policy_are_always_compared(runs):
    found = read_afresh(runs["long"])
    assert {"untrained", "last"} <= {p.policy for p in found.policies}
    assert found.untrained.step == 0
    assert next(p for p in found.trained if p.policy == "last").step == 400


def test_the_best_policy_stands_beside_the_last_one_unless_it_is_the_same(runs):
    for run, last in (("short", 200), ("long", 400)):
        best = json.loads((runs[run] / "checkpoints" / "best.json").read_text())["step"]
        steps = {p.policy: p.step for p in read_afresh(runs[run]).trained}
        assert steps == ({"last": last} if best == last else {"last": last, "best": best})


def test_stages_of_a_seed_run_the_same_episodes(runs):
    short, long = read_afresh(runs["short"]), read_afresh(runs["long"])
    assert short.first_seed == long.first_seed
    shared = len(short.untrained.returns)
    assert short.untrained.returns == long.untrained.returns[:shared]


def test_nothing_is_compared_unless_it_is_asked_for(runs):
    assert read_afresh(runs["none"]) is None


def test_what_is_learned_does_not_depend_on_it(runs):
    with_it, without = (
        checkpoint.load(checkpoint.available(runs[name] / "checkpoints")[-1], "cpu")["agent"]
        for name in ("short", "none")
    )
    for key, value in with_it["actor"].items():
        assert (value == without["actor"][key]).all(), key


@pytest.mark.parametrize(
    ("wanted", "length", "episodes"),
    [(5, 1.0, 5), (50, 100.0, 10), (50, 20.0, 50), (50, 1000.0, 10), (50, None, 10)],
)
def test_episodes_cost_a_share_of_the_stage(wanted, length, episodes):
    found = episodes_within(wanted, least=10, planned_steps=50_000, length=length)
    assert found == episodes
    if found > 10:
        assert found * length <= SHARE * 50_000


def test_further_episodes_follow_those_that_were_run(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(afresh, "SHARE", 1.0)
    run = train(tmp_path / "run", final_episodes=3)
    at_once = train(tmp_path / "at once", final_episodes=5)
    assert command_line.main(["evaluate", "--run", str(run), "--episodes", "2"]) == 0
    assert json.loads(capsys.readouterr().out)["episodes"] == 2
    found, whole = read_afresh(run), read_afresh(at_once)
    assert found.rounds == (3, 2)
    assert found.seconds > 0
    # The same episodes as those of a run that ran five at once, but for rounding.
    for more, once in zip(found.policies, whole.policies, strict=True):
        assert (more.policy, more.step) == (once.policy, once.step)
        assert more.returns == pytest.approx(once.returns, rel=1e-3, abs=1e-3)


def test_a_run_without_such_episodes_is_refused(runs, tmp_path, capsys):
    assert command_line.main(["evaluate", "--run", str(runs["none"]), "--episodes", "2"]) == 2
    assert "afresh.json cannot be used" in capsys.readouterr().err
