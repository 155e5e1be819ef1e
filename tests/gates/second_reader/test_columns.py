"""tbparse finds the same without pandas, and is read with pandas where anything goes wrong without."""

from __future__ import annotations

import importlib
import json
import queue
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gates.events.reader import read_events
from gates.second_reader import worker
from gates.second_reader.columns import Columns, instead_of_pandas
from gates.second_reader.messages import request_line
from gates.second_reader.process import SecondReader
from gates.second_reader.tbparse_reader import FileToRead, Reading, read_files
from tests.flows.judged_runs import write_events

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def files(tmp_path: Path) -> list[FileToRead]:
    log = read_events(write_events(tmp_path / "run"))
    return [
        FileToRead(path=str(f.path.absolute()), size_bytes=f.size_bytes, sha256=f.sha256)
        for f in log.files
    ]


@pytest.fixture
def loaded() -> Iterator[None]:
    """What this process has loaded of pandas and tbparse stays loaded after the test."""
    kept = {n: m for n, m in sys.modules.items() if n.partition(".")[0] in ("pandas", "tbparse")}
    yield
    sys.modules.update(kept)


def test_no_pandas_is_loaded(files: list[FileToRead]) -> None:
    code = (
        "import sys, queue\n"
        "from gates.second_reader import worker\n"
        "requests = queue.SimpleQueue(); requests.put(sys.stdin.buffer.readline())\n"
        "found = worker._read(requests)\n"
        "print(sum(len(part) for parts in found.parts.values() for part in parts))\n"
        "print(sorted({n.partition('.')[0] for n in sys.modules} & {'pandas', 'fsspec'}))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], input=request_line(files), stdout=subprocess.PIPE, cwd=ROOT
    )
    points, loaded = done.stdout.decode().splitlines()
    assert int(points) > 100
    assert loaded == "['fsspec']"  # barred, not loaded


def test_the_points_are_those_of_pandas(files: list[FileToRead]) -> None:
    with SecondReader() as reader:
        beside = reader.read(files)
    here = read_files(files)
    assert beside.parts.keys() == here.parts.keys()
    for tag, parts in here.parts.items():
        assert sorted(b"".join(p.tobytes() for p in parts)) == sorted(
            b"".join(p.tobytes() for p in beside.parts[tag])
        )


def test_what_breaks_is_read_again_with_pandas(
    files: list[FileToRead], loaded: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames: list[object] = []

    def read(asked: object) -> Reading:
        frames.append(importlib.import_module("pandas").DataFrame)
        if frames == [Columns]:
            raise RuntimeError("columns cannot do that")
        return Reading(explained=["read"])

    requests: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    requests.put(request_line(files))
    monkeypatch.setattr(worker, "read_files", read)
    monkeypatch.setattr(worker, "_NEVER_NEEDED", ())
    assert worker._read(requests).explained == ["read"]
    assert len(frames) == 2
    assert frames[1] is not Columns


def test_columns_count_rows() -> None:
    assert len(Columns()) == 0
    assert Columns.from_dict({}).empty
    assert len(Columns.from_dict({"step": [1, 2], "tag": ["a", "b"]})) == 2
    assert json.dumps(Columns(step=[1]).copy()) == '{"step": [1]}'


def test_the_stand_in_is_gone_afterwards(loaded: None) -> None:
    with instead_of_pandas("tbparse"):
        assert sys.modules["pandas"].DataFrame is Columns  # type: ignore[attr-defined]
    assert "pandas" not in sys.modules
