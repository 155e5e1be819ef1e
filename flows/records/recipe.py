"""Names a recipe by a hash, so that an earlier GO is kept only for exactly the same training."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from flows.records.source_closure import imported_sources

if TYPE_CHECKING:
    from flows.settings.plan import StagePlan


def recipe_hash(stage: StagePlan) -> str:
    """Hash what shapes a training: request, resolved configuration and the trainer's source.

    The source is that of the loop, the algorithm and the environment, with all that they import;
    for a trainer by command it is the files that the command names. It is read now, because a stage
    may start hours after it was planned.
    """
    source = hashlib.sha256()
    files = (
        imported_sources(stage.code)
        if stage.trainer is None
        else {str(path): path for path in stage.trainer.files()}
    )
    for name, path in files.items():
        source.update(name.encode() + b"\0" + path.read_bytes() + b"\0")
    content = {
        "request": stage.request,
        "resolved": stage.resolved,
        "trainer_source": source.hexdigest(),
    }
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def flat_config(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return a nested configuration with dotted keys."""
    flat: dict[str, Any] = {}
    for key, value in config.items():
        name = f"{prefix}.{key}" if prefix else key
        if isinstance(value, Mapping):
            flat.update(flat_config(value, name))
        else:
            flat[name] = value
    return flat
