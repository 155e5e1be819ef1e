"""The `gonogo` command, also as `python -m gonogo`."""

from __future__ import annotations

import gc
import os
import sys

if __name__ != "__mp_main__":
    gc.disable()  # imports leave no garbage; a command collects it again while it does its work

import gonogo  # puts our packages in place, also where multiprocessing runs this file again
from flows import cli

__all__ = ["gonogo", "main"]


def main() -> None:
    """Run the command line; the process ends with the documented exit code."""
    try:
        cli.main()
    except SystemExit as ended:
        if cli.leaving.nothing_is_left:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(int(ended.code or 0))
        raise


if __name__ == "__main__":
    __spec__ = None  # multiprocessing skips a package's __main__ that has a name, and takes one that has a path
    main()
