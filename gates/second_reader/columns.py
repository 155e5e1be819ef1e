"""What tbparse needs of pandas to read an event file: columns by name. Loading pandas takes longer than the reading."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import ModuleType
from typing import Any

_NAME = "pandas"


class Columns(dict[str, Sequence[Any]]):
    """Columns of equal length, in the order in which they were read."""

    @classmethod
    def from_dict(cls, columns: Mapping[str, Sequence[Any]]) -> Columns:
        """Take columns as they are."""
        return cls(columns)

    @property
    def empty(self) -> bool:
        """True without a row."""
        return not len(self)

    @property
    def columns(self) -> tuple[str, ...]:
        """Their names."""
        return tuple(self)

    def copy(self) -> Columns:
        """Return the same: nobody changes a column."""
        return self

    def sort_values(self, *_: object, **__: object) -> None:
        """Leave the rows in their order: what is compared is sorted later."""

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(next(iter(self.values()), ()))


def _concat(frames: Sequence[Columns], **_: object) -> Columns:
    (only,) = frames  # one event file, one frame
    return only


@contextmanager
def instead_of_pandas(user: str) -> Iterator[None]:
    """Let the package `user`, which is not loaded yet, find columns in place of pandas inside the block.

    Afterwards neither is loaded, so that `user` can be loaded again with pandas itself.
    """
    stand_in: Any = ModuleType(_NAME)
    stand_in.DataFrame, stand_in.Series, stand_in.concat = Columns, Columns, _concat
    sys.modules[_NAME] = stand_in
    try:
        yield
    finally:
        for name in [n for n in sys.modules if n.partition(".")[0] in (_NAME, user)]:
            del sys.modules[name]
