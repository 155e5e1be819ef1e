"""Where the remaining time goes: `python -m benchmarks.profiles` prints one table for each work."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from torch.profiler import ProfilerActivity, profile

from benchmarks.event_files import SCALARS, write_as_ours, write_as_torch
from benchmarks.gate import ROOT, a_run, as_installed, judge
from benchmarks.tasks import CNN, MLP, Task
from gates.events import scanner as event_scanner
from gates.events import tail as event_tail
from gates.events.decoder import EventDecoder
from gates.events.reader import read_events
from trainer.agents.linear import multiply_with, quicker_library
from trainer.agents.td3 import TD3
from trainer.run.memory import keep_freed_memory

KINDS = (
    ("convolutions", ("convolution", "conv")),
    ("matrix products", ("addmm", "aten::mm", "linear", "bmm")),
    ("optimiser and targets", ("adam", "lerp", "zero_grad", "optimizer")),
    ("copies and conversions", ("copy", "_to_copy", "cat", "stack", "contiguous", "div_")),
    ("rectifiers and their gradients", ("relu", "threshold", "clamp_min")),
)
"""Name of a kind of operation and what the names of its operators hold, in any case."""
SHOWN = 6


def main() -> None:
    torch.set_num_threads(1)
    multiply_with(quicker_library())  # both as the trainer does
    keep_freed_memory()
    for title, shares in (
        (f"Update, {CNN.name}", _update(CNN, 6)),
        (f"Update, {MLP.name}", _update(MLP, 100)),
        (f"Reading {SCALARS:,} scalars, one event an update", _reading(write_as_ours)),
        (f"Reading {SCALARS:,} scalars, one an event", _reading(write_as_torch)),
        ("`gonogo gate` on 5,000 steps, cold", _gate()),
    ):
        print(f"{title}:\n\n| what | share |\n|---|---|")
        for what, share in shares:
            print(f"| {what} | {share:.0%} |")
        print()


def _update(task: Task, updates: int) -> list[tuple[str, float]]:
    agent, batch = TD3(task.config, task.shape, task.actions), task.batch()
    agent.update(batch)
    agent.update(batch)
    with profile(activities=[ProfilerActivity.CPU]) as measured:
        for _ in range(updates):
            agent.update(batch)
    return _shares((_kind(e.key), e.self_cpu_time_total) for e in measured.key_averages())


def _kind(operator: str) -> str:
    for kind, parts in KINDS:
        if any(part in operator.lower() for part in parts):
            return kind
    return "everything else"


def _reading(write: Callable[[Path, int], object]) -> list[tuple[str, float]]:
    """Return the shares of the reader's stages: a profiler would charge for calls, which are few but in Python."""
    seconds: dict[str, float] = {}

    def timed(stage: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: object, **options: object) -> object:
            started = time.process_time()
            try:
                return function(*args, **options)
            finally:
                seconds[stage] = seconds.get(stage, 0.0) + time.process_time() - started

        return call

    with tempfile.TemporaryDirectory() as name, ExitStack() as patches:
        folder = Path(name) / "run"
        write(folder, SCALARS)
        for stage, owner, function in (
            ("reading the bytes", os, "read"),
            ("finding records", event_scanner, "find_headers"),
            ("checking checksums", event_scanner, "intact"),
            ("decoding", EventDecoder, "decode"),
            ("sorting into series", event_tail, "by_tag"),
        ):
            patches.enter_context(
                patch.object(owner, function, timed(stage, getattr(owner, function)))
            )
        started = time.process_time()
        read_events(folder)
        total = time.process_time() - started
        content = next(folder.iterdir()).read_bytes()
        timed("hashing", lambda: hashlib.sha256(content).digest())()
    return _shares([*seconds.items(), ("everything else", total - sum(seconds.values()))])


def _gate() -> list[tuple[str, float]]:
    """Return the shares of imports, by package, and of the rest, without the second reader's process."""
    with tempfile.TemporaryDirectory() as name:
        run = a_run(Path(name) / "run", 5_000)
        judge(run)  # compiles what is imported
        command = [
            "-m",
            "gonogo",
            "gate",
            str(run),
            "--stage",
            "5k",
            "--out",
            f"{name}/judged",
            "--wait",
        ]
        started = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-X", "importtime", *command],
            cwd=ROOT,
            env=as_installed(),
            capture_output=True,
            text=True,
            check=False,
        )
        total = time.perf_counter() - started
    imports = [
        (f"importing {module.partition('.')[0]}", float(own) / 1e6)
        for own, module in re.findall(r"import time:\s+(\d+) \|\s+\d+ \|\s+(\S+)", done.stderr)
    ]
    work = total - sum(seconds for _, seconds in imports)
    return _shares([("judging, plots, report", work), *imports])


def _shares(parts: Iterable[tuple[str, float]]) -> list[tuple[str, float]]:
    """Add up parts of one name; return the largest and what the others come to."""
    sums: dict[str, float] = {}
    for name, amount in parts:
        sums[name] = sums.get(name, 0.0) + amount
    whole = sum(sums.values())
    rest_name = "everything else"
    named = sorted(((n, s) for n, s in sums.items() if n != rest_name), key=lambda item: -item[1])[
        :SHOWN
    ]
    rest = whole - sum(amount for _, amount in named)
    return [(name, amount / whole) for name, amount in [*named, (rest_name, rest)]]


if __name__ == "__main__":
    main()
