"""Names of the files in run and pipeline folders, and readers for what a judgement left there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from gates import result_file
from gates.errors import InputError
from gates.findings import GateResult

if TYPE_CHECKING:
    from gates.seeds.result import JointResult

PIPELINE_FILE = "pipeline.json"
"""State of a pipeline directory."""
GROUP_FILE = "group.json"
"""State of a group directory: several seeds of one recipe."""
RUN_FILE = "run.json"
"""What a trainer tells about its run."""
REQUEST_FILE = "request.json"
"""What the trainer was asked to do."""
GATE_FILE = "gate.json"
"""The verdict on one run."""
JOINT_FILE = "joint.json"
"""The verdict on several seeds."""

Result = TypeVar("Result")


def read_result(folder: Path) -> GateResult | None:
    """Read gate.json of a run folder; None when there is none that can be read."""
    return _read(folder / GATE_FILE, result_file.from_json)


def read_joint(folder: Path) -> JointResult | None:
    """Read joint.json of a joint judgement; None when there is none that can be read."""
    from gates.seeds import result_file as joint_file

    return _read(folder / JOINT_FILE, joint_file.from_json)


def _read(path: Path, parse: Callable[[str], Result]) -> Result | None:
    try:
        return parse(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, InputError):
        return None
