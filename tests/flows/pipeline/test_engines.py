"""Seeds on a Dask cluster of two workers of this machine, by the command itself."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from flows.records.group_dir import read_group
from flows.records.pipeline_record import RunRecord
from flows.records.run_dir import read_record
from gates.findings import Verdict
from gates.progress import StageState

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
pytest.importorskip("prefect_dask", reason="needs the extra dask")
ANY = Path(__file__).parents[1].joinpath("any_trainer.py")
ROOT = Path(__file__).resolve().parents[3]
Start = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def start(files: Path) -> Iterator[Start]:
    """Start `gonogo run` in a session of its own; its trainers hold half-way until a file is there."""
    section = {
        "command": [
            *("{python}", str(ANY), "--steps={steps}", "--seed={seed}", "--log-dir={events}"),
            *("--loss=1.{seed}", f"--hold={files / 'go'}", "--save={run}/save/step"),
            "--pids={run}/pids",
        ],
        "dialect": "cleanrl",
        "resume": ["--resume={checkpoint}"],
        "checkpoints": "save/step",
    }
    preset = files / "mine.yaml"
    preset.write_text(yaml.safe_dump({"name": "mine", "trainer": section}))
    started: list[subprocess.Popen[bytes]] = []

    def run(*options: str) -> subprocess.Popen[bytes]:
        command = [
            *(sys.executable, "-m", "gonogo", "run", "--preset", str(preset)),
            *("--stages", str(files / "one.yaml"), "--out", str(files / "group")),
            *("--engine", "dask", *options),
        ]
        with (files / "out.txt").open("ab") as out:
            process = subprocess.Popen(
                command, cwd=ROOT, stdout=out, stderr=subprocess.STDOUT, start_new_session=True
            )
        started.append(process)
        return process

    yield run
    for process in started:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def test_a_seed_whose_worker_is_killed_is_gone_on_with_by_another(
    start: Start, files: Path
) -> None:
    group = start("--seeds", "0,1")
    first = {seed: trainer_of(files, seed) for seed in (0, 1)}
    assert len(set(map(worker_of, first.values()))) == 2, "each seed has a worker of its own"
    os.kill(worker_of(first[0]), signal.SIGKILL)
    again = trainer_of(files, 0, other_than=first[0])
    assert not alive(first[0]), "the trainer of a lost worker is ended before another begins"
    assert alive(first[1])
    (files / "go").touch()
    assert group.wait(120) == 0, (files / "out.txt").read_text()
    assert not alive(again)
    record = read_group(files / "group")
    assert record is not None
    joint = record.last("one")
    assert joint is not None
    assert (joint.verdict, dict(joint.runs)) == (Verdict.GO, {0: "run-001", 1: "run-001"})
    assert [len(run_of(files, seed).attempts) for seed in (0, 1)] == [2, 1]
    assert "Traceback" not in (files / "out.txt").read_text()


def test_ctrl_c_ends_every_trainer_of_the_cluster_and_the_group_goes_on_later(
    start: Start, files: Path
) -> None:
    group = start("--seeds", "0,1")
    trainers = [trainer_of(files, seed) for seed in (0, 1)]
    workers = list(map(worker_of, trainers))
    os.killpg(group.pid, signal.SIGINT)
    assert group.wait(60) == 1, (files / "out.txt").read_text()
    said = (files / "out.txt").read_text()
    assert "Stopped by Ctrl-C" in said
    assert "Traceback" not in said
    assert not any(map(alive, [*trainers, *workers]))
    assert [run_of(files, seed).state for seed in (0, 1)] == [StageState.CANCELLED] * 2
    (files / "go").touch()
    assert start().wait(120) == 0, (files / "out.txt").read_text()
    assert [run_of(files, seed).state for seed in (0, 1)] == [StageState.GO] * 2


def trainer_of(files: Path, seed: int, other_than: int | None = None) -> int:
    """Wait until the trainer of a seed has a checkpoint and holds; return its process."""
    run = files / f"group/seed-{seed}/one/run-001"
    deadline = time.monotonic() + 250
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError, json.JSONDecodeError):
            pid = int(json.loads((run / "pids").read_text())["trainer"])
            if pid != other_than and alive(pid) and (run / "save/step").exists():
                return pid
        time.sleep(0.1)
    raise AssertionError(f"no trainer of seed {seed}: {(files / 'out.txt').read_text()}")


def _arguments(process: Path) -> list[str]:
    try:
        return (process / "cmdline").read_bytes().decode().split("\0")
    except OSError:
        return []


def worker_of(trainer: int) -> int:
    """Return the Dask worker above a trainer: the nearest process that is started by spawning."""
    pid = trainer
    while pid > 1:
        status = Path(f"/proc/{pid}/stat").read_text()
        pid = int(status.rpartition(")")[2].split()[1])
        if any("multiprocessing" in text for text in _arguments(Path(f"/proc/{pid}"))):
            return pid
    raise AssertionError(f"process {trainer} has no Dask worker above it")


def alive(pid: int) -> bool:
    """Tell whether a process still works; one that ended and was not waited for does not."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


def run_of(files: Path, seed: int) -> RunRecord:
    record = read_record(files / "group" / f"seed-{seed}")
    assert record is not None
    (run,) = record.stages["one"].runs
    return run
