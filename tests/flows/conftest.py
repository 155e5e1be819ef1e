from __future__ import annotations

import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import flows.settings.trainers.trainer_check
import flows.training.stage_training
from flows.pipeline.request import RunRequest
from flows.prefect_environment import DEFAULTS
from flows.prefect_server import WITHOUT_PAGES, PrefectServer, send_what_waits
from flows.records.run_dir import PipelineDirectory

FAKE = Path(__file__).with_name("fake_trainer.py")


def _command(*arguments: str) -> list[str]:
    return [sys.executable, str(FAKE), *arguments]


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """One Prefect server, as `gonogo run` starts it, for all tests that need one."""
    from prefect.context import _temporary_global_settings_context, get_settings_context
    from prefect.settings import PREFECT_API_URL, temporary_settings

    home = tmp_path_factory.mktemp("prefect")
    environment = {**DEFAULTS, **WITHOUT_PAGES, "PREFECT_HOME": str(home)}
    started = PrefectServer(home, environment=environment)
    started.start()
    try:
        # Also of threads, which begin without the settings of this one.
        with (
            temporary_settings({PREFECT_API_URL: started.url}),
            _temporary_global_settings_context(get_settings_context()),
        ):
            yield
    finally:
        send_what_waits()
        started.stop()


@pytest.fixture
def fake_trainer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let flows start the stand-in of this folder in place of the real trainer."""
    monkeypatch.setattr(flows.training.stage_training, "trainer_command", _command)
    monkeypatch.setattr(flows.settings.trainers.trainer_check, "trainer_command", _command)


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A preset, a gate with one real check, and two stages that use it."""
    write(
        tmp_path / "fake.yaml",
        """
        name: fake
        description: A preset for tests.
        env: {id: none}
        train: {act: finish, loss: 1.0}
        """,
    )
    write(
        tmp_path / "loss.yaml",
        """
        name: loss
        description: One check on one number.
        checks:
          - id: critic_loss
            title: Critic loss bounded
            type: limit
            group: critic
            tag: train/critic_loss
            statistic: max
            max: {warn: 5, fail: 10}
            min_points: 3
            rationale: A test needs a number.
            source: this test
        """,
    )
    for name, steps in (("one", 400), ("two", 800)):
        write(
            tmp_path / f"{name}.yaml",
            f"""
            name: {name}
            steps: {steps}
            gate: loss.yaml
            eval: {{every_steps: 100, episodes: 1}}
            checkpoint: {{every_steps: 100}}
            supervision: {{restarts: {{backoff_s: 0}}}}
            """,
        )
    return tmp_path


@pytest.fixture
def make_request(files: Path, fake_trainer: None) -> Callable[..., RunRequest]:
    """Make a request for the two small stages; keywords change it."""

    def make(*overrides: str, **changes: object) -> RunRequest:
        content: dict[str, object] = {
            "preset": str(files / "fake.yaml"),
            "stages": (str(files / "one.yaml"), str(files / "two.yaml")),
            "overrides": overrides,
            "out": files / "pipeline",
        }
        return RunRequest.model_validate({**content, **changes})

    return make


@pytest.fixture
def opened(
    make_request: Callable[..., RunRequest],
) -> Iterator[Callable[..., tuple[RunRequest, PipelineDirectory]]]:
    """Open pipeline directories that are closed when the test ends."""
    directories: list[PipelineDirectory] = []

    def open_one(*overrides: str, **changes: object) -> tuple[RunRequest, PipelineDirectory]:
        while directories:
            directories.pop().close()
        request = make_request(*overrides, **changes)
        directories.append(request.open(request.plan()))
        return request, directories[-1]

    yield open_one
    for directory in directories:
        directory.close()


def write(path: Path, text: str) -> Path:
    path.write_text(textwrap.dedent(text).lstrip(), encoding="utf-8")
    return path
