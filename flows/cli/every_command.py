"""The whole application: each of these modules adds its commands to `app`; the help lists them in this order."""
# ruff: isort: skip_file

from __future__ import annotations

from flows.cli import train, decide, judge, policy, serve, machine  # noqa: F401
from flows.cli.app import app

__all__ = ["app"]
