"""
The spaces between the words of a transcript, as its text has them.

The words have no spaces, and a language alone does not decide: Chinese with Latin words has some. The text of
the transcript does. Pure.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence

from aai_async._language.scripts import default_gap, is_unspaced

_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff]+")
"""Line breaks, invisible characters, and surrogates, which no file can hold."""

_ORDINARY_SPACES = re.compile("  +")

_REACH = 64
"""Maximum number of characters of the text between two words that are searched for the second."""


def one_line(text: str) -> str:
    """Return a text without line breaks and invisible characters."""
    return " ".join(_UNSEEN.sub(" ", text).split())


def visible(text: str) -> str:
    """Return the text of a word in one line; spaces that do not break a line are kept."""
    if text.isprintable() and "  " not in text:
        return text.strip()
    seen = _UNSEEN.sub(" ", text).strip()
    return _ORDINARY_SPACES.sub(" ", seen)


def gaps(texts: Sequence[str], written: str | None, language_code: str | None) -> list[str]:
    """
    Return the text before each word.

    Args:
        texts: The words, from `visible`.
        written: The text that consists of these words. Where a word is not in it, the language decides.
        language_code: The language.
    """
    line = visible(written or "")
    if texts and line == " ".join(texts):
        return ["", *itertools.repeat(" ", len(texts) - 1)]
    found: list[str] = []
    place, is_certain, before = 0, True, ""
    for text in texts:
        begin = _find(line, text, place)
        if not before:
            found.append("")
        elif begin is None:
            found.append(_spaces_at(line, place) or default_gap(before, text, language_code))
        else:
            found.append(_gap(line[place:begin]) if is_certain else _spaces_before(line, begin))
        is_certain = begin is not None
        if begin is not None:
            place = begin + len(text)
        before = text
    return found


def _find(line: str, text: str, place: int) -> int | None:
    """Return the next place of a word; the text can differ in a word, such as a redacted one."""
    start = place + len(_spaces_at(line, place))
    if line.startswith(text, start):
        return start
    end = start + len(text) + _REACH
    at = line.find(text, start, end)
    while at > 0 and _is_within_a_word(line[at - 1], text[0]):
        at = line.find(text, at + 1, end)
    return None if at < 0 else at


def _is_within_a_word(last: str, first: str) -> bool:
    return last.isalnum() and first.isalnum() and not is_unspaced(first)


def _gap(between: str) -> str:
    if not between or between.isspace():
        return between
    # Characters that are in no word, such as punctuation: only the space counts.
    return " " if any(map(str.isspace, between)) else ""


def _spaces_at(line: str, place: int) -> str:
    rest = line[place : place + _REACH]
    return rest[: len(rest) - len(rest.lstrip())]


def _spaces_before(line: str, place: int) -> str:
    rest = line[max(place - _REACH, 0) : place]
    return rest[len(rest.rstrip()) :]
