"""Markdown reads the same in CommonMark, GitHub's and Python-Markdown, whatever was said."""

from __future__ import annotations

import html
import re
from collections.abc import Callable

import cmarkgfm
import markdown
import pytest
from hostile import NAMES, TEXTS
from hypothesis import given
from hypothesis import strategies as st
from made import transcript
from markdown_it import MarkdownIt

from aai_async import formats
from aai_async.formats._spacing import visible

READERS: dict[str, Callable[[str], str]] = {
    "CommonMark": MarkdownIt().render,
    "GitHub's": cmarkgfm.github_flavored_markdown_to_html,
    "Python-Markdown": markdown.markdown,
    "Python-Markdown with its extras": lambda text: markdown.markdown(text, extensions=["extra"]),
}

MARKUP = (
    *("+ x", "* x", "- x", "1. x", "1) x", "> x", "# x", "=", "===", "---", "***", "term\n: def", "    code"),
    *("*a*", "_a_", "__a__", "~~a~~", "==a==", "`a`", "``", "^a^", "~", "$x$", "snake_case_word", "x**y**z"),
    *(
        "| a | b |",
        "|---|",
        "[^1]",
        "[x]: y",
        "[x](y)",
        "![x](y)",
        "- [ ] x",
        "&copy;",
        "\\*",
        "a\\",
        ":smile:",
    ),
    *("http://x.y/_a_", "<https://x.y>", "www.ex_am_ple.com", "@user", "#12", "*[HTML]: x", "2 * 3 * 4"),
)

MADE_BY_MARKUP = re.compile(r"<(a|em|ul|ol|h\d|li|table|blockquote|del|img|pre|dl|hr|sup|input)\b")


def shown(page: str) -> str:
    """The text of a page as a browser shows it."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", "", page)).split())


def speech(text: str) -> str:
    made = transcript([{"text": text, "start": 0, "end": 900}])
    return formats.md(made).partition("## Transcript\n")[2]


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("text", [text for text in (*TEXTS, *MARKUP) if visible(text)])
def test_what_was_said_is_read_as_text(reader: str, text: str) -> None:
    """No part of it makes an element or is lost."""
    page = READERS[reader](speech(text))
    assert shown(page) == f"0:00:00 {' '.join(visible(text).split())}"
    assert not MADE_BY_MARKUP.search(page)


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_bold_and_read_as_text(reader: str, name: str) -> None:
    made = transcript([{"text": "Yes.", "start": 0, "end": 900, "speaker": name}])
    page = READERS[reader](formats.md(made).partition("## Transcript\n")[2])
    bold = re.search("<strong>(.*?)</strong>", page)
    assert bold is not None
    expected = f"Speaker {name}" if name in {"A", "1"} else visible(name)
    assert shown(bold[1]).strip("\u2068\u2069") == expected
    assert shown(page).endswith("0:00:00 Yes.")


@given(st.text("ab1.)*_#<>&|~`[]()!+-=:\\ $@/^{}\"'", min_size=1, max_size=12).filter(str.strip))
def test_any_signs_are_read_as_text(text: str) -> None:
    written = speech(text)
    expected = f"0:00:00 {' '.join(visible(text).split())}"
    for reader, render in READERS.items():
        assert shown(render(written)) == expected, reader
