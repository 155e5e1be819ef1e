from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from flows.errors import OutputError
from flows.training.process.process import ChildProcess


def child(tmp_path: Path, code: str, *, grace_s: float = 20.0) -> ChildProcess:
    script = tmp_path / "child.py"
    script.write_text(textwrap.dedent(code))
    return ChildProcess(
        [sys.executable, str(script)], cwd=tmp_path, log=tmp_path / "log", grace_s=grace_s
    )


def until(condition: Callable[[], object], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def runs(pid: int) -> bool:
    """Tell whether a process runs; a zombie does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


SAVES = """
    import os, signal, sys, time
    from pathlib import Path
    def stop(*_):
        Path("saved").write_text("yes")
        sys.exit(143)
    signal.signal(signal.SIGTERM, stop)
    Path("part").write_text(str(os.getpid()))
    Path("part").rename("pid")
    while True:
        time.sleep(0.02)
"""
DEAF = """
    import os, signal, subprocess, sys, time
    from pathlib import Path
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"])
    Path("part").write_text(f"{os.getpid()} {other.pid}")
    Path("part").rename("pid")
    while True:
        time.sleep(0.02)
"""


@pytest.mark.parametrize("code", [0, 1, 2, 75, 143])
def test_the_exit_code_comes_through(tmp_path: Path, code: int) -> None:
    with child(tmp_path, f"print('hello'); raise SystemExit({code})") as process:
        assert process.wait(120) == code
    assert (tmp_path / "log").read_text() == "hello\n"


@pytest.mark.parametrize("name", ["SIGKILL", "SIGSEGV", "SIGTERM"])
def test_the_signal_that_ended_it_comes_through(tmp_path: Path, name: str) -> None:
    number = signal.Signals[name]
    code = f"import os, resource; resource.setrlimit(resource.RLIMIT_CORE, (0, 0)); os.kill(os.getpid(), {number})"
    with child(tmp_path, code) as process:
        assert process.wait(120) == -number


def test_stop_lets_the_child_save_itself(tmp_path: Path) -> None:
    with child(tmp_path, SAVES) as process:
        until((tmp_path / "pid").exists)
        assert process.stop() == 143
    assert (tmp_path / "saved").exists()


def test_leaving_the_block_by_an_error_stops_the_child(tmp_path: Path) -> None:
    def interrupted() -> None:
        with child(tmp_path, SAVES):
            until((tmp_path / "pid").exists)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert (tmp_path / "saved").exists()
    assert not runs(int((tmp_path / "pid").read_text()))


def test_a_deaf_child_and_its_own_children_are_killed_after_the_grace_time(tmp_path: Path) -> None:
    with child(tmp_path, DEAF, grace_s=0.3) as process:
        until((tmp_path / "pid").exists)
        pids = [int(pid) for pid in (tmp_path / "pid").read_text().split()]
        assert all(map(runs, pids))
        assert process.stop() == -signal.SIGKILL
        until(lambda: not any(map(runs, pids)))


def test_a_grandchild_does_not_outlive_a_child_that_ended_by_itself(tmp_path: Path) -> None:
    code = """
        import subprocess, sys
        from pathlib import Path
        other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"])
        Path("pid").write_text(str(other.pid))
    """
    with child(tmp_path, code) as process:
        assert process.wait(120) == 0
        pid = int((tmp_path / "pid").read_text())
        until(lambda: not runs(pid))


@pytest.mark.parametrize("script", [SAVES, DEAF], ids=["saves itself", "is deaf"])
def test_the_child_does_not_outlive_us(tmp_path: Path, script: str) -> None:
    (tmp_path / "child.py").write_text(textwrap.dedent(script))
    parent = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys, time; from pathlib import Path; from flows.training.process.process import ChildProcess; "
            "child = ChildProcess([sys.executable, 'child.py'], cwd=Path('.'), log=Path('log'), "
            "grace_s=0.5); time.sleep(300)",
        ],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[4])},
    )
    try:
        until((tmp_path / "pid").exists)
    finally:
        parent.kill()
        parent.wait()
    pids = [int(pid) for pid in (tmp_path / "pid").read_text().split()]
    until(lambda: not any(map(runs, pids)))
    assert (tmp_path / "saved").exists() == (script is SAVES)


WRAPPERS = {
    "a shell": "{python} child.py; echo done",
    "a shell with a trap": "trap 'echo trapped' TERM; {python} child.py; echo done",
    "a shell that ignores": "trap '' TERM; {python} child.py; echo done",
    "a shell with a background child": "{python} child.py & wait",
    "two shells": "bash -c '{python} child.py; echo inner'; echo done",
    "a session of its own": "setsid {python} child.py; echo done",
    "a launcher that polls": (
        '{python} -c "import signal, subprocess, time; '
        "signal.signal(signal.SIGTERM, lambda *_: None); child = subprocess.Popen(['{python}', 'child.py'])\n"
        'while child.poll() is None: time.sleep(0.1)"'
    ),
}
SAVES_SLOWLY = SAVES.replace("def stop(*_):", "def stop(*_):\n        time.sleep(0.5)")


@pytest.mark.parametrize("wrapper", WRAPPERS)
def test_what_a_wrapper_started_saves_itself(tmp_path: Path, wrapper: str) -> None:
    (tmp_path / "child.py").write_text(textwrap.dedent(SAVES_SLOWLY))
    script = WRAPPERS[wrapper].replace("{python}", sys.executable)
    grace_s = 6.0 if "polls" in wrapper else 60.0
    with ChildProcess(
        ["bash", "-c", script], cwd=tmp_path, log=tmp_path / "log", grace_s=grace_s
    ) as process:
        until((tmp_path / "pid").exists)
        pid = int((tmp_path / "pid").read_text())
        process.stop()
    assert (tmp_path / "saved").exists()
    until(lambda: not runs(pid))


def test_workers_are_left_to_a_trainer_that_saves_itself(tmp_path: Path) -> None:
    code = """
        import os, signal, subprocess, sys, time
        from pathlib import Path
        child = (
            "import signal, sys, time; signal.signal(signal.SIGTERM, lambda *_: sys.exit(1)); "
            "print(flush=True); time.sleep(300)"
        )
        worker = subprocess.Popen([sys.executable, "-c", child], stdout=subprocess.PIPE)
        worker.stdout.readline()
        def stop(*_):
            # Busy for longer than a wrapper is given to hand the signal on.
            end = time.monotonic() + 6
            while time.monotonic() < end:
                time.sleep(0.01)
            Path("saved").write_text(str(worker.poll()))
            sys.exit(143)
        signal.signal(signal.SIGTERM, stop)
        Path("part").write_text(str(os.getpid()))
        Path("part").rename("pid")
        while True:
            time.sleep(0.02)
    """
    with child(tmp_path, code, grace_s=60.0) as process:
        until((tmp_path / "pid").exists)
        assert process.stop() == 143
    assert (tmp_path / "saved").read_text() == "None"


def test_a_killed_guard_takes_the_child_with_it(tmp_path: Path) -> None:
    with child(tmp_path, SAVES) as process:
        until((tmp_path / "pid").exists)
        os.kill(process.pid, signal.SIGKILL)
        assert process.wait(120) == -signal.SIGKILL
        pid = int((tmp_path / "pid").read_text())
        until(lambda: not runs(pid))


def test_a_log_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="cannot be written"):
        ChildProcess([sys.executable, "-c", ""], cwd=tmp_path, log=tmp_path / "no" / "log")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_a_child_that_is_paused_saves_itself_all_the_same(tmp_path: Path) -> None:
    with child(tmp_path, SAVES) as process:
        until((tmp_path / "pid").exists)
        pid = int((tmp_path / "pid").read_text())
        os.kill(pid, signal.SIGSTOP)
        state = Path(f"/proc/{pid}/stat")
        until(lambda: state.read_text().rpartition(")")[2].split()[0] == "T")
        assert process.stop() == 143
    assert (tmp_path / "saved").exists()
