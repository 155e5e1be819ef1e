"""`--seeds auto` on a real Prefect server: rounds of seeds until the joint verdict is decided."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from prefect import flow
from prefect.client.schemas import State

from flows.errors import ConfigError
from flows.pipeline import several_seeds
from flows.pipeline.flow import validate
from flows.pipeline.outcome import PipelineOutcome
from flows.pipeline.request import RunRequest
from flows.records.group_dir import read_group
from flows.records.stored_result import read_joint
from flows.settings.setting_files import load_stage
from flows.training.progress import SilentReporter
from gates.findings import Verdict

MakeRequest = Callable[..., RunRequest]

pytestmark = [
    pytest.mark.usefixtures("server"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@flow(persist_result=False, retries=0)
def validate_seeds(request: RunRequest) -> State[PipelineOutcome]:
    return validate(request, SilentReporter())


@pytest.fixture
def ask(make_request: MakeRequest, files: Path) -> Callable[..., RunRequest]:
    """Make a request for as many seeds as it takes; `own` says what single seeds do otherwise."""
    for name in ("one", "two"):
        with (files / f"{name}.yaml").open("a") as stage:
            stage.write("auto_seeds: {round: 2, most: 7}\n")

    def make(own: str = "", **changes: Any) -> RunRequest:
        overrides = (f"train.by_seed={{{own}}}",) if own else ()
        options: dict[str, Any] = {"seeds": "auto", "jobs": 2, **changes}
        return make_request(*overrides, **options).completed()

    return make


def run(request: RunRequest) -> PipelineOutcome:
    outcome = validate_seeds(request, return_state=True).result(raise_on_failure=False)
    assert isinstance(outcome, PipelineOutcome), outcome
    return outcome


def seeds_of(outcome: PipelineOutcome) -> list[int]:
    joint = read_joint(outcome.stages[-1].report.parent)
    assert joint is not None
    return [seed.seed for seed in joint.seeds]


def trained(request: RunRequest, stage: str) -> list[str]:
    return sorted(
        f"{path.parts[-4]}/{path.parts[-2]}"
        for path in request.out.glob(f"seed-*/{stage}/run-*/run.json")
    )


def test_the_stages_say_how_many_seeds_there_may_be(ask: Callable[..., RunRequest]) -> None:
    request = ask()
    assert request.seeds == tuple(range(7))
    assert (request.auto_seeds, request.is_group, request.seeds_text) == (True, True, "auto")
    request.open_group(request.plan()).close()
    record = read_group(request.out)
    assert record is not None
    assert (record.seeds, record.auto_seeds) == ((0, 1), True), "the first round"
    again = RunRequest.asked({"out": request.out}).completed()
    assert (again.auto_seeds, again.seeds) == (True, request.seeds), "the group remembers it"
    fixed = RunRequest.asked({"out": request.out, "seeds": "0-3"}).completed()
    assert (fixed.auto_seeds, fixed.seeds) == (False, (0, 1, 2, 3))


def test_a_group_of_given_seeds_goes_on_with_those_that_follow(
    ask: Callable[..., RunRequest],
) -> None:
    fixed = ask(seeds="2,5")
    fixed.open_group(fixed.plan()).close()
    assert ask().seeds == (2, 5, 6, 7, 8, 9, 10)


def test_a_budget_that_can_never_decide_is_refused(files: Path) -> None:
    with (files / "one.yaml").open("a") as stage:
        stage.write("auto_seeds: {most: 4}\n")
    with pytest.raises(ConfigError, match="4 seeds can never decide at an error"):
        load_stage(str(files / "one.yaml"))


@pytest.mark.slow
def test_seeds_are_added_until_the_verdict_is_no_luck(ask: Callable[..., RunRequest]) -> None:
    request = ask()
    outcome = run(request)
    assert outcome.verdict is Verdict.GO
    assert seeds_of(outcome) == list(range(6))
    for stage in ("one", "two"):
        assert trained(request, stage) == [f"seed-{seed}/run-001" for seed in range(6)]
    assert [p.name for p in (request.out / "one").iterdir()] == ["joint-001"]
    report = outcome.stages[0].report.read_text()
    assert "decided after 6 of at most 7" in report.splitlines()[0]
    assert "sign-flip test on verdicts" in report
    again = run(request)
    assert all(stage.kept for stage in again.stages)
    assert trained(request, "one") == [f"seed-{seed}/run-001" for seed in range(6)]


@pytest.mark.slow
def test_the_first_failed_seed_ends_it_where_all_are_needed(
    ask: Callable[..., RunRequest],
) -> None:
    request = ask("s3: {loss: 70.0}")
    outcome = run(request)
    assert outcome.verdict is Verdict.NO_GO
    assert seeds_of(outcome) == [0, 1, 2, 3]
    record = read_group(request.out)
    assert record is not None
    assert record.seeds == (0, 1, 2, 3)


@pytest.mark.slow
def test_a_seed_that_crashed_counts_against_the_recipe(ask: Callable[..., RunRequest]) -> None:
    outcome = run(ask("s1: {act: break}"))
    assert outcome.verdict is Verdict.NO_GO
    assert seeds_of(outcome) == [0, 1]
    assert "seed 1 without a verdict" in outcome.stages[-1].report.read_text().lower()


@pytest.mark.slow
def test_a_spent_budget_asks_a_person(ask: Callable[..., RunRequest], files: Path) -> None:
    gate = files / "loss.yaml"
    gate.write_text(gate.read_text().replace("checks:", "seeds_needed: 0.5\nchecks:", 1))
    outcome = run(ask("s0: {loss: 70.0}, s4: {loss: 70.0}"))
    assert outcome.verdict is Verdict.CONDITIONAL
    assert outcome.stages[-1].deciding.startswith("not decided after")


@pytest.mark.slow
def test_a_crash_in_the_middle_of_a_round_goes_on_there(
    ask: Callable[..., RunRequest], monkeypatch: pytest.MonkeyPatch
) -> None:
    request = ask()
    train = several_seeds.train_seeds

    def crash(*arguments: Any) -> dict[int, str]:
        seeds = arguments[3]
        if 2 not in seeds:
            return train(*arguments)
        train(*arguments[:3], {2: seeds[2]}, *arguments[4:])
        raise OSError("the machine went down")

    monkeypatch.setattr(several_seeds, "train_seeds", crash)
    with pytest.raises(OSError, match="went down"):
        run_and_raise(request)
    monkeypatch.setattr(several_seeds, "train_seeds", train)
    assert trained(request, "one") == [f"seed-{seed}/run-001" for seed in range(3)]
    again = RunRequest.asked({"out": request.out, "jobs": 2}).completed()
    assert run(again).verdict is Verdict.GO
    assert trained(request, "one") == [f"seed-{seed}/run-001" for seed in range(6)]


@pytest.mark.slow
def test_a_seed_that_a_later_stage_needs_passes_the_stages_before(
    ask: Callable[..., RunRequest], files: Path
) -> None:
    stage = files / "one.yaml"
    stage.write_text(stage.read_text().replace("most: 7", "most: 7, error: 0.2"))
    request = ask()
    outcome = run(request)
    assert outcome.verdict is Verdict.GO
    assert len(trained(request, "one")) == len(trained(request, "two")) == 6
    record = read_group(request.out)
    assert record is not None
    assert [len(joint.runs) for joint in record.stages["one"].joints] == [4, 6]


def run_and_raise(request: RunRequest) -> None:
    result = validate_seeds(request, return_state=True).result(raise_on_failure=False)
    assert isinstance(result, BaseException)
    raise result
