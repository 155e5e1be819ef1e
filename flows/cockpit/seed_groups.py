"""From a filled-in form to a group of seeds: more seeds than one, or the folder of a group."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from flows.cockpit.choices import pipeline_folder, presets, runs_folder, stages
from flows.cockpit.form_requests import live_mode, stamp
from flows.commands.run_seeds import build_seeds_request
from flows.records.group_dir import default_group_directory, read_group
from flows.seeds.request import SeedsRequest
from flows.settings.seeds import checked_seeds


def is_group(go_on_in: str) -> bool:
    """Tell whether a form names the folder of a group."""
    return bool(go_on_in.strip()) and read_group(pipeline_folder(go_on_in)) is not None


def whole_group(
    *,
    preset: str,
    stage_names: Sequence[str],
    seed: int,
    more_seeds: Sequence[int],
    overrides: Sequence[str],
    changed: str,
    expected: str,
    live_gate: str,
    go_on_in: str,
    created: datetime,
    flow_run: UUID,
    override_no_go: str | None,
    overridden_by: str,
    override_reason: str,
    **options: Any,
) -> SeedsRequest:
    """Return the request of `staged-validation` for several seeds.

    Args:
        preset: Name that the form shows.
        stage_names: Names that the form shows.
        seed: The first seed of a new group.
        more_seeds: The others, or seeds to add to an existing group.
        overrides: Changes to the recipe.
        changed: Note of the user.
        expected: What the user expects.
        live_gate: Choice of the form.
        go_on_in: Folder of an existing group, or empty.
        created: When the flow run was created.
        flow_run: Its id.
        override_no_go: Stage whose joint NO_GO is overridden, or None.
        overridden_by: Who overrides; ignored without `override_no_go`.
        override_reason: Why; ignored without `override_no_go`.
        options: Of `build_seeds_request`.

    Raises:
        UsageError: A seed stands twice, or the group cannot be used.
    """
    out = pipeline_folder(go_on_in) if go_on_in.strip() else None
    group = read_group(out) if out is not None else None
    seeds = checked_seeds({*group.seeds, *more_seeds} if group else [seed, *more_seeds])
    if out is None:
        name = default_group_directory(preset, seeds, stamp(created, flow_run)).name
        out = runs_folder() / name
    return build_seeds_request(
        seeds=seeds,
        jobs=None,
        engine="local",
        dask_address=None,
        seed=None,
        preset=None if group else presets()[preset],
        stages=None if group else [stages()[name] for name in stage_names],
        out=out,
        overrides=[text.strip() for text in overrides],
        retrain=False,
        note=changed.strip(),
        expectation=expected.strip(),
        live=live_mode(live_gate),
        override_no_go=override_no_go,
        name=overridden_by.strip() if override_no_go else "",
        reason=override_reason.strip() if override_no_go else "",
        **options,
    )
