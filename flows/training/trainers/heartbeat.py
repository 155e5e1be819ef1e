"""A heartbeat for trainers that write none: inferred from the growth of their event files."""

from __future__ import annotations

import contextlib
import os
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

import numpy as np
from msgspec import structs

from flows.records.json_file import utc_now, write_json
from flows.records.trainer_files import TrainerStatus
from gates.errors import GatesError
from gates.events.folder import event_files
from gates.events.one_run.writers import says_what_it_is
from gates.events.tail import EventTail
from gates.runs.heartbeat import Phase
from gates.runs.translate import Dialect, translate
from gates.series import EventLog, IntArray
from gates.tags import CANONICAL_TAGS

LOOK_S = 1.0
"""Time between two looks at the event files."""
WRITE_S = 5.0
"""Time between two writes of status.json while the phase stays the same."""
_MOST_SHARE = 0.005
"""Share of one processor that reading may take."""
_SPEED_POINTS = 20
_EPISODES = 20
"""Newest episodes that the means are over; a trainer that logs means of its own gives the newest ones."""
_FRESH = 2
"""A fresh start logs its first row within so many intervals from the beginning."""
_LENGTH, _RETURN = "train/episode_length", "train/episode_reward"


class EventHeartbeat:
    """Follows the event files of one attempt and writes status.json in the trainer's place.

    The step is the largest one of any tag that the dialect indexes by environment step. Points of
    earlier attempts in the same folder do not count.
    """

    def __init__(
        self,
        run: Path,
        *,
        planned_steps: int,
        dialect: Dialect,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Begin with what is there already, which is not of this attempt."""
        self._run = run
        self._planned_steps = planned_steps
        self._dialect = dialect
        self._clock = clock
        self._tail = EventTail(run)
        self._began = time.time()
        self._points = 0
        self.bytes = -1
        """Of all files below the event folder, readable or not, and of event files beside it."""
        self.problem = ""
        """Why the event files cannot be read; empty when they can."""
        self.step = 0
        """Largest environment step that this attempt logged."""
        self._rows: IntArray = np.empty(0, dtype=np.int64)
        self._seen: deque[tuple[float, int]] = deque(maxlen=_SPEED_POINTS)
        self._due = self._write_due = clock()
        self._episodes = {tag: deque[float](maxlen=_EPISODES) for tag in (_LENGTH, _RETURN)}
        self._newest: TrainerStatus | None = None
        self.first_step: int | None = None
        """Lowest environment step that this attempt logged; None before the first."""
        self._files_seen: frozenset[Path] = frozenset()
        self._reached: dict[str, int] = {}
        """Largest step of each tag that this attempt logged."""
        self.restarted_at: tuple[int, float] | None = None
        """Step and time at which the trainer went on by itself in a new file, at steps that were logged before."""
        self._steps(self._read())

    def look(self, pid: int | None) -> TrainerStatus | None:
        """Return the heartbeat as of now; None before the first point was logged."""
        now = self._clock()
        if now >= self._due:
            grew = self._look()
            cost = self._clock() - now
            self._due = now + max(LOOK_S, cost / _MOST_SHARE)
            if grew:
                self._set(Phase.TRAINING, pid)
        if self._newest is not None and now >= self._write_due:
            self._write(self._newest)
        return self._newest

    def read_to_the_end(self) -> TrainerStatus | None:
        """Read what was logged last by a process that has ended."""
        if self._look():
            self._set(Phase.TRAINING, None)
        return self._newest

    def end(self, phase: Phase, message: str) -> TrainerStatus:
        """Read what was logged last and say how the attempt ended."""
        self._look()
        status = self._set(phase, None, message)
        self._write(status)
        return status

    def _look(self) -> bool:
        """Read on; tells whether anything is new."""
        log = self._read()
        points = sum(len(series) for series in log.series.values())
        if not points:
            return False
        self._points += points
        self._note_restart(log)
        self._note_episodes(log)
        every = self._steps(log)
        if len(every):
            lowest, highest = int(every.min()), int(every.max())
            if self.first_step is None:
                self.first_step = lowest
            if highest > self.step or not self._seen:
                self.step = max(highest, self.step)
                self._seen.append((self._clock(), self.step))
        return True

    @property
    def last_row(self) -> int:
        """Largest environment step of the whole run, attempts before this one included; 0 without one."""
        return int(self._rows.max(initial=0))

    @property
    def interval(self) -> int:
        """Largest distance between two rows of the run; of few rows, also that from its beginning."""
        rows = self._rows if len(self._rows) >= 3 else np.append(0, self._rows)
        return int(np.diff(rows).max(initial=0))

    def _steps(self, log: EventLog) -> IntArray:
        """Return the environment steps of all points that have one, and keep them as rows of the run."""
        steps = [s.steps for tag, s in log.series.items() if len(s) and self._counts(tag)]
        every = np.concatenate([np.empty(0, dtype=np.int64), *steps])
        self._rows = np.union1d(self._rows, every)
        return every

    def _note_restart(self, log: EventLog) -> None:
        """Notice a launcher that started the trainer again: all files have ended when one begins that goes on earlier.

        One that begins afresh, as another run in the same folder does, is none.
        """
        seen, self._files_seen = self._files_seen, frozenset(file.path for file in log.files)
        steps = {tag: s.steps for tag, s in log.series.items() if len(s) and self._counts(tag)}
        falls = [
            int(steps[tag].min())
            for tag in steps.keys() & self._reached.keys()
            if steps[tag].min() < self._reached[tag]
        ]
        common = len(steps.keys() & self._reached.keys())
        for tag, every in steps.items():
            self._reached[tag] = max(self._reached.get(tag, 0), int(every.max()))
        begun = [f for f in log.files if f.path not in seen and f.first_wall_time is not None]
        if log.restarted or not seen or len(begun) != 1 or 2 * len(falls) <= common:
            return
        at = begun[0].first_wall_time
        ended = max(f.last_wall_time or 0.0 for f in log.files if f is not begun[0])
        if at is not None and ended < at and min(falls) > _FRESH * self.interval:
            self.restarted_at = (min(falls), (ended + at) / 2)

    def _note_episodes(self, log: EventLog) -> None:
        """Keep the newest lengths and returns, whatever the trainer calls them."""
        translated = translate(log, self._dialect).series
        for tag, kept in self._episodes.items():
            series = translated.get(tag)
            if series is None or not len(series):
                continue
            values = series.values[np.isfinite(series.values)]
            if series.aggregated:
                kept.clear()
                values = values[-1:]
            kept.extend(values[-_EPISODES:].tolist())

    def _mean(self, tag: str) -> float | None:
        kept = self._episodes[tag]
        return float(np.mean(kept)) if kept else None

    @property
    def folder(self) -> Path | None:
        """Where the run's event files lie; None before the first one, and while they cannot be told from another's."""
        return self._tail.folder.path if self._tail.folder is not None else None

    @property
    def written(self) -> tuple[Path, ...]:
        """Folders that the writers of the run made, that of the training first; none while they cannot be told."""
        found = self._tail.folder
        if found is None:
            return ()
        others = [f for f in (*found.below, *found.beside) if says_what_it_is(Path(f.name))]
        return (found.path, *others)

    @property
    def found_nothing(self) -> bool:
        """Whether there is no event file of the run, not even one that cannot be read."""
        return self.folder is None and not self.problem

    def _read(self) -> EventLog:
        if not self._run.is_dir():
            self.problem = f"{self._run} is gone; it was moved or removed while the trainer ran"
            return EventLog(series={}, files=())
        size = sum(map(_size, self._files()))
        if size == self.bytes and self.folder is not None:
            return EventLog(series={}, files=())
        self.bytes = size
        try:
            log = self._tail.poll()
        except GatesError as error:
            self.problem = str(error)
            return EventLog(series={}, files=())
        gone = bool(self._points) and not log.files
        self.problem = f"those that {self._run} held are gone" if gone else ""
        return self._of_this_attempt(log) if log.restarted else log

    def _files(self) -> set[Path]:
        """Return all files below the event folder, and the event files that were found elsewhere."""
        below = os.walk(self._run / "events")
        found = {Path(place, name) for place, _, names in below for name in names}
        folders = self._tail.folder.paths if self._tail.folder is not None else ()
        with contextlib.suppress(GatesError):
            found.update(path for folder in folders for path in event_files(folder))
        return found

    def _of_this_attempt(self, log: EventLog) -> EventLog:
        """Leave out what was logged before this attempt: after a file was replaced everything is read again."""
        kept = {tag: s.where(s.wall_times >= self._began) for tag, s in log.series.items()}
        return structs.replace(
            log, series={tag: series for tag, series in kept.items() if len(series)}
        )

    def _counts(self, tag: str) -> bool:
        """Tell whether a tag's steps are environment steps."""
        entry = self._dialect.tags.get(tag)
        if entry is not None:
            return entry.axis == "env_step"
        return tag in CANONICAL_TAGS

    def _set(self, phase: Phase, pid: int | None, message: str = "") -> TrainerStatus:
        changed = self._newest is None or self._newest.phase != phase.value
        self._newest = TrainerStatus(
            phase=phase.value,
            step=self.step,
            planned_steps=self._planned_steps,
            steps_per_s=self._speed(),
            message=message,
            pid=pid,
            updates=self._points,
            episode_length=self._mean(_LENGTH),
            episode_return=self._mean(_RETURN),
            updated_at=utc_now(),
        )
        if changed:
            self._write_due = self._clock()
        return self._newest

    def _speed(self) -> float | None:
        if len(self._seen) < 2:
            return None
        (then, before), (now, step) = self._seen[0], self._seen[-1]
        return (step - before) / (now - then) if now > then else None

    def _write(self, status: TrainerStatus) -> None:
        self._write_due = self._clock() + WRITE_S
        content = {
            "format": 1,
            "pid": status.pid,
            "phase": status.phase,
            "step": status.step,
            "planned_steps": status.planned_steps,
            "updates": None,
            "steps_per_s": status.steps_per_s,
            "mean_episode_length": status.episode_length,
            "mean_episode_return": status.episode_return,
            "updated_at": utc_now(),
            "message": status.message,
        }
        # A full disk must not end the training that it watches.
        with contextlib.suppress(OSError):
            write_json(self._run / "status.json", content)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
