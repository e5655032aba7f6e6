"""
The prose is plain technical English: the words of the house's old dialect are not used.

Blocks and spans of code are left out. Of a Python file, docstrings, comments and texts are read; of the parts
of the page, comments and visible texts.
"""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

_PAGE_PROSE = {
    ".js": r"//[^\n]*|'[^'\n]*'|`[^`\n]*`",
    ".css": r"/\*.*?\*/",
    ".html": r"(?<=>)[^<]+|(?:aria-label|placeholder|title)=\"[^\"]*\"",
}
"""What is prose in a part of the page: comments, the texts of a script, and what a reader sees or hears."""

FILES = [
    *sorted((ROOT / "docs").rglob("*.md")),
    *(ROOT / name for name in ("CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "README.md", "noxfile.py")),
    *sorted((ROOT / "aai_async").rglob("*.py")),
    *sorted(path for path in (ROOT / "aai_async").rglob("*") if path.suffix in _PAGE_PROSE),
]

BANNED = {
    r"look(s|ed|ing)?": "poll, request, search",
    r"mend(s|ed|ing)?": "fix, correct",
    r"letters?": "characters",
    r"(tell|tells|told|telling)": "emit, report, state",
    r"(hear|hears|heard|hearing)": "receive",
    r"(say|says|said|saying)": "state, report",
    r"who(m)?ever": "the caller, the sender",
    r"so many": "a number",
    r"anew": "again",
    r"of which": "a sentence of its own",
    r"passed over": "skipped",
    r"(?<=, )for (there|it|they|he|she|we|that|this|what) \w+": "because",
}
"""Each pattern, and what to write instead."""

ALLOWED = re.compile(r"\blook(s|ed|ing)?[ -]up\b|\bsigned letters?\b", re.IGNORECASE)
"""Usual words that contain one of those."""

_MARKDOWN_CODE = re.compile(r"^(```+|:::+).*?^\1|`[^`\n]+`|\]\([^)]*\)|<!--.*?-->", re.DOTALL | re.MULTILINE)

_PYTHON_CODE = re.compile(r"``[^`]+``|`[^`]+`|class=\"[^\"]*\"")

_REPLACED = re.compile(r"\{[^{}]*\}")
"""What an f-string fills in."""


def prose(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the pieces of prose in a file, with the line where each begins."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".py":
        yield from _python_prose(text)
    elif path.suffix in _PAGE_PROSE:
        for piece in re.finditer(_PAGE_PROSE[path.suffix], text, re.DOTALL):
            yield text.count("\n", 0, piece.start()) + 1, piece[0]
    else:
        yield 1, _MARKDOWN_CODE.sub(_as_blank_lines, text)


def _python_prose(text: str) -> Iterator[tuple[int, str]]:
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        # From Python 3.12 on the text of an f-string is a token of its own.
        if (
            token.type in {tokenize.COMMENT, tokenize.STRING}
            or tokenize.tok_name[token.type] == "FSTRING_MIDDLE"
        ):
            is_filled = (
                token.type == tokenize.STRING and "f" in token.string.partition(token.string[-1])[0].lower()
            )
            string = _REPLACED.sub("x", token.string) if is_filled else token.string
            yield token.start[0], _PYTHON_CODE.sub(_as_blank_lines, string)


def _as_blank_lines(code: re.Match[str]) -> str:
    return "\n" * code[0].count("\n") or "`"


def complaints(line: int, text: str) -> Iterator[tuple[int, str]]:
    """Yield the banned words in a piece of prose, with their lines."""
    text = ALLOWED.sub(lambda found: "x" * len(found[0]), text)
    for banned, better in BANNED.items():
        for found in re.finditer(rf"(?<![\w.'-])(?:{banned})(?![\w'-])", text, re.IGNORECASE):
            yield line + text.count("\n", 0, found.start()), f"{found[0].strip()!r}: write {better}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_file_uses_none_of_the_banned_words(path: Path) -> None:
    """House words that a newcomer would have to translate."""
    found = [one for line, text in prose(path) for one in complaints(line, text)]
    assert [f"{path.name}:{line}: {what}" for line, what in sorted(found)] == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("It looks at the job.", ["'looks': write poll, request, search"]),
        ("Look it up, or look up the id.", ["'Look': write poll, request, search"]),
        ("`tell` is code, and telling is not.", ["'telling': write emit, report, state"]),
        ("```python\nlook()\n```\n", []),
        ("Skipped, for it is there.", ["'for it is': write because"]),
        ("This is for the job.", []),
    ],
)
def test_banned_words_are_found_in_markdown(text: str, found: list[str], tmp_path: Path) -> None:
    """Outside of code, also at the beginning of a sentence."""
    path = tmp_path / "page.md"
    path.write_text(text, encoding="utf-8")
    assert [what for line, piece in prose(path) for _, what in complaints(line, piece)] == found


def test_banned_words_are_found_in_a_module(tmp_path: Path) -> None:
    """In docstrings, comments and messages, and at the right line; names in the code are free."""
    path = tmp_path / "module.py"
    source = '"""\nA module.\n\nIt tells.\n"""\n# It mends.\ntold = f"It says {told}, `told`."\n'
    path.write_text(source, encoding="utf-8")
    found = [one for line, piece in prose(path) for one in complaints(line, piece)]
    assert [(line, what.split(":")[0]) for line, what in found] == [
        (4, "'tells'"),
        (6, "'mends'"),
        (7, "'says'"),
    ]


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("part.js", "const told = '.said';\n// It tells.\n"),
        ("part.js", "const told = '.said';\nshow('It tells.');\n"),
        ("part.css", ".said { color: red; }\n/* It tells. */\n"),
        ("part.html", '<p class="said">$words</p>\n<p>It tells.</p>\n'),
        ("part.html", '<p class="said">$words</p>\n<p aria-label="It tells."></p>\n'),
    ],
)
def test_banned_words_are_found_in_a_part_of_the_page(name: str, source: str, tmp_path: Path) -> None:
    """In comments and in what a reader sees; names in the code are free."""
    path = tmp_path / name
    path.write_text(source, encoding="utf-8")
    found = [one for line, piece in prose(path) for one in complaints(line, piece)]
    assert [(line, what.split(":")[0]) for line, what in found] == [(2, "'tells'")]
