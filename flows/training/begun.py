"""A training that begins in a thread at once; whoever shows it follows it from when they are ready."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from flows.records.trainer_files import TrainerStatus
from flows.training.process.stopping import (
    StopSwitch,
    no_request_lost,
    raise_lost_request,
    stopped_by,
)
from flows.training.progress import Reporter, Tick
from gates.runs.heartbeat import PREPARING

_LOOK_EVERY_S = 0.5


class BegunTraining:
    """One training in a thread of its own, which a switch stops."""

    def __init__(
        self, stage: str, steps: int, train: Callable[[Reporter], Path], reporter: Reporter
    ) -> None:
        """Begin.

        Args:
            stage: Its name.
            steps: That it is to train.
            train: Trains to the end with the reporter that it is given, and returns the run folder.
            reporter: Hears from the thread what happens.
        """
        self._stage, self._steps, self._train = stage, steps, train
        self._set_up = threading.Event()
        self._heard = _Heard(reporter, self._set_up)
        self._switch = StopSwitch()
        self._ended = threading.Event()
        self.followed = False
        """Whether somebody was told how it went on."""
        self._run: Path | None = None
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._work, name=f"train {stage}", daemon=True)
        self._thread.start()

    def wait_until_set_up(self, most_s: float) -> None:
        """Wait until the trainer has set itself up or the training has ended."""
        self._set_up.wait(most_s)

    def follow(self, reporter: Reporter) -> Path:
        """Tell one more reporter everything, from this thread, until the training ends; return the run folder.

        Raises:
            BaseException: What ended the training, or what interrupted the waiting, after the training saved itself.
        """
        self.followed = True
        try:
            with reporter.training(self._stage, self._steps) as tick, no_request_lost():
                while not self._ended.wait(_LOOK_EVERY_S):
                    raise_lost_request()
                    self._heard.tell(reporter, tick)
                self._heard.tell(reporter, tick)
        except BaseException:
            self.stop()
            raise
        if self._error is not None:
            raise self._error
        assert self._run is not None, "it ended without an error"
        return self._run

    def stop(self) -> bool:
        """Ask the training to stop and wait until it saved itself; a second Ctrl-C takes the time away.

        Returns:
            False when it had ended already.
        """
        if self._ended.is_set():
            return False
        self._switch.stop()
        while not self._ended.is_set():
            try:
                self._ended.wait()
            except BaseException:
                if self._switch.hurried:
                    raise
                self._switch.hurry()
        return True

    def _work(self) -> None:
        try:
            with stopped_by(self._switch):
                self._run = self._train(self._heard)
        except BaseException as error:
            self._error = error
        finally:
            self._ended.set()
            self._set_up.set()


class _Heard:
    """Passes everything on to one reporter, and keeps for a second one what it has not heard yet."""

    def __init__(self, inner: Reporter, set_up: threading.Event) -> None:
        self._inner = inner
        self._set_up = set_up
        self._lines: list[str] = []
        self._newest: TrainerStatus | None = None
        self._told: TrainerStatus | None = None

    def say(self, text: str) -> None:
        """Show one line, and keep it."""
        self._inner.say(text)
        self._lines.append(text)

    @contextmanager
    def training(self, stage: str, steps: int) -> Iterator[Tick]:
        """Show a training, and keep its newest heartbeat."""
        with self._inner.training(stage, steps) as show:

            def tick(status: TrainerStatus) -> None:
                show(status)
                self._newest = status
                if status.phase not in PREPARING:
                    self._set_up.set()

            yield tick

    def tell(self, reporter: Reporter, tick: Tick) -> None:
        """Tell the other reporter what is new."""
        while self._lines:
            reporter.say(self._lines.pop(0))
        newest = self._newest
        if newest is not None and newest is not self._told:
            self._told = newest
            tick(newest)
