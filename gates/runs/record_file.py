"""Reads a JSON record of a run directory by its model."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from gates.errors import InputError


class RecordModel(BaseModel):
    """Base of the records; a later trainer may record more."""

    model_config = ConfigDict(extra="ignore", frozen=True, allow_inf_nan=False, defer_build=True)


_Model = TypeVar("_Model", bound=RecordModel)


def read_record_file(path: Path, model: type[_Model]) -> _Model | None:
    """Read a record; None where there is no such file.

    Raises:
        InputError: The file is there but cannot be understood.
    """
    try:
        return model.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "it"
        raise InputError(f"{path} cannot be understood: {place}: {first['msg']}") from error
