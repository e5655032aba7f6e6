"""Lines for people on standard error: numbers, sizes and times, with control characters escaped."""

from __future__ import annotations

import os
import re
import sys
from typing import TextIO

from aai_async._language.scripts import columns

_BIDI = "\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
"""Invisible characters that change the direction of text: a name could pass for another one."""

_UNIT = re.compile(r"""\s*(?:`[^`]*`|(?<!\w)'[^']*'(?!\w)|(?<!\w)"[^"]*"(?!\w)|\S)+""")
"""A word, or a command or a name in quotes, which people copy as a whole; with the spaces before it."""

_INDENT = "  "
"""Before the second and further lines of a message."""


def visible(text: str, *, keep: str = "") -> str:
    """
    Escape control characters, such as escape sequences, as in a Python literal.

    Args:
        text: A name or a message from any source.
        keep: Characters that stay although they are not printable, such as line breaks.
    """
    if text.isprintable() and not any(character in text for character in _BIDI):
        return text
    return "".join(one if one in keep or _is_visible(one) else _escaped(one) for one in text)


def _is_visible(character: str) -> bool:
    return character.isprintable() and character not in _BIDI


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode()


def first_sentence(message: object) -> str:
    """Return the first sentence of a message; the rest may be about the Python API."""
    return str(message).partition(". ")[0].rstrip(".")


def count(number: int, thing: str) -> str:
    """Return a number of things: `1 word`, `2 words`."""
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def size(number: float) -> str:
    """Return a number of bytes with a decimal prefix."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if number < 1000:
            return f"{number:.0f} {unit}" if unit == "bytes" or number >= 100 else f"{number:.1f} {unit}"
        number /= 1000
    return f"{number:,.1f} TB"


def clock(seconds: float) -> str:
    """Return a duration: `0:00:38`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}"


def outcome_line(name: str, finished: int, total: int | None, *, is_completed: bool) -> str:
    """Return the beginning of the line of a recording that has ended: `✓ 2/6 call.mp3`."""
    mark = symbol("✓", "ok") if is_completed else symbol("✗", "failed")
    number = f"{finished:,}" if total is None else "" if total == 1 else f"{finished:,}/{total:,}"
    return " ".join(filter(None, (mark, number, name)))


def symbol(character: str, plain: str) -> str:
    """Return a character, or the plain text for it if standard error cannot encode it."""
    # The stream in place of standard error while a table is shown has no encoding.
    stream = sys.stderr if sys.stderr.encoding else sys.__stderr__
    try:
        character.encode(getattr(stream, "encoding", None) or "utf-8")
    except UnicodeEncodeError:
        return plain
    return character


def print_line(line: str) -> None:
    """Write a line to standard error, with control characters escaped, and broken at spaces on a terminal."""
    sys.stderr.write(f"{broken(visible(line), width_of(sys.stderr))}\n")
    sys.stderr.flush()


def width_of(stream: TextIO) -> int | None:
    """Return the columns of the terminal that a stream writes to; `None` for another stream."""
    if not stream.isatty():
        return None
    try:
        # A terminal of unknown size has 0 columns.
        return os.get_terminal_size(stream.fileno()).columns or None
    except OSError:  # a stream without a file, too
        return None


def broken(line: str, width: int | None) -> str:
    """
    Break a line at spaces, so that a terminal does not break it within a word.

    A command in backticks, a name in quotes and a word that is wider than the terminal stay in one piece.

    Args:
        line: Text without line breaks.
        width: The columns of the terminal; `None` to break nothing.
    """
    if width is None or columns(line) <= width:
        return line
    lines, indent = [""], _INDENT + " " * (len(line) - len(line.lstrip()))
    for unit in _UNIT.findall(line):
        if lines[-1] and columns(lines[-1] + unit) > width:
            lines.append(indent + unit.lstrip())
        else:
            lines[-1] += unit
    return "\n".join(lines)
