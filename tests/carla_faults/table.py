"""Breaks the simulator under a running stage in every known way: `make carla-faults`."""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT))

from tests.carla_double.double_process import DoubleProcess, running_double  # noqa: E402
from tests.carla_faults.stored_experience import (  # noqa: E402
    differences,
    impossible,
    read_stored,
)
from tests.fault_matrix.matrix import same_events, write_table  # noqa: E402

GO, BROKEN, USAGE = 0, 1, 2
TOKEN = "GONOGO_CARLA_FAULTS"
WAIT_S = 540.0
TICK_S, TARGET_MPS = 0.05, 8.0
FINISHED, LOST, KILLED, HUNG = "finished", "simulator lost", "killed", "hung"


class Scene:
    """What a case may act on while its stage runs."""

    def __init__(self, folder: Path, command: subprocess.Popen[str], connect: DoubleProcess | None):
        self.folder, self.command, self._connect = folder, command, connect
        self.run = folder / "pipeline" / "short" / "run-001"

    @property
    def server(self) -> DoubleProcess:
        """The double that the stage connects to and did not start."""
        assert self._connect is not None
        return self._connect

    def started_server(self) -> int:
        """Return the process id of the double that the stage started."""
        for pid in processes_of(token_of(self.folder)):
            with contextlib.suppress(OSError):
                words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
                if words[1:3] == [b"-m", b"carla_double"]:
                    return pid
        raise ProcessLookupError("no double was started")

    def wait_for_step(self, step: int) -> None:
        """Wait until so many steps were trained."""
        deadline = time.monotonic() + WAIT_S
        while self.status().get("step", -1) < step:
            if self.command.poll() is not None or time.monotonic() > deadline:
                raise TimeoutError(f"step {step} never came")
            time.sleep(0.02)

    def status(self) -> dict[str, Any]:
        """Return the trainer's heartbeat; nothing before the first."""
        try:
            return dict(json.loads((self.run / "status.json").read_text()))
        except (OSError, ValueError):
            return {}


@dataclass(frozen=True, kw_only=True)
class Case:
    """One way in which a simulator breaks, and what must become of the stage."""

    name: str
    options: tuple[str, ...] = ()
    """Of the double that the stage starts, when it is started for the first time."""
    act: Callable[[Scene], None] | None = None
    """What is done to the running stage."""
    connect: bool = False
    """The stage connects to a double that runs already."""
    server: dict[str, Any] = field(default_factory=dict)
    """Settings under `env.server`."""
    env: dict[str, Any] = field(default_factory=dict)
    around: Callable[[dict[str, Any]], contextlib.AbstractContextManager[None]] | None = None
    """Runs around the stage; may change its `env`."""
    code: int = GO
    ends: tuple[tuple[str, ...], ...] = ((LOST, FINISHED),)
    """Ends of the attempts, any of these."""
    says: str = ""
    """Must stand in what the command printed."""
    logs: str = ""
    """Must stand in the trainer's log."""
    strangers: int = 0
    """Vehicles of somebody else that may stay behind."""
    same: bool = True
    """What was stored and logged is bit by bit that of an undisturbed stage."""
    gaps: tuple[int, ...] = (1,)
    """Where it is not the same: frames that a step may take. Images are stamped then."""


@dataclass(frozen=True, kw_only=True)
class Fate:
    """What became of a case."""

    case: Case
    code: int
    output: str
    ends: tuple[str, ...]
    took_s: float
    lost_steps: int
    problems: tuple[str, ...]
    run: Path


def _kill_and_restart(scene: Scene) -> None:
    """Replace the server while the client is not looking."""
    scene.wait_for_step(250)
    scene.server.kill()
    scene.server.start()


def _fault(kind: str, **settings: Any) -> Callable[[Scene], None]:
    def act(scene: Scene) -> None:
        scene.wait_for_step(250)
        scene.server.fault(kind, **settings)

    return act


def _park_everywhere(scene: Scene) -> None:
    """Fill every place, also those that driving vehicles blocked at first."""
    scene.wait_for_step(250)
    for _ in range(100):
        if scene.status().get("phase") == "failed":
            break
        scene.server.fault("occupied")
        time.sleep(0.1)


def _another_client_loads(scene: Scene) -> None:
    scene.wait_for_step(250)
    scene.server.ask(op="load", map="Town02")


def _stop_process(scene: Scene) -> None:
    scene.wait_for_step(250)
    os.kill(scene.started_server(), signal.SIGSTOP)


@contextlib.contextmanager
def _held_port(env: dict[str, Any], offset: int) -> Iterator[None]:
    """Let somebody else have the server's port (offset 0) or the one for streams (1)."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        env["server"]["ports"] = [holder.getsockname()[1] - offset]
        yield


@contextlib.contextmanager
def _held_traffic_manager_port(env: dict[str, Any]) -> Iterator[None]:
    with socket.socket() as holder:
        holder.bind(("0.0.0.0", 0))
        holder.listen()
        env["traffic_manager_port"] = holder.getsockname()[1]
        yield


STAMPED = ("--always", "--fault", "stamped_frames")
CASES = (
    Case(name="nothing (the reference)", ends=((FINISHED,),)),
    Case(
        name="killed between two calls",
        options=("--fault", "kill:when=idle,after_ticks=500"),
        says="was lost in",
    ),
    Case(
        name="killed inside a tick",
        options=("--fault", "kill:when=mid_tick,after_ticks=500"),
        says="was lost in 'tick'",
    ),
    Case(
        name="killed while it loads the map",
        options=("--map", "Town02", "--fault", "kill:when=load_world"),
        server={"map_load_timeout_s": 4},
        says="did not load Town01 within 4 s",
    ),
    Case(
        name="killed with a Traffic Manager alive",
        options=("--fault", "kill:when=mid_tick,after_ticks=500", *STAMPED),
        env={"traffic": "traffic_manager"},
        # The client may stay in its Traffic Manager once more when the next attempt evaluates.
        ends=(
            (KILLED, FINISHED),
            (LOST, FINISHED),
            (HUNG, FINISHED),
            (KILLED, HUNG, FINISHED),
            (LOST, HUNG, FINISHED),
        ),
        same=False,
    ),
    Case(
        name="frozen for 30 s, longer than a call may take",
        options=("--fault", "freeze:seconds=30,after_ticks=500"),
        says="was lost in 'tick'",
    ),
    Case(
        name="frozen for 30 s, a server that was not started here",
        connect=True,
        act=_fault("freeze", seconds=30),
        says="was lost in",
    ),
    Case(
        name="frozen for 3 s, less than a call may take",
        options=("--fault", "freeze:seconds=3,after_ticks=500"),
        server={"call_timeout_s": 30},
        ends=((FINISHED,),),
    ),
    Case(
        name="stopped by SIGSTOP",
        act=_stop_process,
        says="was lost in",
    ),
    Case(
        name="restarted by somebody else on the same port",
        connect=True,
        act=_kill_and_restart,
        says="was lost in",
    ),
    Case(
        name="one of 30 camera images lost",
        options=("--fault", "drop_frames:stream=camera,share=0.033,after_ticks=100", *STAMPED),
        server={"camera_timeout_s": 0.5},
        ends=((FINISHED,),),
        same=False,
        gaps=(1, 2, 3, 4, 5),
    ),
    Case(
        name="all camera images lost",
        options=("--fault", "drop_frames:stream=camera,after_ticks=500"),
        server={"camera_timeout_s": 0.5},
        says="sent no camera image",
    ),
    Case(
        name="camera images 30 ms late",
        options=("--fault", "delay_frames:seconds=0.03,count=100,after_ticks=100"),
        ends=((FINISHED,),),
    ),
    Case(
        name="a state message lost",
        options=("--fault", "drop_frames:stream=state,count=1,after_ticks=500"),
        says="was lost in 'tick'",
    ),
    Case(
        name="frame numbers that jump",
        options=("--fault", "frame_gap:frames=3,count=5,after_ticks=100", *STAMPED),
        ends=((FINISHED,),),
        same=False,
        gaps=(1, 4),
    ),
    Case(
        name="spawn points occupied, all but 20",
        connect=True,
        act=_fault("occupied", points=list(range(220))),
        ends=((FINISHED,),),
        strangers=220,
        same=False,
    ),
    Case(
        name="every spawn point occupied",
        connect=True,
        act=_park_everywhere,
        says="to start from on Town01",
        logs="actors that another client left behind",
        same=False,
    ),
    Case(
        name="another client loads another map",
        connect=True,
        act=_another_client_loads,
        # The words depend on what it was doing: driving, or placing vehicles.
        says="The simulator was lost",
        same=False,
    ),
    Case(
        name="a call that is never answered",
        options=("--fault", "hang:method=apply_batch,count=1,after_ticks=500"),
        says="was lost in",
    ),
    Case(
        name="port busy",
        around=lambda env: _held_port(env, 0),
        code=USAGE,
        ends=(("bad configuration",),),
        says="in use on this machine; choose another port",
    ),
    Case(
        name="stream port busy",
        around=lambda env: _held_port(env, 1),
        code=USAGE,
        ends=(("bad configuration",),),
        says="also takes the next two ports",
    ),
    Case(
        name="Traffic Manager's port busy",
        around=_held_traffic_manager_port,
        env={"traffic": "traffic_manager"},
        code=BROKEN,
        ends=((LOST, LOST),),
        says="bind error",
    ),
)


def strike(case: Case, folder: Path, reference: Path | None) -> Fate:
    """Run one case in an empty folder and compare it with what must become of it."""
    with contextlib.ExitStack() as around:
        bystander = around.enter_context(running_double("--seed", "7"))
        connect = None
        if case.connect:
            stamps = () if case.same else ("--fault", "stamped_frames")
            connect = around.enter_context(running_double(*stamps))
        env = environment(case, folder, connect)
        if case.around is not None:
            around.enter_context(case.around(env))
        began = time.monotonic()
        command = subprocess.Popen(
            [sys.executable, str(HERE / "carla_stage.py"), str(folder), json.dumps(env)],
            env={
                **os.environ,
                TOKEN: token_of(folder),
                "OMP_NUM_THREADS": "1",
                "PYTHONPATH": str(ROOT),
                "GONOGO_SLOTS": str(folder / "slots"),
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        scene = Scene(folder, command, connect)
        try:
            problems = []
            if case.act is not None:
                try:
                    case.act(scene)
                except (TimeoutError, ProcessLookupError) as error:
                    problems.append(str(error))
            output, _ = command.communicate(timeout=WAIT_S)
        except subprocess.TimeoutExpired:
            command.kill()
            output, _ = command.communicate()
            problems.append(f"had no end after {WAIT_S:g} s")
        took_s = time.monotonic() - began
        problems += _harmed(bystander, connect, case.strangers)
    attempts = _attempts(folder)
    ends = tuple(str(attempt["end"]) for attempt in attempts)
    if command.returncode != case.code:
        problems.append(f"exit code {command.returncode} in place of {case.code}")
    if ends not in case.ends:
        problems.append(f"attempts ended {ends} in place of {case.ends}")
    if case.says not in output:
        problems.append(f"never said {case.says!r}")
    log = scene.run / "trainer.log"
    if case.logs not in (log.read_text() if log.exists() else ""):
        problems.append(f"never logged {case.logs!r}")
    if not (folder / "pipeline" / "report.md").exists():
        problems.append("no report")
    survivors = processes_of(token_of(folder))
    if survivors:
        problems.append(f"processes survived: {survivors}")
    if case.code == GO:
        problems += _wrong_data(case, scene.run, reference)
    return Fate(
        case=case,
        code=command.returncode,
        output=output,
        ends=ends,
        took_s=took_s,
        lost_steps=_lost_steps(attempts),
        problems=tuple(problems),
        run=scene.run,
    )


def environment(case: Case, folder: Path, connect: DoubleProcess | None) -> dict[str, Any]:
    """Return the `env` of a case."""
    server: dict[str, Any] = {"call_timeout_s": 5, "ready_timeout_s": 60}
    if connect is not None:
        server["ports"] = [connect.port]
    else:
        once = [str(HERE / "faulty_once.py"), "{port}", str(folder / "started"), *case.options]
        server |= {"start": "command", "command": ["{python}", *once], "ports": [0]}
    return {
        "id": "carla",
        "server": server | case.server,
        "vehicles": 6,
        "traffic": "none",
        "camera_size": 16,
        "max_episode_steps": 50,
        **case.env,
    }


def token_of(folder: Path) -> str:
    """Return what marks every process of a case, in its environment."""
    return uuid.uuid5(uuid.NAMESPACE_URL, str(folder)).hex


def processes_of(token: str) -> list[int]:
    """Find every process that descends from a case, wherever it stands now."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if token.encode() in (entry / "environ").read_bytes():
                found.append(int(entry.name))
    return found


def _harmed(bystander: DoubleProcess, connect: DoubleProcess | None, strangers: int) -> list[str]:
    """Say what happened to servers that are not the stage's own."""
    problems = []
    if bystander.process.poll() is not None:
        return [f"a bystander ended with {bystander.process.returncode}"]
    state = bystander.state()
    if state["called"] or len(state["actors"]) > 1:
        problems.append(f"a bystander was called: {state['called']}")
    if connect is not None:
        if connect.process.poll() is not None:
            problems.append("the server that was not started here was ended")
        else:
            state = connect.state()
            kinds = [actor["type"].split(".")[0] for actor in state["actors"].values()]
            left = kinds.count("vehicle") + kinds.count("sensor")
            if left > strangers or state["synchronous"]:
                problems.append(f"the server was left with {kinds}, {state['synchronous']=}")
    return problems


def _attempts(folder: Path) -> list[dict[str, Any]]:
    try:
        record = json.loads((folder / "pipeline" / "pipeline.json").read_text())
        return list(record["stages"]["short"]["runs"][-1]["attempts"])
    except (OSError, ValueError, KeyError, IndexError):
        return []


def _lost_steps(attempts: list[dict[str, Any]]) -> int:
    pairs = itertools.pairwise(attempts)
    return sum(max(0, (a["to_step"] or 0) - (b["from_step"] or 0)) for a, b in pairs)


def _wrong_data(case: Case, run: Path, reference: Path | None) -> list[str]:
    stored = read_stored(run)
    if not stored:
        return ["nothing was stored"]
    if not case.same:
        return impossible(stored, step_s=TICK_S, target_mps=TARGET_MPS, gaps=set(case.gaps))
    if reference is None:
        return []
    problems = differences(stored, read_stored(reference))
    if not same_events(run, reference):
        problems.append("the events differ from those of an undisturbed run")
    return problems


def table(fates: list[Fate]) -> str:
    """Write the fates as a Markdown table."""
    lines = [
        "| the simulator | attempts | ended | steps made again | took | what was stored |",
        "|---|---|---|---|---|---|",
    ]
    for fate in fates:
        ended = "judged" if fate.code == GO else "said why"
        ended += "".join(f"; PROBLEM: {problem}" for problem in fate.problems)
        data = "the same, bit by bit" if fate.case.same else "possible, image by image"
        reference = fate is fates[0]
        lines.append(
            f"| {fate.case.name} | {', then '.join(fate.ends)} | {ended} "
            f"| {'' if fate.code != GO else fate.lost_steps} "
            f"| {fate.took_s:.0f} s "
            f"| {data if fate.code == GO and not reference else ''} |"
        )
    return "\n".join(lines)


def main() -> int:
    """Strike every fault, print the table and return 1 if one of them had another end."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="run the cases whose name holds this")
    parser.add_argument("--table", type=Path, help="document with markers to write the table into")
    options = parser.parse_args()
    cases = [case for case in CASES if options.only in case.name and case is not CASES[0]]
    fates: list[Fate] = []
    with tempfile.TemporaryDirectory(prefix="carla-faults-") as scratch:
        for number, case in enumerate((CASES[0], *cases)):
            folder = Path(scratch) / str(number)
            folder.mkdir()
            fate = strike(case, folder, fates[0].run if fates else None)
            fates.append(fate)
            print(table([fates[0], fate]).splitlines()[-1], flush=True)
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
