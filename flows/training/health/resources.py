"""Watches memory, disk and GPU of a run: a line and scalars now and then, a summary at the end."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import time
from collections.abc import Callable
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from flows.records.json_file import utc_now
from flows.records.trainer_files import LOG_NAME
from flows.settings.supervision import ResourceSettings
from flows.training.health.events import ResourceEvents
from flows.training.health.traces import group_members

RESOURCES_FILE = "resources.jsonl"
_MIB = 1 << 20
_KEPT_BYTES = _MIB // 2
"""Of a log that grew too long, at its start and at its end."""


class ResourceWatch:
    """Samples one run; whatever cannot be measured here is left out, never guessed."""

    def __init__(
        self, run: Path, settings: ResourceSettings, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._run = run
        self._settings = settings
        self._clock = clock
        self._due = clock()
        self._events = ResourceEvents(run)

    def sample_when_due(self, group: int, step: int = 0) -> None:
        """Measure a process group if it is time; a full disk is no reason to stop."""
        now = self._clock()
        if now < self._due:
            return
        self._due = now + self._settings.every_s
        with contextlib.suppress(OSError):
            cut_log(self._run / LOG_NAME, self._settings.log_most_mib * _MIB)
        with contextlib.suppress(OSError):
            found = measure(self._run, group)
            line = json.dumps({"at": utc_now(), "step": step, **found})
            with (self._run / RESOURCES_FILE).open("a", encoding="utf-8") as file:
                file.write(f"{line}\n")
            self._events.write(step, found)


def measure(run: Path, group: int) -> dict[str, Any]:
    """Measure the processes of a group, the machine and the disk of the run directory."""
    found: dict[str, Any] = {}
    resident = [mib for pid in group_members(group) if (mib := _resident_mib(pid)) is not None]
    if resident:
        found["rss_mib"] = round(sum(resident), 1)
        found["processes"] = len(resident)
    available = memory_available_mib()
    if available is not None:
        found["memory_available_mib"] = round(available, 1)
    with contextlib.suppress(OSError):
        found["disk_free_mib"] = round(shutil.disk_usage(run).free / _MIB, 1)
    return found | _gpus()


def memory_available_mib() -> float | None:
    """Return the memory that can be had without swapping; None where the system does not tell."""
    available = _meminfo("MemAvailable:")
    with contextlib.suppress(OSError, ValueError):
        cgroup = Path("/sys/fs/cgroup")
        limit = int((cgroup / "memory.max").read_text())
        used = int((cgroup / "memory.current").read_text())
        left = (limit - used) / _MIB
        return left if available is None else min(left, available)
    return available


def cut_log(log: Path, most_bytes: int) -> bool:
    """Cut the middle out of a log that grew beyond a size; tells whether it did.

    The trainer appends, so that what it writes from now on follows the cut. Lines that it writes
    in the instant of the cut may be lost.
    """
    size = log.stat().st_size
    kept = min(_KEPT_BYTES, most_bytes // 4)
    if size <= most_bytes:
        return False
    with log.open("r+b") as file:
        file.seek(size - kept)
        end = file.read()
        file.seek(kept)
        note = f"\n[gonogo cut {size - kept - len(end):,} bytes out of this log here]\n"
        file.write(note.encode() + end)
        file.truncate()
    return True


def resource_summary(run: Path) -> str:
    """Sum resources.jsonl up in one sentence; empty when nothing was measured."""
    lines: list[dict[str, Any]] = []
    with contextlib.suppress(OSError, UnicodeDecodeError):
        for text in (run / RESOURCES_FILE).read_text(encoding="utf-8").splitlines():
            with contextlib.suppress(ValueError):
                line = json.loads(text)
                lines += [line] if isinstance(line, dict) else []
    parts = [
        f"{words} {pick(values):,.0f} {unit}"
        for key, words, pick, unit in (
            ("rss_mib", "memory of the run at most", max, "MiB"),
            ("memory_available_mib", "free memory at least", min, "MiB"),
            ("disk_free_mib", "free disk at least", min, "MiB"),
            ("gpu_memory_mib", "GPU memory at most", max, "MiB"),
            ("gpu_temperature_c", "GPU at most", max, "degrees C"),
        )
        if (values := [line[key] for line in lines if isinstance(line.get(key), (int, float))])
    ]
    return ", ".join(parts)


def _resident_mib(pid: int) -> float | None:
    try:
        pages = int((Path("/proc") / str(pid) / "statm").read_text().split()[1])
    except (OSError, ValueError, IndexError):
        return None
    return pages * os.sysconf("SC_PAGE_SIZE") / _MIB


def _meminfo(key: str) -> float | None:
    with contextlib.suppress(OSError, ValueError, IndexError):
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith(key):
                return int(line.split()[1]) / 1024
    return None


@cache
def _nvml() -> Any:
    """Return NVIDIA's management library, initialised; None where there is none."""
    try:
        nvml: Any = import_module("pynvml")
    except ImportError:
        return None
    try:
        nvml.nvmlInit()
    except nvml.NVMLError:
        return None
    return nvml


def _gpus() -> dict[str, Any]:
    """Measure all GPUs together: used memory as a sum, the highest temperature and load."""
    nvml = _nvml()
    if nvml is None:
        return {}
    try:
        handles = [nvml.nvmlDeviceGetHandleByIndex(i) for i in range(nvml.nvmlDeviceGetCount())]
        used = sum(nvml.nvmlDeviceGetMemoryInfo(handle).used for handle in handles)
        sensor = nvml.NVML_TEMPERATURE_GPU
        degrees = [nvml.nvmlDeviceGetTemperature(handle, sensor) for handle in handles]
        load = [nvml.nvmlDeviceGetUtilizationRates(handle).gpu for handle in handles]
    except nvml.NVMLError:
        return {}
    if not handles:
        return {}
    return {
        "gpu_memory_mib": round(used / _MIB, 1),
        "gpu_temperature_c": max(degrees),
        "gpu_load_percent": max(load),
    }
