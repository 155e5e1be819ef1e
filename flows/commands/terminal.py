"""How the command line speaks: results, errors and exit codes."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any, TextIO, cast

from flows.errors import FlowsError, TrainingBrokenError
from flows.records.trainer_files import printable
from flows.settings.extras import EXTRA_OF, MissingExtraError
from flows.training.process.stopping import StopRequested
from flows.training.progress import LiveReporter, PlainReporter, Reporter
from gates.errors import GatesError
from gates.findings import Finding, GateResult, Outcome, Verdict
from gates.text import format_plural

if TYPE_CHECKING:
    from rich.console import Console

EXIT_CODES = {Verdict.GO: 0, Verdict.NO_GO: 3, Verdict.CONDITIONAL: 4}
EXIT_BROKEN, EXIT_USAGE = 1, 2
_MOST_FINDINGS = 8


class Ended(Exception):  # noqa: N818  # carries an exit code to the top, no error
    """The command is done; `code` is the exit code."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


def say(text: str) -> None:
    """Print a line for people; once nobody can read them, lines are dropped and the work goes on."""
    _print(text, sys.stdout)


def complain(text: str) -> None:
    """Print a line about a mistake to standard error."""
    _print(text, sys.stderr)


def _print(text: str, stream: TextIO) -> None:
    try:
        print(printable(text), file=stream, flush=True)
    except OSError:
        _lead_nowhere(stream)


def _lead_nowhere(stream: TextIO) -> None:
    """Drop what is written from now on: the reader ended, the terminal was closed, the disk of a log is full."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


class _Screen:
    """Standard output, which a terminal that is closed does not break."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write, or drop what can no longer be shown."""
        try:
            return self._stream.write(text)
        except OSError:
            _lead_nowhere(self._stream)
            return len(text)

    def flush(self) -> None:
        """Flush, or drop what can no longer be shown."""
        try:
            self._stream.flush()
        except OSError:
            _lead_nowhere(self._stream)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def reporter() -> Reporter:
    """Return a live bar on a terminal, plain lines elsewhere."""
    return LiveReporter(_screen()) if sys.stdout.isatty() else PlainReporter(say)


def _screen() -> Console:
    from rich.console import Console

    return Console(file=cast("IO[str]", _Screen(sys.stdout)))


@contextmanager
def one_sentence_for_errors(*, debug: bool) -> Iterator[None]:
    """Turn what goes wrong into one clear sentence and an exit code; with `debug` show where.

    Raises:
        Ended: With the exit code, whenever the block did not end by itself.
        BrokenPipeError: Nobody reads standard output.
    """
    try:
        yield
    except (KeyboardInterrupt, StopRequested) as stop:
        why = str(stop) or "Ctrl-C"
        complain(f"Stopped by {why}. What was trained and judged so far is kept.")
        raise Ended(EXIT_BROKEN) from stop
    except (Ended, BrokenPipeError):  # Typer ends quietly when nobody reads what is printed
        raise
    except Exception as broken:
        error = _missing_extra(broken) or broken
        if debug:
            traceback.print_exc()
        for line in error_lines(error, debug=debug):
            complain(line)
        raise Ended(exit_code(error)) from error


def _missing_extra(error: Exception) -> MissingExtraError | None:
    name = (error.name or "").partition(".")[0] if isinstance(error, ModuleNotFoundError) else ""
    return MissingExtraError(name) if name in EXTRA_OF else None


def exit_code(error: Exception) -> int:
    """Return 2 for a mistake in the command or the configuration, else 1."""
    if isinstance(error, FlowsError):
        return error.exit_code
    return EXIT_USAGE if isinstance(error, GatesError) else EXIT_BROKEN


def error_lines(error: Exception, *, debug: bool) -> list[str]:
    """Say what went wrong."""
    mistakes = getattr(error, "mistakes", None)
    if isinstance(mistakes, tuple) and len(mistakes) > 1:
        return [f"gonogo: {len(mistakes)} mistakes:", *(f"  {mistake}" for mistake in mistakes)]
    if isinstance(error, TrainingBrokenError) and len(error.log_tail) > 1:
        tail = error.full_tail if debug else error.log_tail
        return [f"gonogo: {error}", *(f"  | {line}" for line in tail)]
    if isinstance(error, (FlowsError, GatesError)):
        return [f"gonogo: {error}"]
    if isinstance(error, OSError) and error.filename is not None:
        return [f"gonogo: {error.filename}: {error.strerror}"]
    hint = "" if debug else " Run again with --debug to see where."
    return [f"gonogo broke: {type(error).__name__}: {error}.{hint}"]


def result_lines(result: GateResult) -> list[str]:
    """Sum up a judgement: what did not pass, gravest first, and the likely cause."""
    lines: list[str] = []
    unjudged = sum(f.unjudged for f in result.findings)
    counted = [
        f
        for f in result.findings
        if f.outcome is not Outcome.PASS and not f.dry_run and not f.unjudged
    ]
    counted.sort(key=lambda f: (not f.required, -f.outcome.severity))
    lines += map(finding_line, counted[:_MOST_FINDINGS])
    if len(counted) > _MOST_FINDINGS:
        lines.append(f"  and {len(counted) - _MOST_FINDINGS} more in the report")
    if unjudged:
        lines.append(f"  {format_plural(unjudged, 'advisory check')} could not be judged")
    if result.diagnoses:
        best = result.diagnoses[0]
        lines += [f"  {best.heading}: {best.title}", f"  What to do: {best.fix.text}"]
    return lines


def finding_line(finding: Finding) -> str:
    """Write a finding on one line."""
    kind = "" if finding.required else " (advisory)"
    said = finding.fact or finding.reason
    if finding.outcome is Outcome.INCONCLUSIVE or not finding.fact:
        said = f"{finding.title}: {said}"
    if "/" not in said.split(" ", 1)[0]:  # A tag stays as it is written.
        said = f"{said[:1].upper()}{said[1:]}"
    return f"  {finding.outcome.value}{kind}  {said}"
