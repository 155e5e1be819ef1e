"""What can be wrong with an environment.

EnvironmentSetupError              before its first step, and it would happen again
├── UnknownEnvironmentError        the `id` names no environment that is available
├── MissingExtraError              a package that the environment needs is not installed
└── UnsupportedEnvironmentError    TD3 cannot act in it, or it rejects its settings
SimulatorLostError                 at any time; another attempt may well succeed
"""

from __future__ import annotations

from trainer.mistakes import Mistake


class EnvironmentSetupError(ValueError):
    """An environment cannot be made as configured; `mistake` says why."""

    def __init__(self, text: str, *, key: str = "", nearest: str = "") -> None:
        self.mistake = Mistake(key=key, text=text, nearest=nearest)
        super().__init__(str(self.mistake))


class UnknownEnvironmentError(EnvironmentSetupError):
    """The `id` of an environment names none that is available."""


class MissingExtraError(EnvironmentSetupError):
    """An environment needs a package that is not installed."""


class UnsupportedEnvironmentError(EnvironmentSetupError):
    """An environment exists, but not in a form that can be used here."""


class SimulatorLostError(Exception):
    """A simulator in another process ended or stopped answering.

    The trainer ends with exit code 75, and its supervisor starts it again.
    """
