"""Jinja environments in which every value is escaped unless it is marked as safe."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined

from gates.text import format_count, format_number, format_plural, format_share
from reports.text.compiled import TEMPLATES, CompiledTemplates
from reports.text.escaping import (
    code_markdown,
    escape_latex,
    escape_markdown,
    fence_markdown,
    one_line,
)
from reports.text.html import code_html, rich_html


def _load(name: str) -> str:
    return (TEMPLATES / name).read_text(encoding="utf-8")


def _environment(kind: str, **options: Any) -> Environment:
    environment = Environment(
        loader=FunctionLoader(_load),
        bytecode_cache=CompiledTemplates(kind),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        **options,
    )
    environment.filters.update(
        count=format_count, number=format_number, share=format_share, plural=format_plural
    )
    return environment


@lru_cache(maxsize=1)
def markdown_environment() -> Environment:
    """Environment whose expressions are all escaped for Markdown."""
    environment = _environment("markdown", finalize=escape_markdown)
    environment.filters["code"] = code_markdown
    environment.filters["fence"] = fence_markdown
    return environment


@lru_cache(maxsize=1)
def html_environment() -> Environment:
    """Environment whose expressions are all escaped for HTML."""
    environment = _environment("html", autoescape=True)
    environment.filters["code"] = code_html
    environment.filters["rich"] = rich_html
    environment.filters["one_line"] = one_line
    return environment


@lru_cache(maxsize=1)
def latex_environment() -> Environment:
    """Environment whose expressions are all escaped for LaTeX; its delimiters are no braces."""
    return _environment(
        "latex",
        finalize=escape_latex,
        block_start_string="<%",
        block_end_string="%>",
        variable_start_string="<<",
        variable_end_string=">>",
        comment_start_string="<#",
        comment_end_string="#>",
    )


def tidy_lines(text: str) -> str:
    """Leave at most one blank line in a row, no space at line ends, one line break at the end."""
    return re.sub(r"\n{3,}", "\n\n", re.sub(r"[ \t]+\n", "\n", text)).strip("\n") + "\n"
