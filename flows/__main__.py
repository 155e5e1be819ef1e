"""`python -m flows` is the `gonogo` command."""

from __future__ import annotations

from flows.cli import main

if __name__ == "__main__":  # workers of a Dask cluster import this module again
    main()
