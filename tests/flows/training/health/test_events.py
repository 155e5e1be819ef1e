"""Memory, disk and GPU of a run: as scalars for TensorBoard, and as a line of the report."""

from __future__ import annotations

import json
import os
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.event_file_writer import EventFileWriter

from flows.pipeline import stage as stages
from flows.settings.supervision import ResourceSettings
from flows.stored.find import find_stored
from flows.training.health import resources
from flows.training.health.events import ResourceEvents
from flows.training.health.resources import ResourceWatch, measure, resource_summary
from flows.training.progress import SilentReporter
from gates.errors import InputError
from gates.events.reader import read_events
from gates.events.tail import EventTail

MIB = 1 << 20


class NVMLError(Exception):
    pass


def fake_nvml(**changes: object) -> ModuleType:
    """A module that looks like pynvml on a machine with two GPUs."""
    module = ModuleType("pynvml")
    used, degrees, load = (1_000 * MIB, 3_000 * MIB), (55, 71), (20, 90)
    content = {
        "NVMLError": NVMLError,
        "NVML_TEMPERATURE_GPU": 0,
        "nvmlInit": lambda: None,
        "nvmlDeviceGetCount": lambda: 2,
        "nvmlDeviceGetHandleByIndex": lambda index: index,
        "nvmlDeviceGetMemoryInfo": lambda handle: SimpleNamespace(used=used[handle]),
        "nvmlDeviceGetTemperature": lambda handle, sensor: degrees[handle],
        "nvmlDeviceGetUtilizationRates": lambda handle: SimpleNamespace(gpu=load[handle]),
    }
    for name, value in {**content, **changes}.items():
        setattr(module, name, value)
    return module


@pytest.fixture
def nvml(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    resources._nvml.cache_clear()
    yield monkeypatch
    resources._nvml.cache_clear()


def test_gpus_reach_events_and_report(nvml: pytest.MonkeyPatch, opened, files: Path) -> None:
    nvml.setitem(sys.modules, "pynvml", fake_nvml())
    request, directory = opened()
    stage = request.plan().stages[0]
    run = stages.train(stage, directory, SilentReporter())
    outcome = stages.judge(stage, run, directory)
    report = outcome.report.read_text()
    assert "GPU memory at most 4,000 MiB, GPU at most 71 degrees C" in report
    scalars = EventAccumulator(str(run / "resources")).Reload()
    assert scalars.Scalars("resources/gpu_memory_mib")[0].value == 4_000
    assert scalars.Scalars("resources/gpu_temperature_c")[0].value == 71
    assert scalars.Scalars("resources/gpu_load_percent")[0].value == 90
    # They are no part of what the trainer logged, and no run of their own.
    assert not any(tag.startswith("resources/") for tag in read_events(run).series)
    assert find_stored(directory.path).runs == [run]


def test_what_was_measured_is_never_taken_for_what_a_trainer_logged(tmp_path: Path) -> None:
    """They stand there before the trainer has written anything."""
    ResourceEvents(tmp_path).write(0, {"rss_mib": 1.5})
    tail = EventTail(tmp_path)
    assert tail.poll().series == {}
    with pytest.raises(InputError, match="holds no event files"):
        read_events(tmp_path)
    (tmp_path / "events").mkdir()
    writer = EventFileWriter(str(tmp_path / "events"))
    summary = Summary(value=[Summary.Value(tag="train/critic_loss", simple_value=1.0)])
    writer.add_event(Event(wall_time=1e9, step=1, summary=summary))
    writer.close()
    assert set(tail.poll().series) == {"train/critic_loss"}


@pytest.mark.parametrize("broken", ["nvmlInit", "nvmlDeviceGetCount", "nvmlDeviceGetTemperature"])
def test_a_driver_that_does_not_answer_is_left_out(
    nvml: pytest.MonkeyPatch, tmp_path: Path, broken: str
) -> None:
    def fail(*_: object) -> None:
        raise NVMLError

    nvml.setitem(sys.modules, "pynvml", fake_nvml(**{broken: fail}))
    found = measure(tmp_path, os.getpgrp())
    assert not any(key.startswith("gpu_") for key in found)
    assert found["disk_free_mib"] > 0


def test_without_gpus_or_their_library_nothing_is_claimed(
    nvml: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    nvml.setitem(sys.modules, "pynvml", fake_nvml(nvmlDeviceGetCount=lambda: 0))
    assert not any(key.startswith("gpu_") for key in measure(tmp_path, os.getpgrp()))
    resources._nvml.cache_clear()
    nvml.setitem(sys.modules, "pynvml", None)
    assert not any(key.startswith("gpu_") for key in measure(tmp_path, os.getpgrp()))


def test_samples_stand_at_the_step_of_the_run(tmp_path: Path) -> None:
    now = [0.0]
    watch = ResourceWatch(tmp_path, ResourceSettings(every_s=10), clock=lambda: now[0])
    for now[0], step in ((0.0, 0), (5.0, 40), (11.0, 300_000_000)):
        watch.sample_when_due(os.getpgrp(), step)
    lines = [json.loads(line) for line in (tmp_path / "resources.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [0, 300_000_000]
    points = EventAccumulator(str(tmp_path / "resources")).Reload().Scalars("resources/rss_mib")
    assert [point.step for point in points] == [0, 300_000_000]
    for point, line in zip(points, lines, strict=True):
        assert point.value == struct.unpack("<f", struct.pack("<f", line["rss_mib"]))[0]
    assert resource_summary(tmp_path).startswith("memory of the run at most ")
