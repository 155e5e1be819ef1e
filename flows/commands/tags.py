"""`gonogo tags`: what an unknown trainer logs, and a mapping file to start from."""

from __future__ import annotations

from pathlib import Path

from flows.commands.terminal import say
from flows.errors import UsageError, writing
from flows.settings.shell_path import shell_path
from gates.events.reader import read_events
from gates.runs.mapping_file import mapping_file
from gates.runs.tag_guess import TagSummary, summarise
from gates.runs.translate import detect
from gates.text import format_number

_COLUMNS = ("tag", "points", "steps", "every", "values", "over", "could be")


def list_tags(directory: Path, *, write: Path | None, planned_steps: int | None) -> int:
    """Print the table of tags of a directory of event files; write a mapping file where one is wanted.

    Raises:
        UsageError: The mapping file exists already.
        InputError: The directory holds no run that can be read.
        OutputError: The mapping file cannot be written.
    """
    log = read_events(directory)
    tags = summarise(log, planned_steps)
    for line in _table(tags):
        say(line)
    for name, why in log.ignored.items():
        say(f"Not read: {name}, {why}.")
    known = detect(log)
    if log.series and known.signature is not None:
        say(f"These are the tags of {known.title}; no mapping file is needed.")
    if write is None:
        return 0
    if write.exists():
        raise UsageError(f"{write} exists already; give another name, or remove it.")
    with writing("The mapping file", write):
        write.write_text(mapping_file(tags, directory.resolve().name), encoding="utf-8")
    say(f"Mapping file: {shell_path(write)}. Check every line, then:")
    say(f"gonogo gate {shell_path(directory)} --stage STAGE --dialect {shell_path(write)}")
    return 0


def _table(tags: tuple[TagSummary, ...]) -> list[str]:
    rows = [_COLUMNS, *(_row(tag) for tag in tags)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(_COLUMNS))]
    return [
        "  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def _row(tag: TagSummary) -> tuple[str, ...]:
    values = f"{format_number(tag.low)} to {format_number(tag.high)}"
    if tag.not_finite:
        values += f", {tag.not_finite:,} not finite"
    return (
        tag.tag,
        f"{tag.points:,}",
        f"{tag.first_step:,} to {tag.last_step:,}",
        f"{tag.every:,}",
        values,
        tag.axis,
        ", ".join(tag.could_be),
    )
