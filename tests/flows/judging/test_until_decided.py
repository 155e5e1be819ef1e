"""More episodes are run while they can decide, and no longer than the stage allows."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest

from flows.errors import TrainingBrokenError
from flows.judging import until_decided
from flows.judging.until_decided import affordable_round, judge_until_decided, undecided
from gates.facts.afresh import MOST_LOOKS
from gates.findings import Certainty, Finding, Outcome
from gates.runs.afresh import Afresh, PolicyAfresh

OPEN = Certainty(claim="a policy no better", p=0.2, model="signs", decided=False, more=30)
FINDING = Finding(
    check="learning_return",
    type="improvement",
    title="Return better than untrained",
    outcome=Outcome.WARN,
    required=True,
    reason="",
    certainty=OPEN,
)


def record(rounds: int, *, seconds: float | None = 10.0) -> Afresh:
    episodes = 10 * 2 ** (rounds - 1)
    policy = PolicyAfresh(policy="last", step=100, returns=(1.0,) * episodes)
    return Afresh(
        format=1,
        first_seed=1,
        policies=(policy,),
        rounds=(10,) * rounds,
        seconds=None if seconds is None else seconds * 2 ** (rounds - 1),
    )


@pytest.mark.parametrize(
    ("rounds", "budget", "episodes"),
    [(1, 10.0, 10), (1, 9.9, 0), (3, 40.0, 40), (MOST_LOOKS, 1e9, 0)],
)
def test_a_round_doubles_the_episodes_within_the_budget(rounds, budget, episodes):
    assert affordable_round(record(rounds), budget) == episodes


def test_without_a_record_or_its_time_nothing_is_run():
    assert affordable_round(None, 1e9) == 0
    assert affordable_round(record(1, seconds=None), 1e9) == 0


@pytest.mark.parametrize(
    "finding",
    [
        replace(FINDING, required=False),
        replace(FINDING, certainty=replace(OPEN, decided=True)),
        replace(FINDING, certainty=replace(OPEN, more=None)),
        replace(FINDING, certainty=None),
        replace(FINDING, type="limit"),
    ],
)
def test_what_more_episodes_cannot_decide_costs_none(finding):
    assert undecided(SimpleNamespace(findings=(finding,))) is None
    assert undecided(SimpleNamespace(findings=(finding, FINDING))) is FINDING


class Stage:
    """A run that is decided after some rounds."""

    def __init__(self, monkeypatch, decided_after: int, *, broken: bool = False):
        self.rounds, self.decided_after, self.broken = 1, decided_after, broken
        self.said: list[str] = []
        monkeypatch.setattr(until_decided, "read_afresh", lambda _: record(self.rounds))
        monkeypatch.setattr(until_decided, "run_more_episodes", self.run_more)

    def run_more(self, folder, episodes, *, grace_s):
        if self.broken:
            raise TrainingBrokenError("exit code 1")
        taken = record(self.rounds).seconds
        self.rounds += 1
        return taken

    def judge(self, budget_s: float, *, own: bool = True):
        plan = SimpleNamespace(
            name="50k",
            trainer=None if own else "command",
            until_decided=0.05,
            supervision=SimpleNamespace(grace_s=1.0),
        )
        return judge_until_decided(
            plan, "folder", self.once, training_s=budget_s / 0.05, say=self.said.append
        )

    def once(self):
        done = self.rounds >= self.decided_after
        finding = replace(FINDING, certainty=replace(OPEN, decided=done))
        result = SimpleNamespace(findings=(finding,))
        return SimpleNamespace(judgement=SimpleNamespace(result=result), rounds=self.rounds)


def test_it_is_evaluated_until_it_is_decided(monkeypatch):
    stage = Stage(monkeypatch, decided_after=3)
    assert stage.judge(1_000.0).rounds == 3
    assert stage.said == [
        "50k: Return better than untrained is not decided, 10 more episodes of each policy",
        "50k: Return better than untrained is not decided, 20 more episodes of each policy",
    ]


def test_it_ends_with_the_budget_and_with_the_looks(monkeypatch):
    assert Stage(monkeypatch, decided_after=99).judge(35.0).rounds == 3
    assert Stage(monkeypatch, decided_after=99).judge(1e9).rounds == MOST_LOOKS


def test_other_trainers_are_judged_once(monkeypatch):
    assert Stage(monkeypatch, decided_after=9).judge(1e9, own=False).rounds == 1


def test_what_cannot_be_evaluated_leaves_the_judgement(monkeypatch):
    stage = Stage(monkeypatch, decided_after=3, broken=True)
    assert stage.judge(1e9).rounds == 1
    assert stage.said[-1] == "50k: no more episodes, exit code 1"
