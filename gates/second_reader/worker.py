"""The process that `gates.second_reader.process` starts: reads files with tbparse for whoever started it.

It loads tbparse, waits for one request on stdin, answers on stdout and ends. When stdin closes, whoever
asked is gone, and it ends at once.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import queue
import threading

from gates.second_reader.messages import answer_line, read_request
from gates.second_reader.tbparse_reader import READER, Reading, quiet, read_files


def main() -> None:
    """Answer one request."""
    gc.disable()  # it lives for a second
    answers = os.dup(1)
    os.dup2(2, 1)  # what a library prints is no answer
    requests: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(requests,), daemon=True).start()
    with quiet(), contextlib.suppress(Exception):  # what is wrong with it is said when it is used
        importlib.import_module(READER)
    found: Reading | Exception
    try:
        found = read_files(read_request(requests.get()))
    except Exception as error:  # it is the asker's to say what that means
        found = error
    with os.fdopen(answers, "wb") as out:
        out.write(answer_line(found))
    os._exit(0)


def _listen(requests: queue.SimpleQueue[bytes]) -> None:
    line = b""
    while part := os.read(0, 1 << 16):
        line += part
        if part.endswith(b"\n"):
            requests.put(line)
    os._exit(0)
