"""
The places where a line of text can be broken.

ICU follows Unicode's line breaking algorithm with CLDR's rules of the languages: no line of Japanese begins
with a small kana or a full stop, and Thai is broken between the words of a dictionary. Without ICU, lines are
broken at spaces, and between the characters of scripts without spaces unless punctuation or a combining
character forbids it.

Source: https://www.unicode.org/reports/tr14/
"""

from __future__ import annotations

import functools
import itertools
import re
import unicodedata
from collections.abc import Callable, Collection, Iterable
from importlib import import_module

import attrs

from aai_async._language.scripts import is_unspaced, language_of, needs_dictionary

_PLAIN = re.compile(r"[A-Za-z0-9']+[.,;:!?]*(?: [A-Za-z0-9']+[.,;:!?]*)*")
"""
Text that can be broken at each space and nowhere else, in every language.

Source: UAX #14, LB18, before which no rule concerns a space between these characters.
"""


@attrs.frozen
class LineBreaks:
    """Places in a text, as numbers of characters before them."""

    possible: frozenset[int]
    """All places where a line can be broken."""
    preferred: frozenset[int]
    """Those between phrases, where the language has rules for them."""


def breaks_at_spaces(text: str) -> bool:
    """Whether a text can be broken at each space and nowhere else, in every language."""
    return _PLAIN.fullmatch(text) is not None


def line_breaks(text: str, language_code: str | None, word_starts: Collection[int]) -> LineBreaks:
    """
    Return the places where a text can be broken into lines.

    Args:
        text: The text, without line breaks.
        language_code: The language, whose rules apply.
        word_starts: The places where the words begin. Without ICU, scripts whose words only a dictionary
            knows are broken at these alone.
    """
    if breaks_at_spaces(text):
        *behind_spaces, _ = itertools.accumulate(len(word) + 1 for word in text.split(" "))
        return LineBreaks(frozenset([*behind_spaces, len(text)]), frozenset())
    breaker = _breaker()
    if breaker is None:
        return LineBreaks(_simple(text, frozenset(word_starts)), frozenset())
    language = language_of(language_code) or "en"
    possible = _places(breaker(text, f"{language}@lb=strict"))
    preferred = (
        _places(breaker(text, f"{language}@lb=strict;lw=phrase")) if language == "ja" else frozenset[int]()
    )
    return LineBreaks(possible, preferred)


def _places(segments: Iterable[str]) -> frozenset[int]:
    # ICU's own offsets count UTF-16 units, not characters.
    return frozenset(itertools.accumulate(map(len, segments)))


@functools.cache
def _breaker() -> Callable[[str, str], Iterable[str]] | None:
    """Return ICU's class; `None` if the extra is not installed."""
    try:
        breaker: Callable[[str, str], Iterable[str]] = import_module("icu4py.breakers").LineBreaker
    except ImportError:
        return None
    return breaker


def _simple(text: str, word_starts: frozenset[int]) -> frozenset[int]:
    pairs = enumerate(itertools.pairwise(text), 1)
    return frozenset(at for at, (last, first) in pairs if _can_break(last, first, at in word_starts))


def _can_break(last: str, first: str, is_word_start: bool) -> bool:
    if last == " ":
        return True
    if not (is_unspaced(last) or is_unspaced(first)) or _cannot_begin(first) or _cannot_end(last):
        return False
    return is_word_start or not (needs_dictionary(last) or needs_dictionary(first))


@functools.lru_cache(maxsize=4096)
def _cannot_begin(character: str) -> bool:
    """Whether a line cannot begin with a character: closing punctuation, marks and small kana."""
    category = unicodedata.category(character)
    return category[0] == "M" or category in {"Pe", "Pf", "Po", "Lm", "Cf", "Zs"} or _is_small(character)


@functools.lru_cache(maxsize=4096)
def _cannot_end(character: str) -> bool:
    return unicodedata.category(character) in {"Ps", "Pi", "Cf"}


def _is_small(character: str) -> bool:
    return is_unspaced(character) and " SMALL " in unicodedata.name(character, "")
