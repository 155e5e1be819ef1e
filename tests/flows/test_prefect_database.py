from __future__ import annotations

import contextlib
import importlib.metadata
import os
import sqlite3
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from flows import prefect_database
from flows.prefect_database import (
    FILE_NAME,
    copy_prepared_database,
    keep_as_prepared,
    prepared_database,
)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder))
    for name in prefect_database._ELSEWHERE:
        monkeypatch.delenv(name, raising=False)
    return folder


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "home with a % and ?"
    folder.mkdir()
    return folder


def made_by_prefect(path: Path, *, runs: int = 0, log: str = "WAL") -> Path:
    """A database with what is looked at, in the way in which Prefect writes."""
    with contextlib.closing(sqlite3.connect(path)) as made, made:
        made.execute(f"PRAGMA journal_mode={log}")
        made.execute("CREATE TABLE alembic_version (version_num TEXT)")
        made.execute("INSERT INTO alembic_version VALUES ('abc')")
        made.execute("CREATE TABLE flow_run (id TEXT)")
        made.executemany("INSERT INTO flow_run VALUES (?)", [(str(n),) for n in range(runs)])
    return path


def revision_in(home: Path) -> str:
    with contextlib.closing(sqlite3.connect(home / FILE_NAME)) as opened:
        (revision,) = opened.execute("SELECT version_num FROM alembic_version").fetchone()
    return str(revision)


def test_a_new_folder_gets_a_copy_and_nothing_else(tmp_path: Path, home: Path, cache: Path) -> None:
    assert not copy_prepared_database(home)
    assert keep_as_prepared(made_by_prefect(tmp_path / "new.db"))
    assert copy_prepared_database(home)
    assert revision_in(home) == "abc"
    assert [file.name for file in home.iterdir() if not file.name.startswith(FILE_NAME)] == []
    assert list((cache / "gonogo").iterdir()) == [prepared_database()]


def test_another_release_never_gets_it(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep_as_prepared(made_by_prefect(tmp_path / "new.db"))
    kept = prepared_database()
    real = importlib.metadata.distribution("prefect")

    files = real.files or ()
    one_more = f"{prefect_database._CHANGES}2099_01_01_one_more.py"
    newer = SimpleNamespace(version="99.0.0", files=files)
    changed = SimpleNamespace(version=real.version, files=(*files, one_more))
    for other in (newer, changed):
        monkeypatch.setattr(prefect_database, "distribution", lambda _, other=other: other)
        assert prepared_database() != kept
        assert not copy_prepared_database(home)
    assert not (home / FILE_NAME).exists()


def test_without_prefect_there_is_none(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    def missing(name: str) -> None:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(prefect_database, "distribution", missing)
    assert prepared_database() is None
    assert not copy_prepared_database(home)


def test_a_history_is_never_replaced(tmp_path: Path, home: Path) -> None:
    keep_as_prepared(made_by_prefect(tmp_path / "new.db"))
    (home / FILE_NAME).write_bytes(b"my runs")
    assert not copy_prepared_database(home)
    assert (home / FILE_NAME).read_bytes() == b"my runs"


def test_another_database_is_left_to_its_owner(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep_as_prepared(made_by_prefect(tmp_path / "new.db"))
    monkeypatch.setenv("PREFECT_API_DATABASE_CONNECTION_URL", "postgresql+asyncpg://there/db")
    assert not copy_prepared_database(home)


@pytest.mark.parametrize("content", [b"", b"no database", "cut"])
def test_a_damaged_copy_is_not_used_and_not_kept(
    tmp_path: Path, home: Path, content: bytes | str
) -> None:
    keep_as_prepared(made_by_prefect(tmp_path / "new.db"))
    kept = prepared_database()
    assert kept is not None
    whole = kept.read_bytes()
    kept.write_bytes(whole[: len(whole) // 2] if isinstance(content, str) else content)
    assert not copy_prepared_database(home)
    assert list(home.iterdir()) == []
    assert not kept.exists()


def test_somebody_s_runs_are_never_kept(tmp_path: Path) -> None:
    assert not keep_as_prepared(made_by_prefect(tmp_path / "used.db", runs=1))
    assert not keep_as_prepared(tmp_path / "missing.db")
    kept = prepared_database()
    assert kept is not None
    assert not kept.exists()


def test_a_cache_that_cannot_be_written_costs_nothing(tmp_path: Path, cache: Path) -> None:
    cache.write_text("a file where a folder should be")
    assert not keep_as_prepared(made_by_prefect(tmp_path / "new.db"))


SERVE = """
import sys
from pathlib import Path
from flows.prefect_environment import prepare_environment
from flows.prefect_server import prefect_server
prepare_environment(Path(sys.argv[1]))
with prefect_server() as url:
    print(url)
"""


@pytest.mark.slow
def test_prefect_itself_sees_no_difference(tmp_path: Path, cache: Path) -> None:
    """Its database of a new folder, made by itself and copied, has the same tables and rows."""
    found = []
    for name in ("first", "second"):
        kept = {k: v for k, v in os.environ.items() if not k.startswith("PREFECT_")}
        subprocess.run(
            [sys.executable, "-c", SERVE, str(tmp_path / name)],
            env=kept,
            check=True,
            stdout=subprocess.DEVNULL,
        )
        with contextlib.closing(sqlite3.connect(tmp_path / name / FILE_NAME)) as opened:
            tables = opened.execute(
                "SELECT name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%' ORDER BY name"
            ).fetchall()
            names = [row[0] for row in tables if (row[1] or "").startswith("CREATE TABLE")]
            counts = {
                table: opened.execute(f'SELECT count(*) FROM "{table}"').fetchone()
                for table in names
            }
        found.append((tables, counts))
        kept_copy = prepared_database()
        assert kept_copy is not None
        assert kept_copy.is_file()
    assert found[0] == found[1]
