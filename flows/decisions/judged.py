"""What a person decides about: the verdict on one run, or the joint verdict on several seeds."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flows.judging.joint_judgement import show_joint
from flows.judging.pipeline_report import save_pipeline_report
from flows.judging.stored_judgement import show_run
from flows.records.decisions import newest_decision
from flows.records.group_dir import GroupDirectory
from flows.records.run_dir import PipelineDirectory
from flows.records.state_record import Entry, WaitRecord
from gates.findings import Verdict


@dataclass(frozen=True)
class Judged:
    """A judgement that a pipeline or group directory records."""

    directory: PipelineDirectory | GroupDirectory
    stage: str
    name: str
    """Folder below the stage's: `run-001`, `joint-001`."""

    @property
    def entry(self) -> Entry:
        """What the state file records of it now."""
        entry: Entry | None = self.directory.record.entry(self.stage, self.name)
        assert entry is not None, "a judgement is recorded"
        return entry

    @property
    def folder(self) -> Path:
        """Folder with gate.json or joint.json, the report and the decisions."""
        return self.directory.path / self.stage / self.name

    @property
    def subject(self) -> str:
        """What was judged: `5k`, `5k of all seeds`."""
        several = isinstance(self.directory, GroupDirectory)
        return f"{self.stage} of all seeds" if several else self.stage

    @property
    def undecided(self) -> bool:
        """True when a person has to decide."""
        return self.entry.verdict is Verdict.CONDITIONAL and newest_decision(self.folder) is None

    def save(self, waits: WaitRecord | None = None) -> None:
        """Write the newest decision, and who waits for one, to the state file and the report of all stages.

        Raises:
            OutputError: The folder cannot be written.
        """
        update = {"decision": newest_decision(self.folder), "waits": waits}
        self.directory.save_entry(self.stage, self.entry.model_copy(update=update))
        save_pipeline_report(self.directory)

    def show(self, waits: WaitRecord | None = None) -> None:
        """Do the same, and write its own report again.

        Raises:
            OutputError: The folder cannot be written.
        """
        self.save(waits)
        if isinstance(self.directory, GroupDirectory):
            show_joint(self.directory, self.stage, self.name)
        else:
            show_run(self.directory, self.stage, self.name)


def newest_judged(path: Path) -> tuple[Judged, ...]:
    """Return the newest judgement of each stage of a pipeline or group directory; none elsewhere.

    Raises:
        UsageError: Its state file cannot be understood.
    """
    directory = view_directory(path)
    stages: Any = directory.record.stages if directory is not None else {}
    return tuple(
        Judged(directory, stage, last.name)
        for stage in stages
        if directory is not None and (last := directory.record.last(stage)) is not None
    )


def judged_at(folder: Path, *, lock: bool = False) -> Judged | None:
    """Return what a pipeline or group records of a judged folder; None when none knows it.

    With `lock` its directory is open for us alone and has to be closed.

    Raises:
        UsageError: The state file cannot be understood.
        InUseError: With `lock`: another process writes there.
    """
    directory, stage, name = view_directory(folder.parents[1]), folder.parent.name, folder.name
    if directory is None or directory.record.entry(stage, name) is None:
        return None
    return Judged(directory.reopen(directory.path) if lock else directory, stage, name)


def view_directory(path: Path) -> PipelineDirectory | GroupDirectory | None:
    """Return a pipeline or group directory for reading only; None when the folder is neither.

    Raises:
        UsageError: Its state file cannot be understood.
    """
    return PipelineDirectory.view(path) or GroupDirectory.view(path)
