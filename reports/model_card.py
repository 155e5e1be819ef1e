"""The model card of an exported policy: what it is, how well it drives, how it is loaded."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gates.findings import GateResult
from gates.metrics import Interval, wilson_interval
from gates.runs.drives import FinalEvaluation
from gates.series import EventLog
from reports.stage.sections.driving import driving_view
from reports.text.escaping import Safe
from reports.text.templates import markdown_environment, tidy_lines

_ROUTES = {"training": "like those of the training", "held_out": "held out"}


@dataclass(frozen=True, kw_only=True)
class ExportedPolicy:
    """What the trainer says of a policy file that it wrote; docs/driving.md explains the measures."""

    about: Mapping[str, Any]
    """The description in the file."""
    sha256: str
    bytes: int
    chosen_by_return: float | None
    """Mean return of the evaluation that chose the checkpoint; None where none did."""
    first_seed: int
    """Seed of the first fresh episode."""
    evaluations: Mapping[str, Mapping[str, float]]
    """Fresh evaluations by kind of routes, `training` or `held_out`."""
    largest_difference: float
    """Between actions of the file and of the checkpoint, over all fresh episodes."""
    loader: str
    """Source of the module that loads the file."""


@dataclass(frozen=True, kw_only=True)
class _Row:
    routes: str
    episodes: int
    mean_return: float
    std_return: float
    success: Interval | None
    collisions: float
    off_road: float
    route_completion: float
    score_2_1: float


def model_card(
    policy: ExportedPolicy, *, file: str, result: GateResult | None, final: FinalEvaluation | None
) -> str:
    """Render the card as Markdown.

    Args:
        policy: What was exported.
        file: Name of the policy file.
        result: The gate's result for the run; None where it was not judged.
        final: The evaluation at the end of the run; None where none was made.
    """
    about = policy.about
    empty = EventLog(series={}, files=(), damage=())
    return tidy_lines(
        markdown_environment()
        .get_template("model_card.md.j2")
        .render(
            file=file,
            policy=policy,
            training=about["training"],
            observation=about["observation"],
            action=about["action"],
            meaning=about["meaning"],
            env=tuple(json.dumps(about["env"], indent=2).splitlines()),
            call=(f"about, act = load_policy({json.dumps(file)})", _call(about["observation"])),
            loader=Safe(f"```python\n{policy.loader.strip()}\n```"),
            rows=[_row(kind, values) for kind, values in policy.evaluations.items()],
            result=result,
            driving=driving_view(empty, final) if final is not None else None,
        )
    )


def _call(observation: Mapping[str, Any]) -> str:
    """Write how actions are asked for."""
    seen = [name for name, has in observation.items() if has and has["shape"][0]]
    return f"actions = act({', '.join(f'{name}={name}' for name in seen)})"


def _row(kind: str, values: Mapping[str, float]) -> _Row:
    episodes = int(values["episodes"])
    success = values.get("success")
    nan = float("nan")

    def ended(*endings: str) -> float:
        return sum(values.get(f"end_{ending}", nan) for ending in endings)

    return _Row(
        routes=_ROUTES.get(kind, kind),
        episodes=episodes,
        mean_return=values["mean_return"],
        std_return=values["std_return"],
        success=None
        if success is None
        else wilson_interval(min(round(success * episodes), episodes), episodes),
        collisions=ended("collision_vehicle", "collision_other"),
        off_road=ended("off_road", "wrong_way"),
        route_completion=values.get("route_completion", nan),
        score_2_1=values.get("driving_score_2_1", nan),
    )
