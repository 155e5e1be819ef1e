"""The real trainer with one fault patched in: `faulty_trainer.py FAULT run --run DIR [--resume]`.

Faults strike the first attempt alone, unless their name ends in `_always`. When a fault strikes,
`fault.json` in the run directory says when and at which step.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from trainer import __main__ as command_line  # noqa: E402
from trainer.agents.td3 import TD3  # noqa: E402
from trainer.loop import Trainer  # noqa: E402
from trainer.run import checkpoint, event_writer, files, heartbeat  # noqa: E402

AT = 700
"""Step at which most faults strike: between the checkpoints of steps 400 and 800."""


def main(fault: str, arguments: list[str]) -> int:
    if "--run" in arguments:
        run = Path(arguments[arguments.index("--run") + 1])
        first = "--resume" not in arguments
        name, _, number = fault.partition(":")
        if first or name.endswith("_always"):
            FAULTS[name.removesuffix("_always")](run, int(number or AT))
        elif name in ON_RESUME:
            ON_RESUME[name](run)
    return command_line.main(arguments)


def strike(run: Path, step: int) -> None:
    (run / "fault.json").write_text(json.dumps({"at": time.time(), "step": step}))


def at_step(run, step, act):
    """Do something once before the step of the environments at or after `step`."""
    interact, struck = Trainer._interact, []

    def patched(trainer, obs):
        if trainer.step >= step and not struck:
            struck.append(1)
            strike(run, trainer.step)
            act(trainer)
        return interact(trainer, obs)

    Trainer._interact = patched


def die(number=signal.SIGKILL):
    os.kill(os.getpid(), number)


def hang(_=None):
    while True:
        time.sleep(1)


def raises(error):
    def act(_):
        raise error

    return act


def none(run, step):
    pass


def kill(run, step):
    at_step(run, step, lambda _: die())


def kill_in_checkpoint(run, step):
    """Die when the second checkpoint's replay segment is half written."""
    write, calls = checkpoint._write_arrays, []

    def patched(file, arrays):
        calls.append(1)
        if len(calls) == 2:
            file.write(b"half a file")
            file.flush()
            strike(run, 800)
            die()
        write(file, arrays)

    checkpoint._write_arrays = patched


def hang_in_step(run, step):
    at_step(run, step, hang)


def hang_in_reset(run, step):
    _hang_in_reset_of("env", run)


def hang_in_evaluation(run, step):
    _hang_in_reset_of("eval_env", run)


def _hang_in_reset_of(env, run):
    train = Trainer.train

    def patched(trainer):
        getattr(trainer, env).reset = lambda **_: (strike(run, 0), hang())
        train(trainer)

    Trainer.train = patched


def beats_without_progress(run, step):
    def act(trainer):
        while True:
            trainer._heartbeat._written_at = -float("inf")
            trainer._beat("training")
            time.sleep(0.2)

    at_step(run, step, act)


def exception(run, step):
    at_step(run, step, raises(ValueError("the road has no end")))


def simulator_lost(run, step):
    def act(trainer):
        trainer._heartbeat.end("failed", "the simulator does not answer")
        raise SystemExit(75)

    at_step(run, step, act)


def memory(run, step):
    at_step(run, step, raises(MemoryError("cannot allocate 7.1 GiB")))


def disk_full(run, step):
    write, calls = files.write_atomically, []

    def patched(path, fill):
        if path.suffix == ".ckpt" and path.name != "best.ckpt":
            calls.append(1)
            if len(calls) == 2:
                strike(run, 800)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        write(path, fill)

    checkpoint.write_atomically = patched


def clock_backwards(run, step):
    """Let the trainer's clock jump back by a day at every heartbeat."""
    beats = []

    def patched():
        beats.append(1)
        return f"2020-01-{28 - len(beats) % 28:02d}T00:00:00+00:00"

    at_step(run, step, lambda _: None)
    heartbeat.utc_now = patched


def nan_loss(run, step):
    _change_events(run, step, lambda values: values | {"train/critic_loss": float("nan")})


def exploding_q(run, step):
    def explode(values):
        return values | {
            tag: 1.0e6 for tag in ("debug/actor_q_mean", "debug/actor_q_max") if tag in values
        }

    _change_events(run, step, explode)
    _slowly()


def _change_events(run, step, change):
    write, struck = event_writer.EventWriter.write, []

    def patched(writer, at, values):
        if at >= step and "train/critic_loss" in values:
            if not struck:
                struck.append(1)
                strike(run, at)
            values = change(dict(values))
        write(writer, at, values)

    event_writer.EventWriter.write = patched


def encoder_leak(run, step):
    TD3.features_for_actor_loss = lambda agent, obs: agent.actor.encode(obs)
    at_step(run, 200, lambda _: None)


def leak_and_deaf(run, step):
    """Lost, and deaf to SIGTERM."""
    encoder_leak(run, step)
    real = signal.signal

    def patched(number, handler):
        return real(number, signal.SIG_IGN if number == signal.SIGTERM else handler)

    signal.signal = patched
    _slowly(0.05)


def slow(run, step):
    """Nothing wrong, but slow enough to be met in the middle; says when it is there."""
    at_step(run, step, lambda _: None)
    _slowly()


def _slowly(pause_s=0.01):
    interact = Trainer._interact

    def patched(trainer, obs):
        time.sleep(pause_s)
        return interact(trainer, obs)

    Trainer._interact = patched


def grandchild(run, step):
    """Leave a child of our own behind and die."""

    def act(_):
        subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        die()

    at_step(run, step, act)


def log_flood(run, step):
    def act(_):
        for _ in range(3000):
            print("x" * 1000)

    at_step(run, step, act)


def stubborn_threads(run, step):
    """Threads that never end must not keep the process alive unseen."""
    threading.Thread(target=hang).start()
    at_step(run, step, lambda _: None)


def damage_events(run):
    """Flip bytes in the middle of what the first attempt logged."""
    path = sorted((run / "events").iterdir())[0]
    _flip(path, path.stat().st_size // 2)


def damage_checkpoint(run):
    path = sorted((run / "checkpoints").glob("step-*.ckpt"))[-1]
    _flip(path, path.stat().st_size // 2)


def _flip(path: Path, offset: int) -> None:
    with contextlib.closing(path.open("r+b")) as file:
        file.seek(offset)
        block = file.read(16)
        file.seek(offset)
        file.write(bytes(byte ^ 0xFF for byte in block))


FAULTS = {
    "none": none,
    "kill": kill,
    "kill_in_checkpoint": kill_in_checkpoint,
    "hang_in_step": hang_in_step,
    "hang_in_reset": hang_in_reset,
    "hang_in_evaluation": hang_in_evaluation,
    "beats_without_progress": beats_without_progress,
    "exception": exception,
    "simulator_lost": simulator_lost,
    "memory": memory,
    "disk_full": disk_full,
    "clock_backwards": clock_backwards,
    "nan_loss": nan_loss,
    "exploding_q": exploding_q,
    "encoder_leak": encoder_leak,
    "leak_and_deaf": leak_and_deaf,
    "slow": slow,
    "grandchild": grandchild,
    "log_flood": log_flood,
    "stubborn_threads": stubborn_threads,
    "event_damage": kill,
    "checkpoint_damage": lambda run, step: kill(run, 1000),
}
ON_RESUME = {"event_damage": damage_events, "checkpoint_damage": damage_checkpoint}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
