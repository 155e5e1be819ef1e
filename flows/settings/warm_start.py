"""How a stage begins: fresh, or with what an earlier run learned; and `--warm-start` as it is typed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from flows.errors import UsageError
from flows.settings.run_options import Carry

WarmMode = Literal["fresh", "weights", "learner"]
BEST = "best"
_STEP = re.compile(r"\d[\d_,]*|best")


class WarmStartOption(BaseModel):
    """A checkpoint that a person named, or the order to begin fresh."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    run: Path | None = Field(default=None, description="Run folder; none: begin fresh.")
    at: int | Literal["best"] | None = Field(
        default=None, description="Step of its checkpoint, or best; none: the newest."
    )
    carry: Carry | None = Field(
        default=None, description="What is taken over; none: as the stage file says, else weights."
    )


def parse_warm_start(text: str, carry: Carry | None) -> WarmStartOption | None:
    """Read `RUN`, `RUN:STEP`, `RUN:best` or `fresh`; None for an empty text.

    Raises:
        UsageError: `--carry` was given without a run.
    """
    if text in ("", "fresh"):
        if carry is not None:
            raise UsageError("--carry belongs to --warm-start RUN.")
        return WarmStartOption() if text else None
    run, colon, at = text.rpartition(":")
    if not colon or not _STEP.fullmatch(at):
        return WarmStartOption(run=Path(text).absolute(), carry=carry)
    step = BEST if at == BEST else int(at.replace("_", "").replace(",", ""))
    return WarmStartOption.model_validate(
        {"run": Path(run or ".").absolute(), "at": step, "carry": carry}
    )


def warm_start_words(warm: Mapping[str, object]) -> str:
    """Say what a run began with, from `warm_start` of its request.json or run.json."""
    path = PurePosixPath(str(warm.get("checkpoint", "")))
    run = "/".join(path.parts[-4:-2]) or str(path)
    step = warm.get("step")
    at = f"step {step:,}" if isinstance(step, int) else "its best evaluation"
    what = "weights and optimisers" if warm.get("carry") == "learner" else "weights"
    return f"{what} of {run}, {at} ({str(warm.get('sha256', ''))[:12]})"
