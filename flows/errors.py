"""Errors of the flows package, each with the exit code that the command line ends with.

FlowsError, a gates.errors.GonogoError
├── ConfigError          exit 2: a preset, stage, gate or override has mistakes, all listed
├── UsageError           exit 2: what was asked for cannot be done as asked
│   └── InUseError       another process works in the pipeline directory
├── OutputError          exit 1: a file or folder cannot be written
├── TrainingBrokenError  exit 1: the trainer did not end as a trainer should
└── ServerError          exit 1: Prefect's server does not answer

A NO_GO is never an error here: it is a verdict.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from gates.errors import GonogoError


class FlowsError(GonogoError):
    """Root of the errors that flows raise."""

    exit_code = 1


class ConfigError(FlowsError):
    """The configuration has mistakes; `mistakes` holds one sentence each, with file and key."""

    exit_code = 2

    def __init__(self, mistakes: Iterable[str]) -> None:
        self.mistakes = tuple(mistakes)
        super().__init__("\n".join(self.mistakes))


class UsageError(FlowsError):
    """What the user asked for cannot be done as asked."""

    exit_code = 2


class InUseError(UsageError):
    """Another process works in the pipeline directory."""


class OutputError(FlowsError):
    """A file or folder cannot be written: read-only, no such parent, or the disk is full."""


@contextmanager
def writing(what: str, path: Path) -> Iterator[None]:
    """Turn the system's error in the block into an OutputError: what cannot be written, where and why."""
    try:
        yield
    except OSError as error:
        where = error.filename or path
        text = f"{what} cannot be written to {where}: {error.strerror or error}."
        raise OutputError(text) from error


class TrainingBrokenError(FlowsError):
    """The trainer ended without finishing the stage; there is nothing to judge."""

    def __init__(
        self,
        message: str,
        *,
        log_tail: tuple[str, ...] = (),
        full_tail: tuple[str, ...] = (),
        exit_code: int = 1,
    ) -> None:
        super().__init__(message)
        self.log_tail = log_tail
        """Last lines of trainer.log, without a traceback."""
        self.full_tail = full_tail or log_tail
        """More of it, with the traceback."""
        self.exit_code = exit_code


class ServerError(FlowsError):
    """Prefect's server could not be started or does not answer."""
