"""Reads and writes the JSON file that holds the state of a directory, as a pydantic model."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from flows.errors import OutputError, UsageError
from gates.files import write_atomically

Model = TypeVar("Model", bound=BaseModel)


def read_state(path: Path, model: type[Model]) -> Model | None:
    """Read a state file; None when it is not there.

    Raises:
        UsageError: It is there but cannot be understood.
        NotADirectoryError: What should be its folder is none.
    """
    try:
        return model.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except NotADirectoryError:
        raise
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}.") from None
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise UsageError(f"{path} is not a {path.name}: {key}: {first['msg']}.") from None


def write_state(path: Path, state: BaseModel, what: str) -> None:
    """Write a state file whole or not at all.

    Raises:
        OutputError: The folder cannot be written or the disk is full; `what` names what is lost.
    """
    try:
        write_atomically(path, state.model_dump_json(indent=2) + "\n")
    except OSError as error:
        raise OutputError.from_os_error(what, path, error) from error
