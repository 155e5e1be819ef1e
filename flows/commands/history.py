"""`gonogo history`: every judged run below a folder, newest first, as a table or as JSON."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path

from flows.commands.terminal import say
from flows.records.json_file import strict_json
from flows.records.trainer_files import printable
from flows.settings.seeds import seeds_text
from flows.stored.history import History, HistoryRow, read_history

_HASH_LENGTH = 8
_MOST_UNREADABLE = 20
_HEADINGS = (
    "started (UTC)", "preset", "seed", "stage", "run", "verdict", "decided by", "likely cause",
    "config", "steps/s",
)  # fmt: skip


def show_history(
    directory: Path, *, preset: str | None, stage: str | None, limit: int | None, as_json: bool
) -> int:
    """Print the judged runs below a folder and return 0, even if there are none.

    Raises:
        UsageError: There is no such folder.
    """
    history = read_history(directory, preset=preset, stage=stage, limit=limit)
    if as_json:
        print(_as_json(history))
        return 0
    if not history.rows:
        say(f"No judged run below {directory}" + _asked_for(preset, stage) + ".")
    elif sys.stdout.isatty():
        _print_rich(history.rows)
    else:
        _print_plain(history.rows)
    for line in _remarks(history):
        say(line)
    return 0


def _print_plain(rows: tuple[HistoryRow, ...]) -> None:
    """Print one line a run, columns under each other, for grep and files."""
    cells = [_HEADINGS, *(_cells(row) for row in rows)]
    widths = [max(len(cell) for cell in column) for column in zip(*cells, strict=True)]
    for line in cells:
        padded = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        print("  ".join(padded).rstrip(), flush=True)


def _print_rich(rows: tuple[HistoryRow, ...]) -> None:
    """Print a table; what decided and the likely cause share a cell, so that 100 columns do."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    colours = {"GO": "green", "CONDITIONAL": "yellow", "NO_GO": "bold red"}
    table = Table(show_edge=False, pad_edge=False, box=None, header_style="bold", padding=(0, 1))
    headings = (*_HEADINGS[:6], "decided by, likely cause", *_HEADINGS[8:])
    for heading in headings:
        number = heading in ("seed", "steps/s")
        table.add_column(
            "date" if heading == _HEADINGS[0] else heading,
            justify="right" if number else "left",
            overflow="fold",
        )
    for row in rows:
        date, preset, seed, stage, run, verdict, check, cause, config, speed = _cells(row)
        why = check if cause == "-" else f"{check}\n  {cause}"
        table.add_row(
            Text(date[:10]), Text(preset), Text(seed), Text(stage), Text(run),
            Text(verdict, style=colours.get(row.verdict, "")), Text(why), Text(config, style="dim"),
            Text(speed),
        )  # fmt: skip
    Console(highlight=False).print(table)


def _cells(row: HistoryRow) -> tuple[str, ...]:
    cells = (
        row.started_at[:16].replace("T", " "),
        row.preset,
        seeds_text(row.seeds) if row.seeds else "" if row.seed is None else str(row.seed),
        row.stage,
        row.run,
        f"{row.verdict}, {row.decision}" if row.decision else row.verdict,
        row.deciding_check,
        row.cause,
        row.config_sha256[:_HASH_LENGTH],
        "" if row.steps_per_s is None else f"{row.steps_per_s:,.4g}",
    )
    return tuple(" ".join(printable(cell).split()) or "-" for cell in cells)


def _remarks(history: History) -> list[str]:
    lines = []
    if history.older:
        lines.append(f"{history.older:,} older not shown.")
    if history.without_verdict:
        lines.append(
            f"{history.without_verdict:,} recorded without a verdict: broken, cancelled or still running."
        )
    lines += [f"Not readable: {u.path}: {u.reason}" for u in history.unreadable[:_MOST_UNREADABLE]]
    if len(history.unreadable) > _MOST_UNREADABLE:
        lines.append(f"Not readable: {len(history.unreadable) - _MOST_UNREADABLE:,} more.")
    return lines


def _asked_for(preset: str | None, stage: str | None) -> str:
    parts = [f"preset {preset}"] if preset else []
    parts += [f"stage {stage}"] if stage else []
    return f" of {', '.join(parts)}" if parts else ""


def _as_json(history: History) -> str:
    content = {
        "format": 1,
        "runs": [asdict(row) for row in history.rows],
        "older": history.older,
        "without_verdict": history.without_verdict,
        "unreadable": [asdict(u) for u in history.unreadable],
    }
    return strict_json(content)
