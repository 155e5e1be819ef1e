"""Keeps the empty database of the installed Prefect, so that a new data folder starts with a copy of it.

To make one, Prefect applies the hundreds of changes of its history one after the other, which takes longer than all
the rest of its start. A copy is used only for exactly the same Prefect, and Prefect still looks for changes that it
lacks.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import sqlite3
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

FILE_NAME = "prefect.db"
"""What Prefect calls the database in its data folder."""
_ELSEWHERE = (
    "PREFECT_API_DATABASE_CONNECTION_URL",
    "PREFECT_SERVER_DATABASE_CONNECTION_URL",
)
_QUESTIONS = (
    "PRAGMA quick_check",
    "SELECT count(*) FROM alembic_version",
    "SELECT count(*) FROM flow_run",
)
_CHANGES = "prefect/server/database/_migrations/versions/sqlite/"


def copy_prepared_database(home: Path) -> bool:
    """Put the prepared database into a data folder that has none; tell whether that was done.

    Nothing here can fail: without a copy Prefect makes its database itself.
    """
    target, source = home / FILE_NAME, prepared_database()
    if source is None or target.exists() or any(name in os.environ for name in _ELSEWHERE):
        return False
    with contextlib.suppress(OSError), _whole_file(target) as file:
        file.write_bytes(source.read_bytes())
        if not _is_sound(file):
            source.unlink()
            raise OSError(f"{source} is damaged")
        return True
    return False


def keep_as_prepared(database: Path) -> bool:
    """Keep a database that Prefect has just made and that nothing was written to; tell whether that was done."""
    target = prepared_database()
    if target is None or target.exists():
        return False
    with contextlib.suppress(OSError, sqlite3.Error):
        target.parent.mkdir(parents=True, exist_ok=True)
        with _whole_file(target) as file:
            with (
                contextlib.closing(sqlite3.connect(database)) as made,
                contextlib.closing(sqlite3.connect(file)) as copy,
            ):
                made.backup(copy)
            if not _is_sound(file):
                raise OSError(f"{database} is not as Prefect makes it")
            return True
    return False


def prepared_database() -> Path | None:
    """Return where the empty database of exactly this Prefect is kept; None when Prefect cannot be told."""
    try:
        prefect = distribution("prefect")
    except PackageNotFoundError:
        return None
    changes = sorted(str(file) for file in prefect.files or () if str(file).startswith(_CHANGES))
    if not changes:
        return None
    digest = hashlib.sha256("\n".join(changes).encode()).hexdigest()[:16]
    caches = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return caches / "gonogo" / f"prefect-{prefect.version}-{digest}.db"


def _is_sound(database: Path) -> bool:
    """Tell whether a file is a whole database that Prefect made and no run was recorded in."""
    address = f"{database.absolute().as_uri()}?mode=ro&immutable=1"
    try:
        with contextlib.closing(sqlite3.connect(address, uri=True)) as opened:
            found = [opened.execute(question).fetchone() for question in _QUESTIONS]
    except sqlite3.Error:
        return False
    return found == [("ok",), (1,), (0,)]


@contextlib.contextmanager
def _whole_file(path: Path) -> Iterator[Path]:
    """Give a file beside `path` to write to, which takes its place when the block ends well."""
    file = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        yield file
        with file.open("rb+") as written:
            os.fsync(written.fileno())
        file.replace(path)
    finally:
        file.unlink(missing_ok=True)
