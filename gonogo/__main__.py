"""The `gonogo` command, also as `python -m gonogo`."""

from __future__ import annotations

import gc

if __name__ != "__mp_main__":
    gc.disable()  # imports leave no garbage; a command collects it again while it does its work

import gonogo  # puts our packages in place, also where multiprocessing runs this file again
from flows.cli import main

__all__ = ["gonogo", "main"]

if __name__ == "__main__":
    __spec__ = None  # multiprocessing skips a package's __main__ that has a name, and takes one that has a path
    main()
