"""The process that `gates.second_reader.process` starts: reads files with tbparse for whoever started it.

It loads tbparse, waits for one request on stdin, answers on stdout and ends. When stdin closes, whoever
asked is gone, and it ends at once.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import queue
import sys
import threading

from gates.second_reader.columns import instead_of_pandas
from gates.second_reader.messages import answer_line, read_request
from gates.second_reader.tbparse_reader import (
    READER,
    Reading,
    quiet,
    read_files,
)

_NEVER_NEEDED = ("fsspec", "tensorflow")
"""Files are local and events plain; TensorBoard and tbparse would load them where they are installed."""


def main() -> None:
    """Answer one request."""
    answers = os.dup(1)
    os.dup2(2, 1)  # what a library prints is no answer
    requests: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(requests,), daemon=True).start()
    found: Reading | Exception
    try:
        found = _read(requests)
    except Exception as error:  # it is the asker's to say what that means
        found = error
    with os.fdopen(answers, "wb") as out:
        out.write(answer_line(found))
    os._exit(0)


def _read(requests: queue.SimpleQueue[bytes]) -> Reading:
    """Read what is asked for without pandas; where anything goes wrong, once more with it."""
    for name in _NEVER_NEEDED:
        sys.modules[name] = None  # type: ignore[assignment]
    with instead_of_pandas(READER):
        with quiet(), contextlib.suppress(Exception):  # it is loaded again when it is used
            importlib.import_module(READER)
        files = read_request(requests.get())
        with contextlib.suppress(Exception):
            reading = read_files(files)
            if not reading.failed:
                return reading
    return read_files(files)


def _listen(requests: queue.SimpleQueue[bytes]) -> None:
    line = b""
    while part := os.read(0, 1 << 16):
        line += part
        if part.endswith(b"\n"):
            requests.put(line)
    os._exit(0)
