"""Starts the process that reads event files a second time, beside whatever is done meanwhile.

Loading tbparse takes longer than judging a short run. Nothing heavy is imported here, so that the
process can be started first of all.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gates.second_reader.tbparse_reader import FileToRead, Reading

_PROGRAM = """
import gc, sys
gc.disable()  # it lives for a second
sys.path[:] = sys.argv[1:]
from gates.second_reader.worker import main
main()
"""
"""It finds our packages first, all others where we find them."""
_HOME = str(Path(__file__).resolve().parents[2])


def second_reader(*, wanted: bool = True) -> AbstractContextManager[SecondReader | None]:
    """Start a second reader for a `with` block; None when none is wanted or no process is to be had."""
    with contextlib.suppress(OSError):
        if wanted:
            return SecondReader()
    return contextlib.nullcontext()


class SecondReader:
    """A process of its own that reads one list of files with tbparse.

    It ends with the `with` block, and by itself when we are killed. It prints nothing, and Ctrl-C does
    not reach it.

    Raises:
        OSError: No process can be started.
    """

    def __init__(self) -> None:
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-c", _PROGRAM, _HOME, *sys.path],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._said,
                start_new_session=True,
            )
        except BaseException:
            self._said.close()
            raise

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    def __enter__(self) -> SecondReader:
        """Return the reader; it is loading already."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the process, whatever it is doing."""
        process = self._process
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout, self._said):
            if stream is not None:
                with contextlib.suppress(BrokenPipeError):
                    stream.close()

    def read(self, files: Sequence[FileToRead]) -> Reading:
        """Read files, as `gates.second_reader.tbparse_reader.read_files` does; to be called once.

        Raises:
            ReadingBrokeError: Nothing could be read, or the process ended without an answer.
        """
        from gates.second_reader.messages import read_answer, request_line
        from gates.second_reader.tbparse_reader import ReadingBrokeError

        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        # When it has ended already, the missing answer tells more than the broken pipe.
        with contextlib.suppress(BrokenPipeError):
            stdin.write(request_line(files))
            stdin.flush()
        answer = stdout.readline()
        if not answer.endswith(b"\n"):
            raise ReadingBrokeError(self._how_it_ended())
        return read_answer(answer)

    def _how_it_ended(self) -> str:
        code = self._process.wait()
        self._said.seek(0)
        lines = self._said.read().decode("utf-8", "replace").split("\n")
        last = next((line.strip() for line in reversed(lines) if line.strip()), "")
        return f"its process ended with {code}" + (f": {last}" if last else "")
