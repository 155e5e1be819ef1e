"""A trainer that is not ours: writes a sound run's event files and checkpoints, with one trouble.

`logging_trainer.py --steps N --events DIR --checkpoints DIR [--trouble NAME] [--at STEP] [--resume FILE]
[--folder NAME] [--link]`. Troubles strike the first attempt alone, unless their name ends in `_always`;
`struck.json` beside the event folder says when and at which step.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parents[1]), str(HERE.parent / "gates")]

from synthetic_runs import Recipe, Run  # noqa: E402
from tensorboard.compat.proto.event_pb2 import Event  # noqa: E402
from tensorboard.compat.proto.summary_pb2 import Summary  # noqa: E402
from tensorboard.summary.writer.record_writer import RecordWriter  # noqa: E402

PAUSE_S = 0.004
"""Between two rows, so that the supervisor sees the run grow."""
CHECKPOINT_EVERY = 1_000


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--events", type=Path, required=True)
    parser.add_argument("--checkpoints", type=Path, required=True)
    parser.add_argument("--trouble", default="none")
    parser.add_argument("--at", type=int, default=3_200)
    parser.add_argument("--resume", type=Path)
    parser.add_argument("--folder", default="")
    parser.add_argument("--link", action="store_true", help="the folder is a link to another disk")
    options = parser.parse_args()
    trainer = Trainer(options)
    signal.signal(signal.SIGTERM, trainer.stop)
    return trainer.train()


class Trainer:
    """Plays the rows of a sound run into an event file."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.stopped = False
        self.marker = options.events.parent / "struck.json"
        self.step = load(options.resume) if options.resume else 0
        name, always = options.trouble.removesuffix("_always"), options.trouble.endswith("_always")
        self.trouble = name if always or not self.marker.exists() else "none"
        folder = options.folder.replace("TIME", str(time.time_ns()))
        self.folder = options.events / folder
        if self.trouble == "empties":
            shutil.rmtree(options.events.parent)
        if options.link and not self.folder.exists():
            far = options.events.parents[2] / "other-disk"
            far.mkdir()
            self.folder.symlink_to(far)
        self.folder.mkdir(parents=True, exist_ok=True)
        if self.trouble == "hparams":
            write(self.folder / "hparams", 0, {"hparam/dummy": 0.0})
            self.strike(0)
        if self.trouble == "two_runs":
            write(options.events / "other", 1, {"train/critic_loss": 1.0})
            self.strike(0)
        self.path = self.folder / f"events.out.tfevents.{int(time.time())}.host.{os.getpid()}.0"

    def stop(self, *_: object) -> None:
        self.stopped = self.trouble != "deaf"

    def train(self) -> int:
        with self.path.open("wb") as file:
            writer = RecordWriter(file)
            append(writer, Event(wall_time=time.time(), file_version="brain.Event:2"))
            for step, values in rows(self.options.steps):
                if step <= self.step:
                    continue
                if self.step < self.options.at <= step:
                    code = self.act(file)
                    if code is not None:
                        return code
                if self.trouble == "nan" and step >= self.options.at:
                    values = {**values, "train/critic_loss": float("nan")}
                append(writer, scalars(step, values))
                file.flush()
                if step // CHECKPOINT_EVERY > self.step // CHECKPOINT_EVERY:
                    self.save(step)
                self.step = step
                if self.stopped:
                    time.sleep(1.0)  # as a replay buffer takes
                    self.save(step)
                    return 143
                time.sleep(PAUSE_S)
        if self.options.at > self.options.steps:
            code = self.act(None)
            if code is not None:
                return code
        return 0

    def save(self, step: int) -> None:
        self.options.checkpoints.mkdir(parents=True, exist_ok=True)
        path = self.options.checkpoints / f"agent-{step}.zip"
        part = path.with_suffix(".part")
        with zipfile.ZipFile(part, "w") as archive:
            archive.writestr("step", str(step))
            archive.writestr("weights", os.urandom(2_000))
        part.replace(path)

    def strike(self, step: int) -> None:
        self.marker.write_text(json.dumps({"at": time.time(), "step": step}))

    def act(self, file: Any) -> int | None:
        """Do what the trouble is; returns the exit code of one that ends the process."""
        name, _, argument = self.trouble.partition(":")
        if name not in TROUBLES:
            return None
        self.strike(self.step)
        if file is not None:
            file.flush()
        return TROUBLES[name](self, argument)


def kill(_trainer: Trainer, number: str) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.kill(os.getpid(), int(number or signal.SIGKILL))


def leave(_trainer: Trainer, code: str) -> int:
    return int(code)


def say(_trainer: Trainer, text: str) -> int:
    print(text, file=sys.stderr, flush=True)
    return 1


def hang(trainer: Trainer, talks: str) -> None:
    while not trainer.stopped:
        time.sleep(0.2)
        if talks:
            print("waiting for the simulator", flush=True)
    sys.exit(143)


def slow(_trainer: Trainer, seconds: str) -> None:
    """Give whoever watches the marker time to act."""
    time.sleep(float(seconds or 1.0))


def pause(trainer: Trainer, _: str) -> None:
    os.kill(os.getpid(), signal.SIGSTOP)
    slow(trainer, "")


def damage_newest(trainer: Trainer, how: str) -> None:
    newest = max(trainer.options.checkpoints.glob("*.zip"), key=lambda p: p.stat().st_mtime_ns)
    data = newest.read_bytes()
    newest.write_bytes(data[:-40] if how == "cut" else b"no archive")
    kill(trainer, "")


def zeros(trainer: Trainer, _: str) -> None:
    with trainer.path.open("ab") as file:
        file.write(bytes(4_096))
    kill(trainer, "")


def leftovers(trainer: Trainer, _: str) -> None:
    """Leave beside the event file what transfers and people leave there."""
    data, name = trainer.path.read_bytes(), trainer.path.name
    (trainer.folder / f".{name}.Ab3xYz").write_bytes(data[: len(data) // 2])
    (trainer.folder / f"{name} (1)").write_bytes(data)
    (trainer.folder / f"{name}.gz").write_bytes(gzip.compress(data))


def deaf(trainer: Trainer, _: str) -> None:
    while True:
        time.sleep(0.2)


def child(trainer: Trainer, _: str) -> None:
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
    kill(trainer, "")


def lose_checkpoints(trainer: Trainer, code: str) -> int:
    shutil.rmtree(trainer.options.checkpoints)
    return int(code)


TROUBLES = {
    "kill": kill, "exit": leave, "say": say, "hang": hang, "slow": slow, "damage": damage_newest, "zeros": zeros,
    "leftovers": leftovers, "pause": pause, "deaf": deaf, "child": child, "lose": lose_checkpoints,
}  # fmt: skip


def load(path: Path) -> int:
    """Raises: zipfile.BadZipFile: The checkpoint is broken."""
    with zipfile.ZipFile(path) as archive:
        return int(archive.read("step"))


def rows(steps: int) -> list[tuple[int, dict[str, float]]]:
    """Return the rows of a sound run; the last one is at the planned step."""
    found: dict[int, dict[str, float]] = {}
    for tag, series in Run(Recipe(steps=steps, log_every=10)).tags.items():
        for step, value in zip(series.steps.tolist(), series.values.tolist(), strict=True):
            found.setdefault(int(step), {})[tag] = float(value)
    last = max(step for step, values in found.items() if "train/critic_loss" in values)
    at_end = {t: v for t, v in found[last].items() if not t.startswith("train/episode")}
    found[steps] = {**at_end, **found.get(steps, {})}
    return sorted(found.items())


def scalars(step: int, values: dict[str, float]) -> Event:
    items = [Summary.Value(tag=tag, simple_value=value) for tag, value in values.items()]
    return Event(wall_time=time.time(), step=step, summary=Summary(value=items))


def append(writer: RecordWriter, event: Event) -> None:
    writer.write(event.SerializeToString())


def write(folder: Path, step: int, values: dict[str, float]) -> None:
    folder.mkdir(parents=True)
    with (folder / f"events.out.tfevents.{int(time.time())}.host.0").open("wb") as file:
        writer = RecordWriter(file)
        append(writer, Event(wall_time=time.time(), file_version="brain.Event:2"))
        append(writer, scalars(step, values))


if __name__ == "__main__":
    sys.exit(main())
