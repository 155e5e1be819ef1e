"""Errors of the gates package.

GonogoError
└── GatesError
    ├── InputError        the directory or file to be judged cannot be used
    └── GateConfigError   a gate, dialect or run configuration file has mistakes

A bad run is never an error: it is a verdict.
"""

from __future__ import annotations


class GonogoError(Exception):
    """Root of every error that gonogo raises on purpose; its text is written for the user."""


class GatesError(GonogoError):
    """Root of the errors that gates raise; its text is one sentence."""


class InputError(GatesError):
    """The input cannot be judged at all: it is missing, empty, unreadable or no event file."""


class GateConfigError(GatesError):
    """A configuration file has mistakes; all of them are in `mistakes`, each with file and key."""

    def __init__(self, mistakes: tuple[str, ...]) -> None:
        super().__init__("\n".join(mistakes))
        self.mistakes = mistakes
