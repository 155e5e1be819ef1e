"""One training at a time on one GPU or simulator port, whatever happens to whoever holds it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from flows.errors import ConfigError
from flows.pipeline import stage as stages
from flows.pipeline.request import RunRequest
from flows.records.run_dir import PipelineDirectory
from flows.records.trainer_files import TrainerStatus
from flows.settings.trainers.slots import derived_slots
from flows.settings.trainers.trainer_check import Needs
from flows.training.process import slots as locks
from flows.training.process.process import ChildProcess
from flows.training.process.slots import hold_slots
from flows.training.progress import SilentReporter

MakeRequest = Callable[..., RunRequest]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(locks, "POLL_S", 0.02)
    monkeypatch.setenv(locks.FOLDER, str(tmp_path / "slots"))
    return tmp_path / "slots"


class Notes(SilentReporter):
    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, text: str) -> None:
        self.said.append(text)


def nobody(slot: str, holder: str) -> None:
    pytest.fail(f"{slot} is held by {holder}")


@pytest.mark.parametrize(
    ("needs", "environment", "expected"),
    [
        (Needs(), {}, ()),
        (Needs(device="cuda"), {}, ("cuda-0",)),
        (Needs(device="cuda"), {"CUDA_VISIBLE_DEVICES": "3,1"}, ("cuda-3",)),
        (
            Needs(servers=("localhost:2000", "localhost:2003")),
            {},
            ("simulator-localhost:2000", "simulator-localhost:2003"),
        ),
    ],
)
def test_slots_follow_from_device_and_ports(
    needs: Needs, environment: dict[str, str], expected: tuple[str, ...]
) -> None:
    assert derived_slots(needs, environment) == expected


def test_a_preset_names_slots_of_its_own(make_request: MakeRequest, files: Path) -> None:
    preset = files / "fake.yaml"
    preset.write_text(preset.read_text() + "slots: [gpu-a]\n")
    assert {stage.slots for stage in make_request().plan().stages} == {("gpu-a",)}
    preset.write_text(preset.read_text().replace("gpu-a", "../gpu"))
    with pytest.raises(ConfigError, match="slots"):
        make_request().plan()


def test_whoever_comes_second_waits_and_is_told_for_whom() -> None:
    told: list[tuple[str, str]] = []
    order: list[str] = []
    taken = threading.Event()

    def second() -> None:
        with hold_slots(["b", "a"], who="second", waiting=lambda s, h: told.append((s, h))):
            order.append("second")

    with hold_slots(["a", "b"], who="first", waiting=nobody):
        taken.set()
        other = threading.Thread(target=second)
        other.start()
        deadline = time.monotonic() + 120
        while not told and time.monotonic() < deadline:
            time.sleep(0.01)
        order.append("first")
    other.join(120)
    assert order == ["first", "second"]
    assert [slot for slot, _ in told] == ["a"], "told once, not at every try"
    assert told[0][1].startswith("first, since ")


def test_a_slot_is_free_again_only_when_the_trainer_of_a_killed_supervisor_is_gone(
    tmp_path: Path,
) -> None:
    code = (
        "import sys, time\n"
        "from pathlib import Path\n"
        "from flows.training.process.process import ChildProcess\n"
        "from flows.training.process.slots import hold_slots\n"
        "with hold_slots(['gpu'], who='killed', waiting=print) as held:\n"
        "    trainer = [sys.executable, '-c', 'import signal, time\\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\\nprint(1, flush=True)\\ntime.sleep(60)']\n"
        "    with ChildProcess(trainer, cwd=Path('.'), log=Path('log'), grace_s=1.5, keep_open=held):\n"
        "        time.sleep(60)\n"
    )
    supervisor = subprocess.Popen([sys.executable, "-c", code], cwd=tmp_path)
    try:
        log = tmp_path / "log"
        deadline = time.monotonic() + 120
        while not (log.exists() and log.read_text().startswith("1")):
            assert time.monotonic() < deadline
            time.sleep(0.02)
    finally:
        os.kill(supervisor.pid, signal.SIGKILL)
        supervisor.wait()
    told: list[str] = []
    with hold_slots(["gpu"], who="next", waiting=lambda _, holder: told.append(holder)):
        assert told, "the trainer was still saving itself"
        assert told[0].startswith("killed, since ")


def test_a_child_that_ends_gives_its_slot_back(tmp_path: Path) -> None:
    with (
        hold_slots(["gpu"], who="me", waiting=nobody) as held,
        ChildProcess(
            [sys.executable, "-c", ""], cwd=tmp_path, log=tmp_path / "log", keep_open=held
        ) as child,
    ):
        assert child.wait(120) == 0
    with hold_slots(["gpu"], who="me again", waiting=nobody):
        pass


def test_two_pipelines_with_one_slot_train_one_after_the_other(
    make_request: MakeRequest, files: Path
) -> None:
    preset = files / "fake.yaml"
    preset.write_text(preset.read_text() + "slots: [gpu-a]\n")
    notes = Notes()
    phases: list[str] = []
    runs: list[Path] = []

    class Watched(Notes):
        def __init__(self) -> None:
            self.said = notes.said

        def training(self, stage: str, steps: int):  # type: ignore[no-untyped-def]
            import contextlib

            def tick(status: TrainerStatus) -> None:
                phases.append(status.phase)

            return contextlib.nullcontext(tick)

    def train(out: Path) -> None:
        request = make_request(out=out)
        plan = request.plan()
        with PipelineDirectory.open(out, plan, preset_source="x") as directory:
            runs.append(stages.train(plan.stages[0], directory, Watched()))

    make_request().plan()
    threads = [threading.Thread(target=train, args=(files / name,)) for name in ("a", "b")]
    with hold_slots(["gpu-a"], who="a test", waiting=nobody):
        for thread in threads:
            thread.start()
        deadline = time.monotonic() + 120
        while sum("waits for gpu-a" in text for text in notes.said) < 2:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        assert not list(files.glob("*/one/run-001/run.json")), "nobody trains meanwhile"
    for thread in threads:
        thread.join(120)
    began_and_ended = sorted(
        ((run / "run.json").stat().st_mtime_ns, (run / "status.json").stat().st_mtime_ns)
        for run in runs
    )
    assert len(began_and_ended) == 2
    assert began_and_ended[0][1] < began_and_ended[1][0]
    assert "waits for gpu-a" in phases
    assert any("used by a test, since" in text for text in notes.said)
