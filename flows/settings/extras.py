"""Extras of the distribution: what the core, which judges, does without, and how to get it."""

from __future__ import annotations

from importlib.util import find_spec

from flows.errors import UsageError

EXTRA_OF = {
    "fastapi": "run",
    "gymnasium": "run",
    "httpx": "run",
    "msgpack": "carla",
    "prefect": "run",
    "prefect_dask": "dask",
    "torch": "run",
    "uvicorn": "run",
}
"""The extra that brings a module."""


class MissingExtraError(UsageError):
    """Something is asked for that an extra brings which is not installed."""

    def __init__(self, module: str) -> None:
        extra = EXTRA_OF[module]
        super().__init__(
            f"This needs the extra {extra} ({module} is not installed): pip install 'gonogo[{extra}]'"
        )


def require(*modules: str) -> None:
    """Check that modules of extras are installed; nothing is imported.

    Raises:
        MissingExtraError: One is not.
    """
    for module in modules:
        if find_spec(module) is None:
            raise MissingExtraError(module)
