"""A folder with a state file that one process writes to at a time: of one run, or of several seeds."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from flows.errors import UsageError, writing
from flows.records.folder_lock import lock_folder
from flows.records.json_file import read_state, write_state
from flows.records.state_record import Entry, StageEntries, StateRecord

if TYPE_CHECKING:
    from flows.settings.plan import StagePlan

State = TypeVar("State", bound=StateRecord[Any, Any])
Folder = TypeVar("Folder", bound="StateFolder[Any]")


class StateFolder(Generic[State]):
    """A folder with its state; until the end of a `with` statement only we write to it."""

    file_name: ClassVar[str]
    state_type: ClassVar[type[StateRecord[Any, Any]]]
    stage_type: ClassVar[type[StageEntries[Any]]]
    entry_prefix: ClassVar[str]
    """Of the numbered folders below a stage's: `run-` of `run-001`."""

    def __init__(self, path: Path, record: State, lock: int) -> None:
        """Hold the lock that `_lock` took, or none: -1."""
        self.path = path
        self.record = record
        self.lock = lock
        """File descriptor of the lock; a trainer's guard keeps it open too."""

    @classmethod
    def read(cls, path: Path) -> State | None:
        """Read the state file; None when the folder has none.

        Raises:
            UsageError: It exists but cannot be understood.
        """
        try:
            return read_state(path / cls.file_name, cls.state_type)  # type: ignore[return-value]
        except NotADirectoryError:
            return None

    @classmethod
    def view(cls: type[Folder], path: Path) -> Folder | None:
        """Return the folder for reading only, without its lock; None when it has no state file.

        Raises:
            UsageError: Its state file cannot be understood.
        """
        record = cls.read(path)
        return None if record is None else cls(path.absolute(), record, lock=-1)

    @classmethod
    def reopen(cls: type[Folder], path: Path) -> Folder:
        """Open an existing folder as it is, for us alone.

        Raises:
            UsageError: It is in use or has no state file.
            OutputError: It cannot be written.
        """

        def existing(record: State | None) -> State:
            if record is None:
                raise UsageError(f"{path} holds no {cls.file_name}.")
            return record

        return cls._locked(path, existing)

    @classmethod
    def _locked(
        cls: type[Folder],
        path: Path,
        change: Callable[[Any], Any],
        *,
        create: bool = False,
        wait_s: float = 0.0,
    ) -> Folder:
        """Lock the folder and let `change` make its state from the one that was read, or from None.

        With `create` the folder is made first and the changed state is written.
        """
        path = path.absolute()
        with writing("The folder", path):
            if create:
                path.mkdir(parents=True, exist_ok=True)
            lock = lock_folder(path, wait_s)
        try:
            folder = cls(path, change(cls.read(path)), lock)
            if create:
                folder.save(folder.record)
        except BaseException:
            os.close(lock)
            raise
        return folder

    @classmethod
    def _opened(
        cls: type[Folder],
        path: Path,
        new: State,
        ours: Callable[[Any], Any],
        *,
        wait_s: float = 0.0,
    ) -> Folder:
        """Lock the folder and write the state that `ours` makes; refuse one that holds something else."""
        path = path.absolute()
        known = cls.read(path)
        if known is not None:
            why = cls.why_not(known, new)
            if why:
                raise UsageError(f"{path} holds {why}")
        elif path.is_dir() and any(not entry.name.startswith(".") for entry in path.iterdir()):
            raise UsageError(
                f"{path} is not empty and holds no {cls.file_name}; choose an empty or new folder for "
                "--out."
            )
        return cls._locked(path, ours, create=True, wait_s=wait_s)

    @classmethod
    def why_not(cls, known: Any, new: Any) -> str:
        """Say what else the folder holds than a new state would; empty if it can be taken up."""
        raise NotImplementedError

    def save(self, record: State) -> None:
        """Replace the state and write it.

        Raises:
            OutputError: It cannot be written.
        """
        self.record = record
        write_state(self.path / self.file_name, record)

    def save_entry(self, stage: StagePlan | str, entry: Entry) -> None:
        """Write a new entry, or the new state of one that is known; its stage's name does for the latter.

        Raises:
            OutputError: It cannot be written.
        """
        name = stage if isinstance(stage, str) else stage.name
        entries = self.record.stages.get(name)
        if not isinstance(stage, str):
            plan = {"planned_steps": stage.steps, "gate": stage.gate}
            entries = entries.model_copy(update=plan) if entries else self.stage_type(**plan)
        assert entries is not None, f"stage {name} is not recorded"
        self.save(self.record.with_stage(name, entries.with_entry(entry)))

    def folder_of(self, stage: str, entry: Entry) -> Path:
        """Return the folder of a recorded run or joint judgement."""
        return self.path / stage / entry.name

    def new_folder(self, stage: str) -> Path:
        """Create the next numbered folder of a stage.

        Raises:
            OutputError: It cannot be created.
        """
        folder = self.path / stage
        number = re.compile(rf"{self.entry_prefix}(\d{{3,}})")
        with writing("A new folder", folder):
            folder.mkdir(exist_ok=True)
            known = [int(m.group(1)) for p in folder.iterdir() if (m := number.fullmatch(p.name))]
            new = folder / f"{self.entry_prefix}{max(known, default=0) + 1:03d}"
            new.mkdir()
        return new

    def close(self) -> None:
        """Release the lock."""
        if self.lock >= 0:
            os.close(self.lock)
            self.lock = -1

    def __enter__(self: Folder) -> Folder:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
