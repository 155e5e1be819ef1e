"""What a parser makes of escaped text, never how the escaped text looks."""

import re
from html.parser import HTMLParser

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from reports.text.escaping import (
    code_markdown,
    escape_latex,
    escape_markdown,
    fence_markdown,
    file_name,
    link_target,
    one_line,
    plot_label,
)
from reports.text.html import rich_html

MARKDOWN = MarkdownIt("commonmark").enable(["table", "strikethrough"])
PIECES = [
    "|", "\\", "`", "``", "<", ">", "&", "&amp;", "*", "**", "_", "__", "~", "~~", "[", "]", "(", ")",
    "![x](y)", "[a](http://b)", "http://evil.example", "www.evil.example", "<script>", "<b>", "<!--",
    "{{7*7}}", "{% x %}", "${x}", "$", "\n", "\r\n", "\t", "\u2028", "\x85", "# ", "- ", "1. ", "===",
    "---", "\u202e", "\x00", "\ud800", "a", "b c", "é", "@user", "javascript:x", ":--", "\n\n| y |",
]  # fmt: skip
HOSTILE = st.lists(st.sampled_from(PIECES), max_size=8).map("".join) | st.text(max_size=30)
ALLOWED_INLINE = {"text", "code_inline", "html_inline"}


def _inline(markdown, kind):
    return [t for t in MARKDOWN.parse(markdown) if t.type == "inline"], kind


def _check_inline(token, text):
    """Only text, code spans and our own <code> may come out, and the characters must survive."""
    shown = []
    for child in token.children:
        assert child.type in ALLOWED_INLINE, child
        if child.type == "html_inline":
            assert child.content in ("<code>", "</code>")
        else:
            shown.append(child.content)
    if "`" not in text:
        assert "".join(shown).split() == one_line(text).split()


@given(HOSTILE)
@example("x\n| y |")
@example("a|b")
@example("<script>alert(1)</script>")
@example("`a`|`b")
@example("\\|")
def test_a_table_cell_stays_one_cell_of_plain_text(text):
    table = f"| h | h | h |\n|---|---|---|\n| left | {escape_markdown(text)} | right |\n"
    inlines = [t for t in MARKDOWN.parse(table) if t.type == "inline"]
    assert [t.content for t in inlines[:3]] == ["h", "h", "h"]
    assert len(inlines) == 6
    assert (inlines[3].content, inlines[5].content) == ("left", "right")
    _check_inline(inlines[4], text)


@given(HOSTILE)
@example("# heading")
@example("1. item")
@example("---")
@example("> quote")
@example("    code")
def test_a_paragraph_stays_one_paragraph_of_plain_text(text):
    tokens = MARKDOWN.parse(f"before\n\n{escape_markdown(text)}\n\nafter\n")
    inlines = [t for t in tokens if t.type == "inline"]
    assert {t.type for t in tokens} <= {"paragraph_open", "inline", "paragraph_close"} or (
        text.strip() == "-"
    )
    if len(inlines) == 3:
        _check_inline(inlines[1], text)
    else:
        assert not one_line(text).strip() or text.strip() == "-"


@given(HOSTILE)
@example("a`b")
@example("<b>")
def test_a_name_shown_as_code_stays_code(text):
    table = f"| h | h |\n|---|---|\n| {code_markdown(text)} | right |\n"
    inlines = [t for t in MARKDOWN.parse(table) if t.type == "inline"]
    assert len(inlines) == 4
    assert inlines[3].content == "right"
    kinds = [child.type for child in inlines[2].children]
    if one_line(text).strip():
        assert kinds in (["code_inline"], ["html_inline", "text", "html_inline"])
        assert inlines[2].children[len(kinds) // 2].content.split() == one_line(text).split()
    else:
        assert kinds == ["text"]


def test_sentences_may_quote_tags_in_backticks():
    escaped = escape_markdown("`debug/actor_q_mean` is 5, `a|b` is 6.")
    assert escaped == "`debug/actor_q_mean` is 5, <code>a&#124;b</code> is 6."


def test_ordinary_text_is_left_readable():
    text = "Mean actor_q of run-002: 2.33e+06 (limit 15,670), -5 % at step 1,850."
    assert escape_markdown(text) == text
    assert code_markdown("train/actor_loss") == "`train/actor_loss`"


def test_escaping_twice_changes_nothing_more():
    once = escape_markdown("a|b <c>")
    assert escape_markdown(once) is once


@given(st.lists(HOSTILE, min_size=1, max_size=3))
def test_a_code_block_is_not_closed_by_its_content(lines):
    tokens = MARKDOWN.parse(f"{fence_markdown(tuple(lines), 'sh')}\n\nafter\n")
    assert [t.type for t in tokens] == ["fence", "paragraph_open", "inline", "paragraph_close"]
    assert len(tokens[0].content.split("\n")) == len(lines) + 1


def test_no_control_or_direction_characters_survive():
    assert one_line("a\x00b\u202ec\ud800") == "aU+0000bU+202EcU+D800"
    assert one_line("a\r\nb\tc\u2028d") == "a  b c d"
    assert one_line("x" * 5_000, longest=10) == "x" * 10 + "..."


class _Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags = []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, attrs))


@given(HOSTILE)
def test_html_text_holds_no_tags_but_code(text):
    parser = _Tags()
    parser.feed(str(rich_html(text)))
    assert all(found == ("code", []) for found in parser.tags)


@given(HOSTILE)
@example("\\input{x} & 5 % $x_1^2$ #1 ~")
@example("---")
def test_latex_text_has_no_active_characters(text):
    escaped = str(escape_latex(text))
    # What remains after the escapes themselves are taken away must be inert.
    rest = re.sub(
        r"\\(textbackslash|textasciicircum|textasciitilde|textless|textgreater|textbar"
        r"|textasciigrave)\{\}|\\[{}$&#%_]|\{\\char34\}|\{[\[\]]\}|\$\\(pm|leq|geq|cdot|times)\$"
        r"|\\texttt\{|-\{\}|\}",
        "",
        escaped,
    )
    assert not set(rest) & set('\\{$&#%_^~<>|"`\n')
    assert "--" not in escaped
    assert escaped.count("{") - escaped.count("\\{") == escaped.count("}") - escaped.count("\\}")


@given(HOSTILE)
def test_plot_labels_hold_only_characters_of_the_font(text):
    label = plot_label(text)
    assert "\n" not in label
    assert all(c.isascii() or c in "≤≥−·×±²" for c in label)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("actor_q_bound", "actor-q-bound"), ("../../etc/passwd", "etc-passwd"), ("???", "check")],
)
def test_file_names_are_plain(name, expected):
    assert file_name(name) == expected


@given(HOSTILE)
def test_link_targets_stay_inside_their_parentheses(path):
    tokens = MARKDOWN.parse(f"[report]({link_target('r/' + path)}) end")
    (inline,) = [t for t in tokens if t.type == "inline"]
    assert [c.type for c in inline.children] == ["link_open", "text", "link_close", "text"]
