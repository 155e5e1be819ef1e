"""GO or NO-GO for reinforcement-learning runs: the public Python API.

    import gonogo

    result = gonogo.judge("logs/td3_5k", stage="5k")
    print(result.verdict.value, result.deciding)
    rewards = gonogo.read_events("logs/td3_5k").query("tag == 'train/reward'")

docs/api.md describes it. The other packages (`flows`, `gates`, `reports`, `trainer`, `carla_double`) are internal and
change without notice. Importing gonogo imports neither torch nor Prefect nor matplotlib.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from gonogo.start import JUDGING, load_packages

load_packages(*JUDGING)

if TYPE_CHECKING:
    from flows.errors import ConfigError, UsageError
    from gates.errors import GateConfigError, GonogoError, InputError
    from gates.findings import Diagnosis, Finding, Fix, GateResult, Outcome, Verdict
    from gonogo.evidence.watch import watch
    from gonogo.judging import judge, read_events

__all__ = [
    "ConfigError",
    "Diagnosis",
    "Finding",
    "Fix",
    "GateConfigError",
    "GateResult",
    "GonogoError",
    "InputError",
    "Outcome",
    "UsageError",
    "Verdict",
    "__version__",
    "judge",
    "read_events",
    "watch",
]

_MODULES = ("gates.findings", "gates.errors", "flows.errors", "gonogo.judging")


def __getattr__(name: str) -> Any:
    """Load what is asked for: the command, which starts here, needs none of it."""
    if name == "__version__":
        from importlib.metadata import version

        return version("gonogo")
    if name == "watch":
        return import_module("gonogo.evidence.watch").watch  # imports torch
    if name in __all__:
        for module in map(import_module, _MODULES):
            if hasattr(module, name):
                return getattr(module, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
