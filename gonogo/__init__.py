"""GO or NO-GO for reinforcement-learning runs: the public Python API.

    import gonogo

    result = gonogo.judge("logs/td3_5k", stage="5k")
    print(result.verdict.value, result.deciding)
    rewards = gonogo.read_events("logs/td3_5k").query("tag == 'train/reward'")

docs/api.md describes it. The other packages (`flows`, `gates`, `reports`, `trainer`, `carla_double`) are internal and
change without notice. Importing gonogo imports neither torch nor Prefect nor matplotlib.
"""

from __future__ import annotations

from gonogo import start as _start  # isort: split

_start.load_packages(*_start.JUDGING)

from flows.errors import ConfigError, UsageError  # noqa: E402
from gates.errors import GateConfigError, GonogoError, InputError  # noqa: E402
from gates.findings import Diagnosis, Finding, Fix, GateResult, Outcome, Verdict  # noqa: E402
from gonogo.judging import judge, read_events  # noqa: E402

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
]


def __getattr__(name: str) -> str:
    """Look the version up only when somebody asks for it."""
    if name == "__version__":
        from importlib.metadata import version

        return version("gonogo")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
