"""Functions of an object that are looked at for a while: replaced on the object, put back afterwards."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Replaced:
    """Calls an object's own method, then hands its result over; a copy or pickle of the object has its method."""

    def __init__(self, owner: Any, name: str, look: Callable[..., None]) -> None:
        """Replace the method until `remove`; `look` gets its result and its arguments, and must not raise."""
        self._owner, self._name, self._look = owner, name, look
        self._had = vars(owner).get(name)
        self._original = getattr(owner, name)
        setattr(owner, name, self)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Do what the method does."""
        result = self._original(*args, **kwargs)
        self._look(result, *args, **kwargs)
        return result

    def remove(self) -> None:
        """Put the method back; a second call does nothing."""
        if vars(self._owner).get(self._name) is not self:
            return
        if self._had is None:
            delattr(self._owner, self._name)
        else:
            setattr(self._owner, self._name, self._had)

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, str]]:
        """Become the method of the copied owner."""
        return getattr, (self._owner, self._name)
