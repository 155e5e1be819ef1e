"""Ends a flow that cannot do what it was asked with one sentence in its state, no traceback."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, ParamSpec

from prefect.client.schemas import State
from prefect.logging import get_run_logger
from prefect.states import Failed

from flows.commands.terminal import EXIT_USAGE, exit_code
from flows.errors import FlowsError
from gates.errors import GatesError

P = ParamSpec("P")


def in_one_sentence(work: Callable[P, State[Any]]) -> Callable[P, State[Any]]:
    """Turn an error that is written for people into a failed state with its text.

    A request that cannot be met ends as Refused, everything else that went wrong as Failed. Other
    errors are bugs and keep their traceback.
    """

    @functools.wraps(work)
    def run(*args: P.args, **kwargs: P.kwargs) -> State[Any]:
        try:
            return work(*args, **kwargs)
        except (FlowsError, GatesError) as error:
            text = sentence(error)
            get_run_logger().error("%s", text)
            refused = exit_code(error) == EXIT_USAGE
            return Failed(name="Refused" if refused else "Failed", message=text)

    return run


def sentence(error: Exception) -> str:
    """Say what is wrong on one line; several mistakes are counted and listed."""
    mistakes = getattr(error, "mistakes", None)
    if isinstance(mistakes, tuple) and len(mistakes) > 1:
        return f"{len(mistakes)} mistakes: {'; '.join(mistakes)}"
    return " ".join(str(error).split())
