"""Runs a command of the command line and ends with its exit code; imports what it needs then."""

from __future__ import annotations

from typing import Any

import typer


def run_and_exit(command: str, *, debug: bool, **options: Any) -> None:
    """Run one command and leave the command line with its exit code.

    Raises:
        typer.Exit: Always.
    """
    from flows.terminal import Ended, one_sentence_for_errors

    try:
        with one_sentence_for_errors(debug=debug):
            code = _run(command, debug, options)
    except Ended as ended:
        code = ended.code
    raise typer.Exit(code)


def _run(command: str, debug: bool, options: dict[str, Any]) -> int:
    if command == "run":
        from flows.run_command import build_request, run_pipeline

        return run_pipeline(build_request(**options), debug=debug)
    if command == "rollback":
        from flows.rollback import roll_back

        return roll_back(**options)
    if command == "gate":
        from flows.gate_command import gate_directory

        return gate_directory(**options)
    if command == "report":
        from flows.gate_command import render_report

        return render_report(**options)
    if command == "history":
        from flows.history_command import show_history

        return show_history(**options)
    if command == "compare":
        from flows.compare_command import compare_runs

        return compare_runs(**options)
    if command == "backtest":
        from flows.backtest_command import backtest_directories

        return backtest_directories(**options)
    from flows.doctor import show

    return show()
