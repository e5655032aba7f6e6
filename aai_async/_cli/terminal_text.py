"""How names, sizes and times are written for a terminal: nothing in them can steer it."""

from __future__ import annotations

import os

from aai_async._cli import safe_names

_BIDI = "\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
"""Letters that are not seen and turn round what follows: a name could pass for another one."""


def visible(text: str, *, keep: str = "") -> str:
    """
    Show what a terminal would obey, such as an escape sequence, as Python writes it in a literal.

    Args:
        text: A name or a message of anybody's.
        keep: What is left as it is although it is not printable, such as line breaks.
    """
    if text.isprintable() and not any(letter in text for letter in _BIDI):
        return text
    return "".join(letter if letter in keep or _is_seen(letter) else _written(letter) for letter in text)


def _is_seen(letter: str) -> bool:
    return letter.isprintable() and letter not in _BIDI


def _written(letter: str) -> str:
    return letter.encode("unicode_escape").decode()


def readable(name: str | os.PathLike[str]) -> str:
    """Give the name of a file as text, whatever the locale: it may hold bytes that are none."""
    return safe_names.encoded(os.fspath(name)).decode("utf-8", "backslashreplace")


def as_text(message: object) -> str:
    """Give a message as text that can be encoded: it may quote a name that is none."""
    return str(message).encode("utf-8", "backslashreplace").decode()


def count(number: int, thing: str) -> str:
    """Write a number of things: `1 word`, `2 words`."""
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def size(number: float) -> str:
    """Write a number of bytes, in steps of a thousand."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if number < 1000:
            return f"{number:.0f} {unit}" if unit == "bytes" or number >= 100 else f"{number:.1f} {unit}"
        number /= 1000
    return f"{number:,.1f} TB"


def clock(seconds: float) -> str:
    """Write a length of time: `0:00:38`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}"
