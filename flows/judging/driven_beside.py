"""Finds how other runs of a stage drove the same routes: its last GO, and the newest run of each other algorithm."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from flows.records.json_file import read_json
from flows.records.pipeline_record import RunRecord
from flows.records.run_dir import PipelineDirectory, read_record
from flows.records.stored_result import GROUP_FILE, PIPELINE_FILE, REQUEST_FILE
from gates.progress import StageState
from gates.runs.drives import read_final_evaluation
from reports.context import DrivenBeside

MOST_PIPELINES = 200
"""Newest pipelines beside this one that are looked into."""


def driven_beside(
    stage: str, run: RunRecord, directory: PipelineDirectory
) -> tuple[DrivenBeside, ...]:
    """Return what stands beside a run: the last GO before it, and other algorithms of pipelines in the same folder.

    Raises:
        InputError: A record of an evaluation cannot be understood.
        UsageError: A record of a pipeline cannot.
    """
    return (*_last_go(stage, run, directory), *_other_algorithms(stage, run, directory))


def _last_go(stage: str, run: RunRecord, directory: PipelineDirectory) -> tuple[DrivenBeside, ...]:
    runs = directory.record.stages[stage].runs
    before = runs[: [r.run for r in runs].index(run.run)]
    passed = next((r for r in reversed(before) if r.state is StageState.GO), None)
    final = None if passed is None else read_final_evaluation(directory.folder_of(stage, passed))
    if passed is None or final is None:
        return ()
    return (DrivenBeside(f"last GO, {passed.run}", final),)


def _other_algorithms(
    stage: str, run: RunRecord, directory: PipelineDirectory
) -> tuple[DrivenBeside, ...]:
    """Return the newest run of each other algorithm that was trained on the same task and drove the same routes."""
    own = _what(directory.folder_of(stage, run))
    if own.routes is None:
        return ()
    found: dict[str, DrivenBeside] = {}
    for pipeline in _pipelines_beside(directory.path):
        record = read_record(pipeline)
        stored = record.stages.get(stage) if record is not None else None
        judged = [r for r in stored.runs if r.state.judged] if stored is not None else []
        for other in reversed(judged):
            folder = pipeline / stage / other.run
            what = _what(folder)
            if what.algorithm in (own.algorithm, *found) or what.task != own.task:
                continue
            final = read_final_evaluation(folder)
            if final is not None:
                place = f"{pipeline.relative_to(_shelf(directory.path))}/{other.run}"
                found[what.algorithm] = DrivenBeside(f"{what.algorithm.upper()}, {place}", final)
    return tuple(found.values())


@dataclass(frozen=True)
class _What:
    algorithm: str
    env: object
    routes: object

    @property
    def task(self) -> tuple[object, object]:
        return self.env, self.routes


def _what(run: Path) -> _What:
    """Read what was trained, and which routes it drives."""
    told, asked = read_json(run / "run.json") or {}, read_json(run / REQUEST_FILE) or {}
    return _What(str(told.get("algorithm")), told.get("env"), asked.get("routes"))


def _shelf(pipeline: Path) -> Path:
    """Return the folder that pipelines lie in; seeds that belong together lie one folder deeper."""
    return pipeline.parent.parent if (pipeline.parent / GROUP_FILE).exists() else pipeline.parent


def _pipelines_beside(pipeline: Path) -> Iterator[Path]:
    """Yield other pipelines in the same folder, newest first."""
    shelf = _shelf(pipeline)
    files = [*shelf.glob(f"*/{PIPELINE_FILE}"), *shelf.glob(f"*/seed-*/{PIPELINE_FILE}")]
    files.sort(key=lambda file: file.stat().st_mtime, reverse=True)
    for file in files[:MOST_PIPELINES]:
        if file.parent != pipeline:
            yield file.parent
