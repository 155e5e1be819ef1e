"""How near the checks that passed came to their levels, beside the sound runs of the benches."""

from __future__ import annotations

import json
from collections.abc import Iterable

from gates.errors import GateConfigError
from gates.findings import Finding, Nearness
from gates.runs.config_files import config_dir


def nearness(findings: Iterable[Finding]) -> tuple[Nearness, ...]:
    """Return the required checks that passed on a scale, the one that left sound runs farthest behind first.

    Raises:
        GateConfigError: config/nearness.json is missing or broken.
    """
    known = _known()
    near = [
        Nearness(
            check=finding.check,
            title=finding.title,
            share=share,
            sound_share=float(known[finding.check]["share"]),
            sound_runs=int(known[finding.check]["runs"]),
        )
        for finding in findings
        if finding.required and not finding.dry_run and finding.check in known
        if (share := finding.share_of_level) is not None
    ]
    return tuple(sorted(near, key=lambda n: (-n.beyond_sound, n.check)))


def _known() -> dict[str, dict[str, float]]:
    path = config_dir() / "nearness.json"
    try:
        found: dict[str, dict[str, float]] = json.loads(path.read_text(encoding="utf-8"))["checks"]
        return found
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise GateConfigError((f"{path}: {error}",)) from error
