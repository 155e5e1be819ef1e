"""What goes between a judgement and the process that reads a second time: one line of JSON each way."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import asdict

import numpy as np

from gates.second_reader.tbparse_reader import ROW, FileToRead, Reading, ReadingBrokeError, one_line


def request_line(files: Sequence[FileToRead]) -> bytes:
    """Write which files are to be read."""
    return json.dumps([asdict(file) for file in files]).encode() + b"\n"


def read_request(line: bytes) -> tuple[FileToRead, ...]:
    """Read what `request_line` wrote."""
    return tuple(FileToRead(**file) for file in json.loads(line))


def answer_line(answer: Reading | Exception) -> bytes:
    """Write what was found, or why nothing was; points go over bit for bit."""
    if isinstance(answer, Exception):
        return json.dumps({"broke": one_line(answer)}).encode() + b"\n"
    points = {
        tag: base64.b64encode(b"".join(part.tobytes() for part in parts)).decode("ascii")
        for tag, parts in answer.parts.items()
    }
    told = {
        "points": points,
        "explained": answer.explained,
        "failed": answer.failed,
    }
    return json.dumps(told).encode() + b"\n"


def read_answer(line: bytes) -> Reading:
    """Read what `answer_line` wrote.

    Raises:
        ReadingBrokeError: The reading broke.
        ValueError: The line is not whole.
    """
    told = json.loads(line)
    if "broke" in told:
        raise ReadingBrokeError(told["broke"])
    return Reading(
        parts={
            tag: [np.frombuffer(base64.b64decode(text), dtype=ROW)]
            for tag, text in told["points"].items()
        },
        explained=told["explained"],
        failed=told["failed"],
    )
