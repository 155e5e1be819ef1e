"""Makes text from event files and configurations harmless in Markdown, LaTeX and plot labels.

Templates never decide whether to escape: the template environments pass every value through
`escape_markdown` or `escape_latex`, and only values of type `Safe` go through unchanged.
"""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import quote

_MAX_TEXT = 2_000
_MAX_CODE = 160


class Safe(str):
    """Text that is already escaped for the format in which it is used."""

    __slots__ = ()


def one_line(text: object, *, longest: int = _MAX_TEXT) -> str:
    """Put `text` on one line without control, direction or surrogate characters.

    Line breaks and tabs become a space, other invisible characters their code point (`U+202E`);
    text beyond `longest` characters is cut and marked with an ellipsis.
    """
    raw = str(text)
    cut = raw[:longest]
    shown = cut if cut.isprintable() else "".join(map(_visible, cut))
    return shown + "..." if len(raw) > longest else shown


def _visible(character: str) -> str:
    if character.isprintable():
        return character
    if character.isspace() or character in "\x85\u2028\u2029":
        return " "
    if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"):
        return f"U+{ord(character):04X}"
    return " "


def split_code(text: str) -> tuple[tuple[str, bool], ...]:
    """Split a sentence at pairs of backticks into (text, whether it stood between them)."""
    pieces = text.split("`")
    if len(pieces) % 2 == 0:
        pieces[-2:] = [f"{pieces[-2]}`{pieces[-1]}"]
    return tuple(
        (piece, True) if i % 2 == 1 and piece.strip() else (f"`{piece}`" if i % 2 else piece, False)
        for i, piece in enumerate(pieces)
    )


_MARKUP = re.compile(
    r"[\\`|{}@<>&*\[\]~$]"
    r"|(?<![^\W_])_|_(?![^\W_])"  # between letters or digits it is no markup
    r"|:(?=//)|(?<=[wW]{3})\."  # what makes a link
)
_BACKSLASHED = frozenset("*[]~$_")
_NAMED = {"<": "&lt;", ">": "&gt;", "&": "&amp;"}
_BLOCK_START = re.compile(r"^(?:#|[+=-](?=[\s=-]|$)|\d+[.)](?=\s|$))")


def _escape_prose(text: str) -> str:
    return _MARKUP.sub(_escape_mark, text)


def _escape_mark(match: re.Match[str]) -> str:
    mark = match.group()
    return f"\\{mark}" if mark in _BACKSLASHED else _NAMED.get(mark, f"&#{ord(mark)};")


def escape_markdown(value: object) -> Safe:
    """Escape a value for running text and table cells of Markdown.

    Text between two backticks becomes a code span, because sentences quote tags that way; its
    content is escaped like any other text, so a tag that contains backticks breaks nothing.
    """
    if isinstance(value, Safe):
        return value
    escaped = (
        code_markdown(text) if is_code else _escape_prose(text)
        for text, is_code in split_code(one_line(value))
    )
    text = "".join(escaped).strip()
    if text == "-":
        return Safe(text)
    return Safe(_BLOCK_START.sub(_escape_block_start, text))


def _escape_block_start(match: re.Match[str]) -> str:
    mark = match.group()
    return f"{mark[:-1]}&#{ord(mark[-1])};"


_PLAIN_CODE = re.compile(r"[A-Za-z0-9_./:+=,%()@~^*#'\"!?; -]+")
_UNSAFE_IN_CODE = re.compile(r"[^A-Za-z0-9 ]")


def code_markdown(value: object) -> Safe:
    """Show a name as code: a plain code span, or `<code>` with entities when it holds markup."""
    if isinstance(value, Safe):
        return value
    text = one_line(value, longest=_MAX_CODE).strip()
    if not text:
        return Safe("(empty)")
    if _PLAIN_CODE.fullmatch(text):
        return Safe(f"`{text}`")
    entities = _UNSAFE_IN_CODE.sub(lambda match: f"&#{ord(match.group())};", text)
    return Safe(f"<code>{entities}</code>")


def fence_markdown(lines: tuple[str, ...], language: str = "") -> Safe:
    """Put lines into a code block that their content cannot close."""
    body = [one_line(line) for line in lines]
    longest = max((len(run) for line in body for run in re.findall("`+", line)), default=0)
    fence = "`" * max(3, longest + 1)
    return Safe("\n".join((fence + language, *body, fence)))


_LATEX = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"{\char34}",
    "`": r"\textasciigrave{}",
    "[": r"{[}",
    "]": r"{]}",
    "±": r"$\pm$",
    "≤": r"$\leq$",
    "≥": r"$\geq$",
    "·": r"$\cdot$",
    "×": r"$\times$",
}


def escape_latex(value: object) -> Safe:
    """Escape a value for running text and table cells of LaTeX; unknown characters become `?`."""
    if isinstance(value, Safe):
        return value
    return Safe(
        "".join(
            rf"\texttt{{{_latex(text)}}}" if is_code else _latex(text)
            for text, is_code in split_code(one_line(value).strip())
        )
    )


def _latex(text: str) -> str:
    escaped = "".join(_latex_character(character) for character in text)
    return escaped.replace("--", "-{}-").replace("--", "-{}-")


def _latex_character(character: str) -> str:
    if character in _LATEX:
        return _LATEX[character]
    return character if character.isascii() else "?"


_LABEL_EXTRA = frozenset("≤≥−·×±²")


def plot_label(value: object, *, longest: int = 60) -> str:
    """Reduce a text to characters that the plot font has; formulas are not interpreted."""
    text = one_line(value, longest=longest)
    return "".join(
        character if character.isascii() or character in _LABEL_EXTRA else "?" for character in text
    )


def link_target(path: object) -> Safe:
    """Write a relative path as the target of a link: percent-encoded, so it holds no markup."""
    return Safe(quote(one_line(path), safe="/-_.~"))


def file_name(text: str) -> str:
    """Reduce a check's name to a file name: lower-case letters, digits and hyphens."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:60] or "check"
