"""A stage that begins with an earlier run's checkpoint: which one, how it is named, and when it is refused."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from flows.errors import ConfigError, UsageError
from flows.pipeline import stage as stages
from flows.pipeline.request import RunRequest
from flows.records.run_dir import PipelineDirectory
from flows.settings.plan import StagePlan
from flows.settings.setting_files import load_stage
from flows.settings.warm_start import WarmStartOption, parse_warm_start, warm_start_words
from flows.training.interrupted import interrupted_run
from flows.training.progress import SilentReporter
from flows.training.warm_start import warm_started
from gates.progress import StageState

Opened = Callable[..., tuple[RunRequest, PipelineDirectory]]


@pytest.mark.parametrize(
    ("text", "run", "at"),
    [
        ("runs/a/5k/run-001", "runs/a/5k/run-001", None),
        ("runs/a/5k/run-001:5000", "runs/a/5k/run-001", 5000),
        ("runs/a/5k/run-001:50_000", "runs/a/5k/run-001", 50_000),
        ("runs/a/5k/run-001:best", "runs/a/5k/run-001", "best"),
        ("runs/a:b/run-001", "runs/a:b/run-001", None),
        ("fresh", None, None),
    ],
)
def test_what_is_typed(text: str, run: str | None, at: int | str | None) -> None:
    option = parse_warm_start(text, None)
    assert option == WarmStartOption(run=Path(run).absolute() if run else None, at=at)


def test_what_is_carried_belongs_to_a_run() -> None:
    assert parse_warm_start("", None) is None
    for text in ("", "fresh"):
        with pytest.raises(UsageError, match="--carry belongs to --warm-start RUN"):
            parse_warm_start(text, "learner")


def save(run: Path, *steps: int, best: bool = False) -> None:
    folder = run / "checkpoints"
    folder.mkdir(exist_ok=True)
    for step in steps:
        (folder / f"step-{step:09d}.ckpt").write_bytes(b"weights of %d" % step)
        (folder / f"step-{step:09d}.json").write_text("{}")
    if best:
        (folder / "best.ckpt").write_bytes(b"the best weights")


@pytest.fixture
def passed(opened: Opened) -> tuple[RunRequest, PipelineDirectory, Path]:
    """A pipeline whose first stage saved itself twice and is a GO."""
    request, directory = opened()
    one = request.plan().stages[0]
    run = directory.new_run(one, recipe="0")
    save(run, 200, 400, best=True)
    record = directory.record.last("one")
    assert record is not None
    directory.save_entry(one, record.model_copy(update={"state": StageState.GO}))
    return request, directory, run


Passed = tuple[RunRequest, PipelineDirectory, Path]


def second(passed: Passed, begin: str = "weights") -> StagePlan:
    return replace(passed[0].plan().stages[1], begin=begin)  # type: ignore[arg-type]


def test_stages_begin_fresh_unless_they_are_told_otherwise(passed: Passed) -> None:
    for name in ("5k", "50k", "1m"):
        assert load_stage(name)[1].warm_start == "fresh"
    two = second(passed, "fresh")
    assert warm_started(two, passed[1]) is two
    assert warm_started(second(passed), passed[1], WarmStartOption()).request == two.request


@pytest.mark.parametrize("begin", ["weights", "learner"])
def test_a_stage_begins_with_the_newest_checkpoint_of_the_stage_before(
    passed: Passed, begin: str
) -> None:
    warm = warm_started(second(passed, begin), passed[1]).request["warm_start"]
    assert warm == {
        "checkpoint": "../../one/run-001/checkpoints/step-000000400.ckpt",
        "sha256": hashlib.sha256(b"weights of 400").hexdigest(),
        "step": 400,
        "carry": begin,
        "named": False,
    }
    assert warm_start_words(warm).startswith(
        "weights of one/run-001, step 400 ("
        if begin == "weights"
        else "weights and optimisers of one/run-001, step 400 ("
    )


def test_the_recipe_is_another_one_after_other_weights(passed: Passed) -> None:
    _, directory, run = passed
    two = warm_started(second(passed), directory)
    folder = stages.train(two, directory, SilentReporter())
    assert "warm_start" in json.loads((folder / "request.json").read_text())
    stages.judge(two, folder, directory)
    assert stages.reason_to_train(warm_started(second(passed), directory), directory) is None
    assert "recipe is not that" in str(stages.reason_to_train(second(passed, "fresh"), directory))
    (run / "checkpoints" / "step-000000400.ckpt").write_bytes(b"other weights")
    other = warm_started(second(passed), directory)
    assert "recipe is not that" in str(stages.reason_to_train(other, directory))


def test_a_stage_that_was_not_passed_gives_no_checkpoint(passed: Passed) -> None:
    _, directory, _ = passed
    run = directory.record.last("one")
    assert run is not None
    one = passed[0].plan().stages[0]
    directory.save_entry(one, run.model_copy(update={"state": StageState.NO_GO}))
    with pytest.raises(UsageError, match=r"asks for a checkpoint of one, which has no GO in "):
        warm_started(second(passed), directory)


def test_the_first_stage_has_none_before_it(passed: Passed) -> None:
    one = replace(passed[0].plan().stages[0], begin="weights")
    with pytest.raises(UsageError, match="asks for the stage before one, and this pipeline has"):
        warm_started(one, passed[1])


def named(run: Path, at: int | str | None = None, carry: str | None = None) -> WarmStartOption:
    return WarmStartOption.model_validate({"run": run, "at": at, "carry": carry})


def test_a_person_names_run_and_step_and_the_stage_remembers_it(
    passed: Passed, tmp_path: Path
) -> None:
    _, directory, run = passed
    elsewhere = tmp_path / "elsewhere" / "one" / "run-007"
    shutil.copytree(run, elsewhere)
    plain = second(passed, "fresh")
    two = warm_started(plain, directory, named(elsewhere, 200, "learner"))
    warm = two.request["warm_start"]
    assert warm["checkpoint"] == str(elsewhere / "checkpoints" / "step-000000200.ckpt")
    assert (warm["step"], warm["carry"], warm["named"]) == (200, "learner", True)
    folder = stages.train(two, directory, SilentReporter())
    stages.judge(two, folder, directory)
    # Whoever goes on in the folder means the same, until fresh networks are asked for.
    assert warm_started(plain, directory).request == two.request
    assert stages.reason_to_train(warm_started(plain, directory), directory) is None
    assert warm_started(plain, directory, WarmStartOption()).request == plain.request


def test_the_best_checkpoint_has_no_step(passed: Passed) -> None:
    warm = warm_started(second(passed), passed[1], named(passed[2], "best")).request["warm_start"]
    assert (warm["step"], warm["carry"]) == (None, "weights")
    assert "its best evaluation" in warm_start_words(warm)


@pytest.mark.parametrize(
    ("at", "words"),
    [(300, "has no checkpoint 300 to begin with; it has: 200, 400."), ("best", "checkpoint best")],
)
def test_a_checkpoint_that_is_not_there_is_one_sentence(
    passed: Passed, at: int | str, words: str
) -> None:
    (passed[2] / "checkpoints" / "best.ckpt").unlink()
    with pytest.raises(UsageError) as error:
        warm_started(second(passed), passed[1], named(passed[2], at))
    assert words in str(error.value)


def test_a_folder_without_checkpoints_is_one_sentence(passed: Passed, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"has no checkpoint to begin with; it has: none\.$"):
        warm_started(second(passed), passed[1], named(tmp_path))


def test_what_the_trainer_refuses_is_refused_before_anything_starts(passed: Passed) -> None:
    _, directory, run = passed
    (run / "checkpoints" / "step-000000400.ckpt").write_bytes(b"misfit")
    with pytest.raises(UsageError, match=r"^two: warm_start: .* does not fit this stage"):
        warm_started(second(passed), directory)
    assert directory.record.last("two") is None


def test_a_trainer_by_command_begins_as_it_likes(passed: Passed) -> None:
    two = replace(second(passed), trainer=object())  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="is trained by a command of its own"):
        warm_started(two, passed[1])


def test_an_interrupted_run_goes_on_with_what_it_began_with(passed: Passed) -> None:
    _, directory, run = passed
    two = warm_started(second(passed), directory)
    directory.new_run(two, recipe="0")
    record = directory.record.last("two")
    assert record is not None
    directory.save_entry(two, record.model_copy(update={"state": StageState.CANCELLED}))
    (run / "checkpoints" / "step-000000400.ckpt").write_bytes(b"other weights")
    going_on = warm_started(second(passed), directory, going_on=True)
    assert going_on.request == two.request
    assert interrupted_run(going_on, directory) is not None


def test_a_mistake_in_a_stage_file_is_named(files: Path) -> None:
    path = files / "warm.yaml"
    path.write_text((files / "one.yaml").read_text() + "warm_start: hot\n")
    with pytest.raises(ConfigError, match="warm_start: input should be 'fresh', 'weights' or"):
        load_stage(str(path))


def test_the_report_says_what_a_run_began_with(passed: Passed) -> None:
    _, directory, _ = passed
    two = warm_started(second(passed), directory)
    folder = stages.train(two, directory, SilentReporter())
    outcome = stages.judge(two, folder, directory)
    assert "weights of one/run-001, step 400" in outcome.report.read_text().replace("\\", "")


def test_seeds_do_not_share_what_one_run_learned(tmp_path: Path) -> None:
    request = RunRequest.asked(
        {"seeds": "0,1", "out": tmp_path / "group", "warm_start": "runs/mine"}
    )
    with pytest.raises(UsageError, match="seeds must not share what they learned"):
        request.completed()
