"""What can be wrong with an environment.

EnvironmentSetupError              before its first step, and it would happen again
├── UnknownEnvironmentError        the `id` names no environment that is available
├── MissingExtraError              a package that the environment needs is not installed
└── UnsupportedEnvironmentError    TD3 cannot act in it, or it rejects its settings
SimulatorLostError                 at any time; another attempt may well succeed
NotFiniteError                     at any time; it returned a number that nothing can be learned from
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


class NotFiniteError(Exception):
    """The environment returned NaN or infinity as a part of an observation or as a reward."""

    def __init__(self, *, part: str, key: str, value: float) -> None:
        self.record = {"part": part, "key": key, "value": str(value)}
        """What status.json says of it: `observation` or `reward`; where in it, as in `observation.speed[1]`; `nan`."""
        super().__init__(f"the environment returned {value} in {key}")


class SimulatorLostError(Exception):
    """A simulator in another process ended or stopped answering.

    The trainer ends with exit code 75, and its supervisor starts it again.
    """
