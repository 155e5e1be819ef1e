"""Strikes a short stage with every fault and says what became of it: `make fault-matrix`."""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT))

from gates.errors import InputError  # noqa: E402
from gates.events.reader import read_events  # noqa: E402

GO, BROKEN, USAGE, NO_GO = 0, 1, 2, 3
TOKEN = "GONOGO_FAULT_MATRIX"
WAIT_S = 120.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Case:
    """One fault and what must become of it."""

    name: str
    fault: str
    code: int
    """Exit code of the (last) command."""
    ends: tuple[str, ...]
    """End of every attempt."""
    says: str = ""
    """Must stand in what the commands printed."""
    act: Callable[[subprocess.Popen[str], Path], str] | None = None
    """What is done to the running command once the fault struck; returns more output."""
    resume: bool = False
    """Start the command a second time, with --resume."""
    same: bool = True
    """All events are those of a run that nothing befell."""
    stall: bool = False
    """Stack traces are captured."""
    live: str = "stop"
    quick: bool = False
    """Also in the default tests."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Fate:
    """What became of a case."""

    case: Case
    code: int
    output: str
    ends: tuple[str, ...]
    detected_after_s: float | None
    lost_steps: int | None
    """Steps that were trained again or not at all; None where the run was to end there."""
    problems: tuple[str, ...]


def _kill(command: subprocess.Popen[str], out: Path) -> str:
    command.kill()
    return ""


def _terminate(command: subprocess.Popen[str], out: Path) -> str:
    command.terminate()
    return ""


def _interrupt(command: subprocess.Popen[str], out: Path) -> str:
    command.send_signal(signal.SIGINT)
    return ""


def _second(command: subprocess.Popen[str], out: Path) -> str:
    """Start a second pipeline on the same directory."""
    second = _start(out, "none", dict(os.environ))
    output, _ = second.communicate(timeout=WAIT_S)
    return output if second.returncode == USAGE else f"the second one ended {second.returncode}"


FINISHED, KILLED, HUNG = "finished", "killed", "hung"
LIVE, ASKED = "stopped by the live gate", "stopped on request"
CASES = (
    Case(name="nothing (the reference)", fault="none", code=GO, ends=(FINISHED,)),
    Case(
        name="SIGKILL of the trainer",
        fault="kill",
        code=GO,
        ends=(KILLED, FINISHED),
        says="was killed by SIGKILL",
    ),
    Case(
        name="SIGKILL inside a checkpoint write",
        fault="kill_in_checkpoint",
        code=GO,
        ends=(KILLED, FINISHED),
        says="newest checkpoint: step 400",
    ),
    Case(
        name="SIGKILL of the supervisor",
        fault="slow",
        code=GO,
        ends=("gonogo was killed", FINISHED),
        act=_kill,
        resume=True,
        says="resuming",
        quick=True,
    ),
    Case(
        name="SIGTERM of the supervisor",
        fault="slow",
        code=GO,
        ends=(ASKED, FINISHED),
        act=_terminate,
        resume=True,
        says="Stopped by SIGTERM",
    ),
    Case(
        name="Ctrl-C",
        fault="slow",
        code=GO,
        ends=(ASKED, FINISHED),
        act=_interrupt,
        resume=True,
        says="Stopped by Ctrl-C",
    ),
    Case(
        name="two pipelines on one directory",
        fault="slow",
        code=GO,
        ends=(FINISHED,),
        act=_second,
        says="is in use by process",
    ),
    Case(
        name="hang in step()",
        fault="hang_in_step",
        code=GO,
        ends=(HUNG, FINISHED),
        says="hung in phase training",
        stall=True,
    ),
    Case(
        name="hang in reset()",
        fault="hang_in_reset",
        code=GO,
        ends=(HUNG, FINISHED),
        says="hung in phase starting",
        stall=True,
    ),
    Case(
        name="hang in an evaluation",
        fault="hang_in_evaluation",
        code=GO,
        ends=(HUNG, FINISHED),
        says="hung in phase evaluating",
        stall=True,
    ),
    Case(
        name="heartbeat alive, no progress",
        fault="beats_without_progress",
        code=GO,
        ends=(HUNG, FINISHED),
        says="its heartbeat goes on but nothing else does",
        stall=True,
    ),
    Case(
        name="exception in the environment",
        fault="exception",
        code=BROKEN,
        ends=("broken",),
        says="ValueError: the road has no end",
        same=False,
    ),
    Case(
        name="simulator lost (exit 75)",
        fault="simulator_lost",
        code=GO,
        ends=("simulator lost", FINISHED),
        says="the simulator does not answer",
    ),
    Case(
        name="simulator lost, every time",
        fault="simulator_lost_always",
        code=BROKEN,
        ends=("simulator lost", "simulator lost"),
        says="came no further than the one before",
        same=False,
    ),
    Case(
        name="out of memory",
        fault="memory",
        code=GO,
        ends=("out of memory", FINISHED),
        says="Memory ran out",
    ),
    Case(
        name="disk full during a checkpoint",
        fault="disk_full",
        code=BROKEN,
        ends=("disk full",),
        says="No space left on device",
        same=False,
    ),
    Case(
        name="event file damaged",
        fault="event_damage",
        code=NO_GO,
        ends=(KILLED, FINISHED),
        says="NO_GO",
        same=False,
    ),
    Case(
        name="newest checkpoint damaged",
        fault="checkpoint_damage",
        code=GO,
        ends=(KILLED, FINISHED),
        says="was killed by SIGKILL",
    ),
    Case(
        name="clock jumps backwards",
        fault="clock_backwards",
        code=GO,
        ends=(FINISHED,),
    ),
    Case(
        name="NaN loss",
        fault="nan_loss",
        code=NO_GO,
        ends=(LIVE,),
        says="by the live gate",
        same=False,
    ),
    Case(
        name="exploding Q",
        fault="exploding_q",
        code=NO_GO,
        ends=(LIVE,),
        says="by the live gate",
        same=False,
    ),
    Case(
        name="encoder leak",
        fault="encoder_leak",
        code=NO_GO,
        ends=(LIVE,),
        says="by the live gate",
        same=False,
        quick=True,
    ),
    Case(
        name="encoder leak, mode warn",
        fault="encoder_leak",
        code=NO_GO,
        ends=(FINISHED,),
        says="Warning: this run is lost",
        live="warn",
        same=False,
    ),
    Case(
        name="lost, and ignores SIGTERM",
        fault="leak_and_deaf",
        code=NO_GO,
        ends=(LIVE,),
        says="by the live gate",
        same=False,
    ),
    Case(
        name="grandchild survives the trainer",
        fault="grandchild",
        code=GO,
        ends=(KILLED, FINISHED),
        says="was killed by SIGKILL",
    ),
    Case(name="log flood", fault="log_flood", code=GO, ends=(FINISHED,)),
)


def strike(case: Case, folder: Path, reference: Path | None) -> Fate:
    """Run one case in an empty folder and compare it with what must become of it."""
    out, token = folder / "pipeline", uuid.uuid4().hex
    environment = {**os.environ, TOKEN: token, "MATRIX_LIVE": case.live, "OMP_NUM_THREADS": "1"}
    run = out / "short" / "run-001"
    command = _start(out, case.fault, environment)
    more = ""
    if case.act is not None:
        until(lambda: (run / "fault.json").exists() or command.poll() is not None)
        more = case.act(command, out)
    output = command.communicate(timeout=WAIT_S)[0] + more
    ended = time.time()
    detected = _detected_after_s(run, output, ended)
    if case.resume:
        # At once: a trainer whose supervisor was killed may still be saving itself.
        command = _start(out, "none", environment, "--resume")
        output += command.communicate(timeout=WAIT_S)[0]
    record = json.loads((out / "pipeline.json").read_text())["stages"]["short"]["runs"][-1]
    ends = tuple(attempt["end"] for attempt in record["attempts"])
    problems = []
    if command.returncode != case.code:
        problems.append(f"exit code {command.returncode} in place of {case.code}")
    if ends != case.ends:
        problems.append(f"attempts ended {ends} in place of {case.ends}")
    if case.says not in output:
        problems.append(f"never said {case.says!r}")
    if case.stall != bool(list(run.glob("stall-*.txt"))):
        problems.append("stack traces" + (" are missing" if case.stall else " without a stall"))
    if not (out / "report.md").exists():
        problems.append("no report")
    survivors = survivors_of(token)
    if survivors:
        problems.append(f"processes survived: {survivors}")
    if case.same and reference is not None and not same_events(run, reference):
        problems.append("the events differ from those of an undisturbed run")
    return Fate(
        case=case,
        code=command.returncode,
        output=output,
        ends=ends,
        detected_after_s=detected,
        lost_steps=_lost_steps(run, record["attempts"]),
        problems=tuple(problems),
    )


def same_events(run: Path, reference: Path) -> bool:
    """Tell whether two runs logged the same, but for speeds."""
    try:
        ours, theirs = read_events(run).series, read_events(reference).series
    except InputError:
        return False
    tags = {tag for tag in (*ours, *theirs) if not tag.startswith("time/")}
    return all(
        tag in ours
        and tag in theirs
        and np.array_equal(ours[tag].steps, theirs[tag].steps)
        and np.array_equal(ours[tag].values, theirs[tag].values)
        for tag in tags
    )


def _start(
    out: Path, fault: str, environment: dict[str, str], *options: str
) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(HERE / "run_stage.py"), str(out), fault, *options],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        # A job that a shell started in the background ignores SIGINT, and so would its children.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT_S
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("it did not happen in time")
        time.sleep(0.05)


def survivors_of(token: str) -> list[int]:
    """Find every process that descends from a case, wherever it stands now."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if token.encode() in (entry / "environ").read_bytes():
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def _detected_after_s(run: Path, output: str, ended: float) -> float | None:
    try:
        struck = json.loads((run / "fault.json").read_text())["at"]
    except OSError:
        return None
    said = [json.loads(line)["at"] for line in output.splitlines() if line.startswith('{"at"')]
    return min([at for at in said if at > struck] or [ended]) - struck


def _lost_steps(run: Path, attempts: list[dict[str, int | None]]) -> int | None:
    """Add up what later attempts did again; None for a run that nobody went on with."""
    try:
        struck = json.loads((run / "fault.json").read_text())["step"]
    except OSError:
        return None
    if len(attempts) < 2:
        return None
    return max(0, max(struck, attempts[0]["to_step"] or 0) - (attempts[1]["from_step"] or 0))


def table(fates: list[Fate]) -> str:
    """Write the fates as a Markdown table."""
    lines = ["| fault | detected after | attempts | ended | steps lost |", "|---|---|---|---|---|"]
    words = {GO: "GO", BROKEN: "broken, said why", NO_GO: "NO_GO", USAGE: "refused"}
    for fate in fates:
        after = "" if fate.detected_after_s is None else f"{fate.detected_after_s:.1f} s"
        ends = ", then ".join(fate.ends)
        lost = "" if fate.lost_steps is None else str(fate.lost_steps)
        ended = words.get(fate.code, str(fate.code))
        ended += "".join(f"; PROBLEM: {problem}" for problem in fate.problems)
        lines.append(f"| {fate.case.name} | {after} | {ends} | {ended} | {lost} |")
    return "\n".join(lines)


def write_table(document: Path, text: str, name: str = "fault-matrix") -> None:
    """Put the table between the document's markers of that name."""
    begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
    before, found, rest = document.read_text(encoding="utf-8").partition(begin)
    _, closed, after = rest.partition(end)
    if not found or not closed:
        raise ValueError(f"{document} holds no lines {begin} and {end}")
    document.write_text(f"{before}{begin}\n{text}\n{end}{after}", encoding="utf-8")


def main() -> int:
    """Strike every fault, print the table and return 1 if one of them had another end."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20, help="SIGKILLs at random steps")
    parser.add_argument("--only", default="", help="run the cases whose name holds this")
    parser.add_argument("--table", type=Path, help="document with markers to write the table into")
    options = parser.parse_args()
    random_steps = random.Random(0).sample(range(4, 1_600, 4), options.kills)
    kills = [
        Case(
            name=f"SIGKILL of the trainer at step {step:,}",
            fault=f"kill:{step}",
            code=GO,
            ends=(KILLED, FINISHED),
        )
        for step in sorted(random_steps)
    ]
    cases = [case for case in (*CASES, *kills) if options.only in case.name]
    if CASES[0] not in cases:
        cases.insert(0, CASES[0])
    fates: list[Fate] = []
    with tempfile.TemporaryDirectory(prefix="fault-matrix-") as folder:
        reference: Path | None = None
        for number, case in enumerate(cases):
            fate = strike(case, Path(folder) / str(number), reference)
            reference = reference or Path(folder) / "0" / "pipeline" / "short" / "run-001"
            fates.append(fate)
            print(table([fate]).splitlines()[-1], flush=True)
            if fate.problems:
                print(fate.output, flush=True)
    text = table(fates)
    if options.table:
        write_table(options.table, text)
    bad = sum(bool(fate.problems) for fate in fates)
    print(f"{len(fates) - bad} of {len(fates)} ended as they must")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
