"""Gate events on Prefect's event stream, for automations: who wants to be told of a NO_GO listens here."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

VERDICT = "gonogo.gate.verdict"
"""One stage of one seed was judged."""
JOINT_VERDICT = "gonogo.seeds.verdict"
"""A stage was judged over all seeds of a group."""
WAITS = "gonogo.gate.waits"
"""A CONDITIONAL waits for a person's decision."""
DECISION = "gonogo.gate.decision"
"""A person or a time-out decided about a verdict."""


def emit_gate_event(
    folder: Path, *, key: str, event: str, labels: Mapping[str, str], deciding: str
) -> None:
    """Send one event; Prefect adds the flow run and the deployment by itself.

    Args:
        folder: Run or joint judgement that the event is about.
        key: Of the report's artifact, which names preset, seed and stage.
        event: One of this module's names.
        labels: `verdict`, `stage`, `preset`, `seed` and so on; automations match them by the names
            `gonogo.verdict` and so on.
        deciding: The sentence that decided. Any text may stand in it: templates have to encode it.
    """
    from prefect.events import emit_event

    known = {name: value for name, value in labels.items() if value}
    emit_event(
        event=event,
        resource={
            "prefect.resource.id": f"gonogo.stage.{key}",
            "prefect.resource.name": key,
            **{f"gonogo.{name}": value for name, value in known.items()},
        },
        payload={**known, "deciding": deciding, "folder": str(folder)},
    )
