"""Lines for people on standard error: numbers, sizes and times, with control characters escaped."""

from __future__ import annotations

import sys

_BIDI = "\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
"""Invisible characters that change the direction of text: a name could pass for another one."""


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


def print_line(line: str) -> None:
    """Write a line to standard error, with control characters escaped."""
    sys.stderr.write(f"{visible(line)}\n")
    sys.stderr.flush()
