"""Mistakes in settings as records, and the name that a typo was probably meant to be."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

from pydantic import BaseModel, ConfigDict

CUTOFF = 0.5
"""Similarity from which a name is suggested, 0 to 1."""


class Mistake(BaseModel):
    """One thing that is wrong with a request."""

    model_config = ConfigDict(frozen=True)

    key: str = ""
    """Dotted key, such as `train.actor_lr`; empty if no single key is to blame."""
    text: str
    """What is wrong, without the key."""
    nearest: str = ""
    """What was probably meant; empty if nothing comes close."""

    def __str__(self) -> str:
        """Write the mistake as one sentence."""
        where = f"{self.key}: " if self.key else ""
        return f"{where}{self.text}{hint(self.nearest)}"


def nearest(name: str, known: Iterable[str]) -> str:
    """Return the known name that is most like `name`, ignoring case; empty if none comes close."""
    names = {known_name.lower(): known_name for known_name in known}
    near = difflib.get_close_matches(name.lower(), names, n=1, cutoff=CUTOFF)
    return names[near[0]] if near else ""


def hint(near: str) -> str:
    """Return the end of a sentence that suggests `near`; empty if there is nothing to suggest."""
    return f"; did you mean {near}?" if near else ""


def did_you_mean(name: str, known: Iterable[str], *, rest: Sequence[str] = ()) -> str:
    """Return `; did you mean X?` or nothing; `rest` are the dotted parts that follow the name."""
    near = nearest(name, known)
    return hint(".".join([near, *rest]) if near else "")
