"""Strikes trainers by command with every fault and says what became of them: `make command-matrix`."""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import signal
import subprocess
import sys
import tempfile
import uuid
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1])]

from matrix import (  # noqa: E402
    BROKEN,
    GO,
    NO_GO,
    TOKEN,
    USAGE,
    same_events,
    survivors_of,
    until,
    write_table,
)

WAIT_S = 600.0
FINISHED, KILLED, HUNG, SHORT = "finished", "killed", "hung", "ended before its plan"
ASKED, BROKE, LEFT = "stopped on request", "broken", "gonogo was killed"
RESUMED = (KILLED, FINISHED)
CONDITIONAL = 4
LIKE_REFERENCE = -1
"""Exit code: that of the run that nothing befell."""

SHELL = '"$0" "$@"; echo "ended with $?"'
WRAPPERS = {
    "": [],
    "shell": ["bash", "-c", SHELL],
    "trap": ["bash", "-c", f"trap 'echo trapped' TERM; {SHELL}"],
    "background": ["bash", "-c", '"$0" "$@" & wait'],
    "two shells": ["bash", "-c", f'bash -c \'{SHELL}\' "$0" "$@"; echo outer'],
    "own session": ["bash", "-c", 'setsid "$0" "$@"; echo outer'],
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Case:
    """One fault and what must become of it."""

    name: str
    trouble: str = "none"
    code: int = GO
    """Exit code of the last command."""
    ends: tuple[str, ...] = (FINISHED,)
    """End of every attempt."""
    says: str = ""
    """Must stand in what the commands printed, or in the log of the trainer."""
    wrapper: str = ""
    send: signal.Signals | None = None
    """Sent to gonogo once the fault struck."""
    resume: bool = False
    """Start gonogo a second time, with --resume."""
    at: int | None = None
    """Step of the fault; None: that of the trainer."""
    arguments: tuple[str, ...] = ()
    resumes: bool = True
    """The preset says how the trainer goes on."""
    trainer: dict[str, Any] = dataclasses.field(default_factory=dict)
    """Further keys of the preset's `trainer`."""
    out: str = "pipeline"
    same: bool = True
    """All events are those of a run that nothing befell."""
    sb3: bool = False
    quick: bool = False
    """Also in the default tests."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Fate:
    """What became of a case."""

    case: Case
    code: int
    ends: tuple[str, ...]
    again: int | None
    """Steps that were trained again; None where the run was to end there."""
    problems: tuple[str, ...]
    output: str


AFTER = 5_001
"""Beyond the plan: strikes when everything is logged."""
CASES = (
    Case(name="nothing (the reference)"),
    Case(name="SIGKILL", trouble="kill", ends=RESUMED, says="from agent-300"),
    Case(name="SIGKILL, nothing to go on from", trouble="kill", ends=RESUMED, resumes=False, says="from scratch"),
    Case(name="SIGSEGV when everything is logged", trouble="kill:11", at=AFTER, says="is judged", quick=True),
    Case(name="SIGSEGV then, nothing to go on from", trouble="kill:11", at=AFTER, resumes=False, says="is judged"),
    Case(name="hang when everything is logged", trouble="hang:", at=AFTER, says="is judged"),
    Case(name="exit code 1 when everything is logged", trouble="exit:1", at=AFTER, says="is judged"),
    Case(name="exit code 2 when everything is logged", trouble="exit:2", at=AFTER, says="is judged"),
    Case(
        name="exit code 0 before the plan, then --resume",
        trouble="exit:0", ends=(SHORT, FINISHED), resume=True, says="resuming",
    ),
    Case(
        name="exit code 0 before the plan, checkpoints gone, then --resume",
        trouble="lose:0", ends=(SHORT,), code=USAGE, resume=True, same=False, says="There is nothing to resume",
    ),
    Case(name="exit code 1 half-way", trouble="exit:1", ends=(BROKE,), code=BROKEN, same=False, says="exit code 1"),
    Case(
        name="exit code 75 that the preset calls simulator_lost",
        trouble="exit:75", ends=("simulator lost", FINISHED), trainer={"exit_codes": {75: "simulator_lost"}},
    ),
    Case(
        name="out of memory, by its last words",
        trouble="say:torch.OutOfMemoryError: CUDA out of memory", ends=("out of memory", FINISHED),
    ),
    Case(
        name="disk full, by its last words",
        trouble="say:OSError: [Errno 28] No space left on device", ends=("disk full",), code=BROKEN, same=False,
    ),
    Case(
        name="newest checkpoint cut off", trouble="damage:cut", ends=RESUMED,
        says="is cut off)",
    ),
    Case(
        name="newest checkpoint cannot be loaded", trouble="damage:text", ends=(KILLED, BROKE, FINISHED),
        says="could not be loaded)",
    ),
    Case(name="silent half-way", trouble="hang:", ends=(HUNG, FINISHED), says="limit 5 s, trainer.silent_s"),
    Case(
        name="only its log grows", trouble="hang:talks", ends=(HUNG, FINISHED), says="supervision.stalls.log_only_s",
    ),
    Case(
        name="SIGTERM of gonogo, trainer below a shell", trouble="slow", wrapper="shell", send=signal.SIGTERM,
        ends=(ASKED, FINISHED), resume=True, says="from agent-3", quick=True,
    ),
    Case(
        name="Ctrl-C, trainer below two shells", trouble="slow", wrapper="two shells", send=signal.SIGINT,
        ends=(ASKED, FINISHED), resume=True, says="from agent-3",
    ),
    Case(
        name="SIGTERM, the shell keeps it to itself", trouble="slow:6", wrapper="trap", send=signal.SIGTERM,
        ends=(ASKED, FINISHED), resume=True, says="from agent-3",
    ),
    Case(
        name="SIGTERM, trainer in the background of a shell", trouble="slow", wrapper="background",
        send=signal.SIGTERM, ends=(ASKED, FINISHED), resume=True, says="from agent-3",
    ),
    Case(
        name="SIGTERM, trainer in a session of its own", trouble="slow", wrapper="own session",
        send=signal.SIGTERM, ends=(ASKED, FINISHED), resume=True, says="from agent-3",
    ),
    Case(
        name="SIGKILL of gonogo, trainer below a shell", trouble="slow:3", wrapper="shell", send=signal.SIGKILL,
        ends=(LEFT, FINISHED), resume=True, says="from agent-3",
    ),
    Case(
        name="SIGKILL of gonogo when everything is logged", trouble="slow:60", at=AFTER, wrapper="shell",
        send=signal.SIGKILL, ends=(FINISHED,), resume=True, says="judged now",
    ),
    Case(
        name="NaN loss below a shell", trouble="nan", wrapper="shell", ends=("stopped by the live gate",), code=NO_GO,
        same=False, says="by the live gate",
    ),
    Case(
        name="SIGTERM, the trainer ignores it below a shell", trouble="deaf", wrapper="shell", send=signal.SIGTERM,
        ends=(ASKED, FINISHED), resume=True, says="from agent-300",
    ),
    Case(
        name="paused, then SIGTERM", trouble="pause", send=signal.SIGTERM, ends=(ASKED, FINISHED), resume=True,
        says="from agent-3",
    ),
    Case(name="empties the run's folder at its start", trouble="empties"),
    Case(
        name="SIGKILL, logs behind a symbolic link", trouble="kill", ends=RESUMED, arguments=("--folder=far", "--link"),
        says="from agent-300",
    ),
    Case(name="a process of its own survives it", trouble="child", ends=RESUMED),
    Case(
        name="goes on in a folder named by the attempt", trouble="kill", ends=RESUMED,
        arguments=("--folder=TD3_{attempt}",), quick=True,
    ),
    Case(
        name="goes on in a folder named by the time", trouble="kill", ends=RESUMED, arguments=("--folder=run-TIME",),
    ),
    Case(
        name="add_hparams makes a sub-folder first", trouble="hparams", arguments=("--folder=exp1",),
    ),
    Case(name="files of two runs below its folder", trouble="two_runs_always", code=USAGE,
         arguments=("--folder=mine",), same=False, says="The training goes on"),
    Case(name="partial, copied and compressed files beside", trouble="leftovers"),
    Case(name="zeros at the end of the event file", trouble="zeros", ends=RESUMED, code=CONDITIONAL),
    Case(
        name="SIGKILL, folder `lr=[1e-3] (b) *?`", trouble="kill", ends=RESUMED, out="lr=[1e-3] (b) *?",
        says="from agent-300",
    ),
)  # fmt: skip
_SB3_AFTER = 1_601
SB3_CASES = tuple(
    dataclasses.replace(case, sb3=True, same=False, code=case.code if case.code else LIKE_REFERENCE)
    for case in (
        Case(name="SB3: nothing (the reference)"),
        Case(name="SB3: SIGKILL", trouble="kill", ends=RESUMED, says="from agent-600.zip"),
        Case(name="SB3: SIGSEGV at its end", trouble="kill:11", at=_SB3_AFTER, says="is judged"),
        Case(name="SB3: SIGSEGV at its end, nothing to go on from", trouble="kill:11", at=_SB3_AFTER,
             resumes=False, says="is judged"),
        Case(name="SB3: exit code 0 before the plan, then --resume", trouble="exit:0",
             ends=(SHORT, FINISHED), resume=True, says="resuming"),
        Case(name="SB3: SIGTERM of gonogo below a shell", trouble="slow", wrapper="shell",
             send=signal.SIGTERM, ends=(ASKED, FINISHED), resume=True, says="from agent-80"),
        Case(name="SB3: goes on in a folder named by the time", trouble="kill", ends=RESUMED,
             arguments=("--new-folder",)),
        Case(name="SB3: SIGKILL of gonogo below a shell", trouble="slow:3", wrapper="shell",
             send=signal.SIGKILL, ends=(LEFT, FINISHED), resume=True),
    )
)  # fmt: skip


def write_files(case: Case, folder: Path) -> tuple[Path, Path]:
    """Write preset and stage of a case."""
    script = HERE / ("sb3_trainer.py" if case.sb3 else "logging_trainer.py")
    steps = 1_600 if case.sb3 else 5_000
    command = [
        *WRAPPERS[case.wrapper],
        *("{python}", str(script), "--steps={steps}", "--events={events}"),
        *("--checkpoints={run}/checkpoints", f"--trouble={case.trouble}"),
        *([f"--at={case.at}"] if case.at is not None else []),
        *case.arguments,
    ]
    resumes = {"checkpoints": "{run}/checkpoints/*.zip", "resume": ["--resume={checkpoint}"]}
    trainer = {
        "command": command,
        "dialect": "sb3" if case.sb3 else "own",
        "silent_s": 5.0 if case.trouble.startswith("hang") else 120.0,
        **(resumes if case.resumes else {}),
        **case.trainer,
    }
    stage = {
        "name": "short",
        "description": "A stage for faults.",
        "steps": steps,
        "gate": "5k",
        "eval": {"every_steps": steps, "episodes": 1},
        "checkpoint": {"every_steps": steps},
        "supervision": {
            "grace_s": 3 if case.trouble == "deaf" else 30,
            "restarts": {"backoff_s": 0},
            "stalls": {"grace_s": 1, "log_only_s": 9},
        },
    }
    folder.mkdir(parents=True, exist_ok=True)
    preset, stage_file = folder / "command.yaml", folder / "short.yaml"
    content = {"name": "command", "trainer": trainer, "slots": []}
    preset.write_text(yaml.safe_dump(content), encoding="utf-8")
    stage_file.write_text(yaml.safe_dump(stage), encoding="utf-8")
    return preset, stage_file


def strike(case: Case, folder: Path, reference: Path | None, reference_code: int = GO) -> Fate:
    """Run one case in an empty folder and compare it with what must become of it."""
    preset, stage = write_files(case, folder)
    out, token = folder / case.out, uuid.uuid4().hex
    environment = {**os.environ, TOKEN: token, "OMP_NUM_THREADS": "1"}
    run = out / "short" / "run-001"

    def start(*options: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [
                *(sys.executable, str(HERE / "run_command.py")),
                *(str(preset), str(stage), str(out), *options),
            ],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            # A job that a shell started in the background ignores SIGINT, and so would its children.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )

    command = start()
    if case.send is not None:
        until(lambda: (run / "struck.json").exists() or command.poll() is not None)
        command.send_signal(case.send)
    output = command.communicate(timeout=WAIT_S)[0]
    if case.resume:
        command = start("--resume")
        output += command.communicate(timeout=WAIT_S)[0]
    record = json.loads((out / "pipeline.json").read_text())["stages"]["short"]["runs"][-1]
    ends = tuple(attempt["end"] for attempt in record["attempts"])
    wanted = reference_code if case.code == LIKE_REFERENCE else case.code
    log = run / "trainer.log"
    problems = []
    if command.returncode != wanted:
        problems.append(f"exit code {command.returncode} in place of {wanted}")
    if ends != case.ends:
        problems.append(f"attempts ended {ends} in place of {case.ends}")
    if case.says not in output:
        problems.append(f"never said {case.says!r}")
    if not (out / "report.md").exists():
        problems.append("no report")
    if survivors := survivors_of(token):
        problems.append(f"processes survived: {survivors}")
    if case.same and reference is not None and not same_events(run, reference):
        problems.append("the events differ from those of an undisturbed run")
    return Fate(
        case=case,
        code=command.returncode,
        ends=ends,
        again=_steps_again(run, record["attempts"]),
        problems=tuple(problems),
        output=output + (log.read_text(errors="replace")[-2_000:] if log.exists() else ""),
    )


def _steps_again(run: Path, attempts: list[dict[str, Any]]) -> int | None:
    """Return how many steps were trained a second time; None for a run that nobody went on with."""
    try:
        struck = json.loads((run / "struck.json").read_text())["step"]
    except OSError:
        return None
    if len(attempts) < 2:
        return None
    reached = max([struck, *(attempt["to_step"] or 0 for attempt in attempts[:-1])])
    return max(0, reached - max(0, (attempts[-1]["from_step"] or 0) - 1))


def table(fates: list[Fate]) -> str:
    """Write the fates as a Markdown table."""
    words = {
        GO: "GO",
        BROKEN: "broken, said why",
        NO_GO: "NO_GO",
        USAGE: "refused",
        CONDITIONAL: "CONDITIONAL",
    }
    lines = ["| fault | attempts | ended | steps again |", "|---|---|---|---|"]
    for fate in fates:
        again = "" if fate.again is None else f"{fate.again:,}"
        ended = words.get(fate.code, str(fate.code))
        ended += "".join(f"; PROBLEM: {problem}" for problem in fate.problems)
        lines.append(f"| {fate.case.name} | {', then '.join(fate.ends)} | {ended} | {again} |")
    return "\n".join(lines)


def main() -> int:
    """Strike every fault, print the table and return 1 if one of them had another end."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="run the cases whose name holds this")
    parser.add_argument("--table", type=Path, help="document with markers to write the table into")
    options = parser.parse_args()
    fates: list[Fate] = []
    with tempfile.TemporaryDirectory(prefix="command-matrix-") as folder:
        for cases in (CASES, SB3_CASES):
            chosen = [case for case in cases if options.only in case.name]
            reference, code = None, GO
            for number, case in enumerate([cases[0], *(c for c in chosen if c is not cases[0])]):
                if not chosen:
                    break
                place = Path(folder) / f"{cases[0].sb3}-{number}"
                fate = strike(case, place, reference, code if number else GO)
                if not number:
                    reference, code = place / case.out / "short" / "run-001", fate.code
                    problems = [
                        p for p in fate.problems if case.sb3 and not p.startswith("exit code")
                    ]
                    fate = dataclasses.replace(
                        fate, problems=tuple(problems) if case.sb3 else fate.problems
                    )
                fates.append(fate)
                print(table([fate]).splitlines()[-1], flush=True)
                if fate.problems:
                    print(fate.output, flush=True)
    text = table(fates)
    if options.table:
        write_table(options.table, text, "command-matrix")
    bad = sum(bool(fate.problems) for fate in fates)
    print(f"{len(fates) - bad} of {len(fates)} ended as they must")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
