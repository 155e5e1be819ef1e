"""Reads and writes JSON files: objects, and pydantic models that hold the state of a folder."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from flows.errors import UsageError, writing
from gates.files import write_atomically
from gates.findings import Finding
from gates.result_file import finite_or_text

if TYPE_CHECKING:
    from pydantic import BaseModel

Model = TypeVar("Model", bound="BaseModel")


def utc_now() -> str:
    """Return the time as the project's files hold it: UTC, ISO 8601, to the second."""
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


def read_json(path: Path) -> dict[str, Any] | None:
    """Read a JSON object; None when the file is missing or incomplete."""
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write a JSON object whole or not at all.

    Raises:
        OSError: It cannot be written.
    """
    write_atomically(path, json.dumps(content, indent=2, allow_nan=False) + "\n")


def strict_json(content: Mapping[str, object]) -> str:
    """Render an object for `--json`: NaN and infinity become text as in gate.json, paths too."""
    plain = finite_or_text(dict(content))
    return json.dumps(plain, indent=2, ensure_ascii=False, allow_nan=False, default=str)


def finding_content(finding: Finding | None, keys: Iterable[str]) -> dict[str, Any] | None:
    """Return some fields of a finding for `--json`; None where there is no finding."""
    return None if finding is None else {key: getattr(finding, key) for key in keys}


def read_state(path: Path, model: type[Model]) -> Model | None:
    """Read a state file; None when it does not exist.

    Raises:
        UsageError: It exists but cannot be understood.
        NotADirectoryError: Its parent is not a folder.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    except NotADirectoryError:
        raise
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}.") from None

    from pydantic import ValidationError

    from flows.settings.mistakes import mistake_text

    try:
        return model.model_validate_json(content)
    except ValidationError as error:
        first = error.errors()[0]
        raise UsageError(f"{path} is not a valid {path.name}: {mistake_text(first)}.") from None


def write_state(path: Path, state: BaseModel) -> None:
    """Write a state file whole or not at all.

    Raises:
        OutputError: The folder cannot be written or the disk is full.
    """
    with writing(path.name, path):
        write_atomically(path, state.model_dump_json(indent=2) + "\n")
