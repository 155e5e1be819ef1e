"""Reads a JSON record of a run directory by its model."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from gates.errors import InputError
from gates.schema import MistakesError, Recorded, read_json

_Model = TypeVar("_Model", bound=Recorded)


def read_record_file(path: Path, model: type[_Model]) -> _Model | None:
    """Read a record; None where there is no such file.

    Raises:
        InputError: The file is there but cannot be understood.
    """
    try:
        return read_json(path.read_bytes(), model)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    except MistakesError as error:
        raise InputError(f"{path} cannot be understood: {error}") from error
