"""A trainer that knows nothing of gonogo: logs CleanRL's tags and has one trouble, `--act`.

Its event records are written by hand: an import of TensorBoard per process would be most of a test.
"""

import argparse
import contextlib
import json
import os
import resource
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path
from typing import BinaryIO

import google_crc32c

HERE = Path(__file__).resolve().parent


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--log-dir", type=Path, required=True)
    parser.add_argument("--act", default="finish")
    parser.add_argument("--loss", type=float, default=1.0)
    parser.add_argument("--tag", default="losses/qf_loss")
    parser.add_argument("--pids", type=Path)
    parser.add_argument("--save", type=Path)
    parser.add_argument("--resume", type=Path)
    parser.add_argument(
        "--at", type=int, help="step from which the trouble is there; default: half-way"
    )
    parser.add_argument("--folder", default="", help="below the log folder")
    parser.add_argument("--episodes", help="folder of a second writer, for what episodes earn")
    parser.add_argument("--talk", action="store_true", help="write to the log while it hangs")
    parser.add_argument("--hold", type=Path, help="wait half-way until this file is there")
    args = parser.parse_args()
    first = 0
    if args.resume is not None:
        try:
            first = int(args.resume.read_text())
        except ValueError:
            print(f"{args.resume} cannot be loaded", flush=True)
            return 1
    again = first > 0 or (args.pids is not None and args.pids.with_suffix(".once").exists())
    act = "finish" if again and args.act.endswith("once") else args.act.removesuffix(" once")
    if args.pids is not None:
        args.pids.with_suffix(".once").touch()
        children = [] if act == "finish" else start_children(args.pids)
        write(args.pids, {"trainer": os.getpid(), "children": children})
    if act == "deaf":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    folder = args.log_dir / args.folder
    trouble_at = args.steps // 2 if args.at is None else args.at - 1
    second = args.log_dir / args.episodes if args.episodes else None
    with (
        event_file(folder) as file,
        event_file(second) if second else contextlib.nullcontext(file) as episodes,
    ):
        for step in range(first + 20, args.steps + 1, 20):
            half = step > trouble_at
            loss = float("nan") if act == "nan" and half else args.loss
            values = {args.tag: loss, "losses/qf1_values": loss}
            if step % 100 == 0:
                earned = {"charts/episodic_return": step / 2, "charts/episodic_length": 50.0}
                episodes.write(record(event(time.time(), step, earned)))
                episodes.flush()
            file.write(record(event(time.time(), step, values)))
            file.flush()
            if args.save is not None and step % 100 == 0:
                args.save.parent.mkdir(exist_ok=True)
                Path(str(args.save).replace("STEP", str(step))).write_text(str(step))
            while half and args.hold is not None and not args.hold.exists():
                time.sleep(0.05)
            while half and act in ("nan", "wait", "hang", "deaf"):
                time.sleep(0.5)
                if args.talk:
                    print("still here", flush=True)
            if half and act == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            if half and act == "crash":
                resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
                os.kill(os.getpid(), signal.SIGSEGV)
            if half and act.startswith("exit "):
                print("it has an end of its own", flush=True)
                return int(act.split()[1])
    return 0


def start_children(pids: Path) -> list[int]:
    """Two workers, one of them in a session of its own, each with a child."""
    code = (
        "import subprocess, sys, time; "
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(300)']); "
        "print(child.pid, flush=True); time.sleep(300)"
    )
    found = []
    for own_session in (False, True):
        worker = subprocess.Popen(
            [sys.executable, "-S", "-c", code],
            stdout=subprocess.PIPE,
            start_new_session=own_session,
        )
        found += [worker.pid, int(worker.stdout.readline())]
    return found


def event_file(folder: Path) -> BinaryIO:
    """Begin an event file."""
    folder.mkdir(parents=True, exist_ok=True)
    now = time.time()
    file = (folder / f"events.out.tfevents.{int(now)}.host.{os.getpid()}.0").open("wb")
    file.write(record(struct.pack("<Bd", 0x09, now) + b"\x1a\x0dbrain.Event:2"))
    return file


def event(wall_time: float, step: int, values: dict[str, float]) -> bytes:
    """Encode tensorboard.Event: wall_time, step, summary of simple values."""
    parts = []
    for tag, value in values.items():
        name = tag.encode()
        item = b"\x0a" + varint(len(name)) + name + b"\x15" + struct.pack("<f", value)
        parts.append(b"\x0a" + varint(len(item)) + item)
    summary = b"".join(parts)
    head = struct.pack("<Bd", 0x09, wall_time) + b"\x10" + varint(step)
    return head + b"\x2a" + varint(len(summary)) + summary


def varint(number: int) -> bytes:
    out = b""
    while number >= 0x80:
        out += bytes([number & 0x7F | 0x80])
        number >>= 7
    return out + bytes([number])


def record(data: bytes) -> bytes:
    length = struct.pack("<Q", len(data))
    return length + masked(length) + data + masked(data)


def masked(data: bytes) -> bytes:
    crc = google_crc32c.value(data)
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)


def write(path: Path, content: object) -> None:
    part = path.with_suffix(".part")
    part.write_text(json.dumps(content))
    part.replace(path)


if __name__ == "__main__":
    sys.exit(main())
