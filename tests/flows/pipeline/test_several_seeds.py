"""Several seeds on a real Prefect server: trained at the same time, judged together."""

from __future__ import annotations

import _thread
import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from prefect import flow
from prefect.client.schemas import State

from flows.commands.decide import decide
from flows.errors import ConfigError, UsageError
from flows.pipeline.flow import validate
from flows.pipeline.outcome import PipelineOutcome
from flows.pipeline.request import RunRequest
from flows.records.group_dir import read_group
from flows.records.recipe import recipe_hash
from flows.records.run_dir import read_record
from flows.records.stored_result import JOINT_FILE, read_joint
from flows.training.progress import SilentReporter
from gates.findings import Verdict
from gates.progress import StageState

MakeRequest = Callable[..., RunRequest]
Outcome = tuple[State[Any], PipelineOutcome]


@flow(persist_result=False, retries=0)
def validate_seeds(request: RunRequest) -> State[PipelineOutcome]:
    return validate(request, SilentReporter())


pytestmark = [
    pytest.mark.usefixtures("server"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
LOSS = {Verdict.GO: 1.0, Verdict.CONDITIONAL: 7.0, Verdict.NO_GO: 70.0}


@pytest.fixture
def ask(make_request: MakeRequest) -> Callable[..., RunRequest]:
    """Make a request for three seeds; `own` says what single seeds do otherwise."""

    def make(
        *overrides: str,
        seeds: tuple[int, ...] = (0, 1, 2),
        own: dict[int, str] | None = None,
        only: tuple[int, ...] = (),
        jobs: int | None = 3,
        **changes: object,
    ) -> RunRequest:
        by_seed = ", ".join(f"s{seed}: {{{text}}}" for seed, text in (own or {}).items())
        if own is not None:
            overrides = (*overrides, f"train.by_seed={{{by_seed}}}")
        return make_request(*overrides, seeds=seeds, only=only, jobs=jobs, **changes)

    return make


def run(request: RunRequest) -> Outcome:
    state = validate_seeds(request, return_state=True)
    outcome = state.result(raise_on_failure=False)
    assert isinstance(outcome, PipelineOutcome), outcome
    return state, outcome


def trained(request: RunRequest) -> list[str]:
    out = request.out
    return sorted(str(path.parent.relative_to(out)) for path in out.glob("seed-*/*/run-*/run.json"))


def test_all_seeds_pass_each_stage_together_and_are_kept(ask: Callable[..., RunRequest]) -> None:
    request = ask()
    state, outcome = run(request)
    assert (state.name, state.type.value) == ("GO", "COMPLETED")
    assert [stage.stage for stage in outcome.stages] == ["one", "two"]
    expected = [f"seed-{seed}/{stage}/run-001" for seed in range(3) for stage in ("one", "two")]
    assert trained(request) == expected
    out = request.out
    for stage in ("one", "two"):
        joint = json.loads((out / stage / "joint-001" / JOINT_FILE).read_text())
        assert joint["verdict"] == "GO"
        assert [seed["verdict"] for seed in joint["seeds"]] == ["GO"] * 3
        report = (out / stage / "joint-001" / "report.md").read_text()
        assert report.startswith(f"# GO at {stage}: 3 of 3 seeds passed, 3 needed")
        assert f"../../seed-2/{stage}/run-001/report.md" in report
        assert (out / stage / "joint-001" / f"../../seed-2/{stage}/run-001/report.md").is_file()
    assert "one/joint-001/report.md" in (out / "report.md").read_text()
    assert (out / "seed-1" / "report.md").is_file(), "each seed is a pipeline of its own"

    _, again = run(request)
    assert all(stage.kept for stage in again.stages)
    assert trained(request) == expected

    _, more = run(ask(seeds=(0, 1, 2, 7)))
    assert more.verdict is Verdict.GO
    assert trained(request) == sorted([*expected, "seed-7/one/run-001", "seed-7/two/run-001"])


@pytest.mark.slow
def test_one_failed_seed_ends_the_group_until_it_is_trained_again(
    ask: Callable[..., RunRequest],
) -> None:
    request = ask(own={1: "loss: 70.0"})
    state, outcome = run(request)
    assert (state.name, state.type.value) == ("NO_GO", "FAILED")
    assert outcome.stages[-1].deciding == ("2 of 3 seeds passed, 3 needed.")
    assert not list(request.out.glob("seed-*/two")), "the next stage must not start"
    report = outcome.stages[-1].report.read_text()
    assert "seed 1 NO_GO (critic loss is 70, above 10" in report
    assert "| 1 | **NO-GO** | critic loss is 70, above 10" in report
    assert "gonogo stage one --seed 1 --out" in report
    assert "seeds 0 and 2 GO, seed 1 NO_GO" in report, "disagreement is a finding"

    _, again = run(request)
    assert again.verdict is Verdict.NO_GO
    assert trained(request) == [
        "seed-0/one/run-001",
        "seed-1/one/run-001",
        "seed-1/one/run-002",
        "seed-2/one/run-001",
    ]
    record = read_group(request.out)
    assert record is not None
    assert [j.runs[1] for j in record.stages["one"].joints] == ["run-001", "run-002"]


def allow(files: Path, needed: object) -> None:
    gate = files / "loss.yaml"
    gate.write_text(gate.read_text().replace("checks:", f"seeds_needed: {needed}\nchecks:", 1))


@pytest.mark.slow
def test_a_dead_seed_that_the_gate_allows_is_not_trained_on_but_counted(
    ask: Callable[..., RunRequest], files: Path
) -> None:
    allow(files, 0.5)
    request = ask(own={1: "loss: 70.0"})
    _, outcome = run(request)
    assert outcome.verdict is Verdict.GO
    assert not (request.out / "seed-1" / "two").exists()
    two = read_joint(outcome.stages[1].report.parent)
    assert two is not None
    assert [seed.verdict for seed in two.seeds] == [Verdict.GO, Verdict.NO_GO, Verdict.GO]
    assert two.seeds[1].deciding == "NO_GO at one"
    _, again = run(request)
    assert all(stage.kept for stage in again.stages)
    assert "seed-1/one/run-002" not in trained(request)


def test_a_count_that_cannot_be_met_is_refused_before_anything_starts(
    ask: Callable[..., RunRequest], files: Path
) -> None:
    allow(files, 4)
    with pytest.raises(ConfigError, match="one: its gate needs 4 seeds that pass, there are 3"):
        ask().plans()


@pytest.mark.slow
def test_a_seed_that_breaks_is_named_and_does_not_end_the_others(
    ask: Callable[..., RunRequest], files: Path
) -> None:
    allow(files, 2)
    request = ask(own={2: "act: break"})
    _, outcome = run(request)
    assert outcome.verdict is Verdict.CONDITIONAL, "two passed, but one is missing"
    assert outcome.stages[-1].deciding == "seed 2 without a verdict."
    assert "Seed 2: The trainer broke at step 7" in outcome.stages[-1].report.read_text()
    assert "| 2 | **no verdict** |" in outcome.stages[-1].report.read_text()
    assert not list(request.out.glob("seed-*/two"))

    _, again = run(request)
    assert again.stages[0].run.name == "joint-002"
    assert [run for run in trained(request) if run != "seed-2/one/run-001"] == [
        "seed-0/one/run-001",
        "seed-1/one/run-001",
    ], "what passed is kept, and what broke is gone on with in its own folder"


@pytest.mark.slow
def test_a_failed_seed_of_an_interrupted_group_is_not_trained_twice(
    ask: Callable[..., RunRequest],
) -> None:
    request = ask(own={1: "loss: 70.0"})
    plans = request.plans()
    with request.open_group(plans[0]):
        from flows.pipeline import stage as stages
        from flows.training.progress import SilentReporter

        own = request.of_seed(1)
        with own.open(plans[1]) as directory:
            folder = stages.train(plans[1].stages[0], directory, SilentReporter())
            stages.judge(plans[1].stages[0], folder, directory)
        # Seed 2 was interrupted: its supervisor was killed.
        with request.of_seed(2).open(plans[2]) as directory:
            directory.new_run(plans[2].stages[0], recipe=recipe_hash(plans[2].stages[0]))
    _, outcome = run(request)
    assert outcome.verdict is Verdict.NO_GO
    assert trained(request) == [f"seed-{seed}/one/run-001" for seed in range(3)]


@pytest.mark.slow
def test_a_joint_conditional_waits_for_a_person(
    ask: Callable[..., RunRequest], capsys: pytest.CaptureFixture[str]
) -> None:
    request = ask(own={0: "loss: 7.0"})
    state, outcome = run(request)
    assert (state.name, state.type.value) == ("CONDITIONAL", "FAILED")
    before = trained(request)
    folder = outcome.stages[-1].report.parent
    assert "gonogo approve" in outcome.stages[-1].report.read_text()

    assert decide(request.out, kind="approved", reason="known spike", name="Ada") == 0
    assert "one/joint-001: CONDITIONAL, approved by Ada: known spike" in capsys.readouterr().out
    _, outcome = run(request)
    assert outcome.stages[0].kept
    assert outcome.verdict is Verdict.CONDITIONAL, "that of the last stage"
    assert trained(request) == sorted([*before, *(f"seed-{s}/two/run-001" for s in range(3))])
    report = (folder / "report.md").read_text()
    assert report.startswith("# CONDITIONAL, approved by Ada at one")
    assert "known spike" in report
    decide(request.out, kind="approved", reason="the same spike", name="Ada")
    with pytest.raises(UsageError, match="nobody decided about; there are: none"):
        decide(request.out, kind="approved", reason="once more", name="Ada")


@pytest.mark.slow
def test_a_rejected_joint_conditional_is_trained_again(ask: Callable[..., RunRequest]) -> None:
    request = ask(own={0: "loss: 7.0"})
    run(request)
    decide(request.out, kind="rejected", reason="the spike grows", name="Ada")
    run(request)
    assert trained(request) == [
        "seed-0/one/run-001",
        "seed-0/one/run-002",
        "seed-1/one/run-001",
        "seed-2/one/run-001",
    ]


@pytest.mark.slow
def test_a_joint_no_go_goes_on_only_by_an_order_on_record(
    ask: Callable[..., RunRequest],
) -> None:
    request = ask(own={0: "loss: 70.0"})
    order = {"override_no_go": "one", "name": "Ada", "reason": "a demonstration"}
    ordered = ask(own={0: "loss: 70.0"}, **order)
    with pytest.raises(UsageError, match="There is no NO_GO of one to override"):
        run_and_raise(ordered)
    run(request)
    _, outcome = run(ordered)
    assert [stage.verdict.value for stage in outcome.stages] == ["NO_GO", "NO_GO"]
    assert outcome.stages[0].decision is not None
    assert "overridden by Ada" in (request.out / "report.md").read_text()


def run_and_raise(request: RunRequest) -> None:
    result = validate_seeds(request, return_state=True).result(raise_on_failure=False)
    assert isinstance(result, BaseException)
    raise result


@pytest.mark.slow
def test_one_seed_s_stage_alone_is_judged_with_the_others(
    ask: Callable[..., RunRequest],
) -> None:
    stage = ask().stages[:1]
    request = ask(stages=stage)
    run(request)
    _, outcome = run(ask(stages=stage, single_stage=True, existing="retrain", only=(1,)))
    assert outcome.verdict is Verdict.GO
    assert trained(request) == [
        "seed-0/one/run-001",
        "seed-1/one/run-001",
        "seed-1/one/run-002",
        "seed-2/one/run-001",
    ]
    joint = read_joint(outcome.stages[0].report.parent)
    assert joint is not None
    assert joint.seeds[1].run == "seed-1/one/run-002"


@pytest.mark.slow
def test_seeds_of_two_recipes_are_never_judged_as_one(
    ask: Callable[..., RunRequest],
) -> None:
    stage = ask().stages[:1]
    run(ask(stages=stage))
    _, outcome = run(
        ask("train.loss=2.0", stages=stage, single_stage=True, existing="retrain", only=(1,))
    )
    assert outcome.verdict is Verdict.NO_GO
    said = outcome.stages[0].deciding
    assert said == "not decided, another recipe or version of the trainer was used."
    assert "for seeds 0 and 2" in outcome.stages[0].report.read_text()


@pytest.mark.slow
@pytest.mark.parametrize("jobs", [1, 3])
def test_a_stop_ends_every_trainer_and_the_group_goes_on_later(
    ask: Callable[..., RunRequest], jobs: int
) -> None:
    request = ask("train.act=wait", jobs=jobs)
    out = request.out
    stopper = threading.Thread(target=interrupt_when, args=(out, jobs))
    stopper.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            validate_seeds(request)
    finally:
        stopper.join()
    started = sorted(out.glob("seed-*/one/run-001/pids.json"))
    assert len(started) == jobs, "so many at the same time, and none after the stop"
    for path in started:
        pids = json.loads(path.read_text())
        assert not any(Path(f"/proc/{pid}").exists() for pid in pids.values())
        record = read_record(path.parents[2])
        assert record is not None
        (own,) = record.stages["one"].runs
        assert own.state is StageState.CANCELLED
    finished = ask("train.act=finish", jobs=3)
    _, outcome = run(finished)
    assert outcome.verdict is Verdict.GO, "the request to stop is forgotten"


def interrupt_when(out: Path, trainers: int) -> None:
    deadline = time.monotonic() + 100
    while len(list(out.glob("seed-*/one/run-001/pids.json"))) < trainers:
        if time.monotonic() > deadline:
            break
        time.sleep(0.05)
    time.sleep(0.3)
    _thread.interrupt_main()


@pytest.mark.parametrize(
    ("seeds", "says"),
    [((0, 1), "leaves out 2"), ((0, 1, 2, 3), None)],
)
def test_seeds_are_added_to_a_group_and_never_taken_out(
    ask: Callable[..., RunRequest], seeds: tuple[int, ...], says: str | None
) -> None:
    request = ask()
    request.open_group(request.plan()).close()
    other = ask(seeds=seeds)
    if says is None:
        other.open_group(other.plan()).close()
        record = read_group(request.out)
        assert record is not None
        assert record.seeds == seeds
        return
    with pytest.raises(UsageError, match=says):
        other.open_group(other.plan())


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"dask_address": "tcp://10.0.0.1:8786"}, "needs --engine dask"),
        (
            {"dask_address": "tcp://10.0.0.1:8786", "engine": "dask", "jobs": 2},
            "--jobs: the workers",
        ),
        ({"dask_address": "10.0.0.1", "engine": "dask"}, "must be the address of a scheduler"),
        ({"dask_address": "tcp://10.0.0.1:8786", "engine": "dask"}, "set PREFECT_API_URL"),
        ({"jobs": 2}, None),
    ],
)
def test_an_engine_that_cannot_work_is_refused(
    options: dict[str, Any], says: str | None, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    request = RunRequest.asked({"seeds": "0,1", "out": files / "group", **options})
    if says is None:
        assert request.completed().jobs == 2
        return
    with pytest.raises(UsageError, match=says):
        request.completed()


def test_one_seed_of_a_group_is_named_for_one_stage_alone(ask: Callable[..., RunRequest]) -> None:
    request = ask()
    request.open_group(request.plan()).close()

    def asked(**options: Any) -> RunRequest:
        return RunRequest.asked({"out": request.out, **options}).completed()

    alone = asked(seeds="1", stages="one", single_stage=True)
    assert (alone.seeds, alone.only) == ((0, 1, 2), (1,))
    assert asked(stages="one", single_stage=True).only == ()
    assert asked(seeds="0-3").seeds == (0, 1, 2, 3)
    assert asked().preset == request.preset
    with pytest.raises(UsageError, match="seeds 0-2, which pass each stage together"):
        asked(seeds="1")
    with pytest.raises(UsageError, match="the group holds seeds 0-2"):
        asked(seeds="9", stages="one", single_stage=True)
    with pytest.raises(UsageError, match="would give these seeds another recipe"):
        asked(seeds="1", stages="one", single_stage=True, overrides=["train.loss=2"])
