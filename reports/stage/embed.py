"""Puts a report's plots into the text itself, for places that show Markdown without files."""

from __future__ import annotations

import base64
import re
from pathlib import Path

from reports.stage.plots import FOLDER

MAX_BYTES = 300_000
"""The workflow server's page opens slowly with more (measured: 4 s at 200 KB of text)."""

_PLOT = re.compile(rf"!\[([^\n]*?)\]\(({FOLDER}/[a-z0-9-]+\.png)\)")


def embed_plots(markdown: str, out_dir: Path, *, max_bytes: int = MAX_BYTES) -> str:
    """Replace the links to plots by the plots, in order, while the whole text fits `max_bytes`.

    A plot that is missing or does not fit becomes its description with its path.
    """
    matches = list(_PLOT.finditer(markdown))
    room = max_bytes - len(markdown.encode("utf-8"))
    pieces: list[str] = []
    end = 0
    for match in matches:
        alt, path = match.groups()
        uri = data_uri(out_dir / path)
        pieces.append(markdown[end : match.start()])
        if uri is not None and len(uri) <= room:
            room -= len(uri)
            pieces.append(f"![{alt}]({uri})")
        else:
            pieces.append(f"{alt} (`{path}`)")
        end = match.end()
    return "".join([*pieces, markdown[end:]])


def data_uri(path: Path) -> str | None:
    """Return a PNG file as a data URI, or None when it cannot be read."""
    try:
        return png_uri(path.read_bytes())
    except OSError:
        return None


def png_uri(content: bytes) -> str:
    """Return the content of a PNG file as a data URI."""
    return "data:image/png;base64," + base64.b64encode(content).decode("ascii")
