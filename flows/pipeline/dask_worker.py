"""What a Dask worker of this machine does first: it leaves the terminal's process group.

Ctrl-C is sent to the whole group. Workers that got it would die at once, be started again, and train
again, instead of letting their trainers save a checkpoint when the group asks for it.
"""

from __future__ import annotations

import contextlib
import logging
import os


def dask_setup(_worker: object) -> None:
    """Be called by Dask in each worker process as it starts."""
    with contextlib.suppress(PermissionError):  # it leads a session already
        os.setpgrp()
    # The command reports how a seed ended; here it would be a traceback on the terminal.
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
