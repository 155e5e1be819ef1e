"""A cause that a rule suspects, with the evidence for it."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct


class Suspicion(Struct, frozen=True, kw_only=True):
    """What a rule found; texts that are the same for every run stand in `gates.diagnosis.diagnose.causes`."""

    cause: str
    evidence: tuple[str, ...]
    """Independent marks, each one sentence with numbers and steps; more marks, better support."""
    does_not_explain: tuple[str, ...] = ()
    instruction: str = ""
    """What to do, when this run tells more than the cause alone."""
    config: Mapping[str, object] | None = None
    """Keys that cure it in this run, in place of the cause's own."""
