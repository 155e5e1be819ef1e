"""Text for HTML: names as code, and sentences that quote names in backticks."""

from __future__ import annotations

from markupsafe import Markup, escape

from reports.text.escaping import one_line, split_code


def code_html(value: object) -> Markup:
    """Show a name as code."""
    return Markup("<code>") + escape(one_line(value).strip()) + Markup("</code>")


def rich_html(value: object) -> Markup:
    """Escape a sentence; text between two backticks becomes code."""
    return Markup("").join(
        code_html(text) if is_code else escape(text)
        for text, is_code in split_code(one_line(value))
    )
