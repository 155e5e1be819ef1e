"""One served flow: `python -m flows.cockpit.serving NAME`, a child of `gonogo serve`.

Each flow is served by a process of its own: with several in one process Prefect 3.8.8 leaves runs
behind as running when it is stopped.
"""

from __future__ import annotations

import contextlib
import fcntl
import gc
import inspect
import os
import sys
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

from flows.cockpit.api import Api

_WAIT_S = 0.2


def main(name: str, turn: str) -> None:
    """Register the flow's deployment and run what is asked for until we are stopped.

    Args:
        name: Of the flow.
        turn: Processes of the same turn get ready one after the other.
    """
    with _waiting_for(turn):
        from prefect.types.entrypoint import EntrypointType

        from flows.cockpit.deployed import DEPLOYED
    # On SIGTERM Prefect 3.8.8 forgets to wait for its own clean-up and ends by unwinding instead.
    warnings.filterwarnings("ignore", message="coroutine 'Runner.astop' was never awaited")
    flow = next(flow for flow in DEPLOYED if flow.name == name)
    # We are started together with the server, because both take seconds to get ready.
    api = Api(os.environ["PREFECT_API_URL"])
    while not api.answers():
        time.sleep(_WAIT_S)
    flow.__module__ = "gonogo.deployed"  # from where the process of a run imports it
    flow.serve(
        name=name,
        description=inspect.cleandoc(flow.fn.__doc__ or "").partition("\n\nArgs:")[0],
        tags=["gonogo"],
        pause_on_shutdown=False,
        print_starting_message=False,
        entrypoint_type=EntrypointType.MODULE_PATH,
    )


@contextlib.contextmanager
def _waiting_for(turn: str) -> Iterator[None]:
    """Import one process at a time and without looking for garbage, so that the server gets ready first."""
    with (Path(os.environ["PREFECT_HOME"]) / f"turn-{turn}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        gc.disable()
        try:
            yield
        finally:
            gc.freeze()
            gc.enable()


if __name__ == "__main__":
    main(*sys.argv[1:])
