"""
The boundaries of words in a text.

Source: https://www.unicode.org/reports/tr29/
"""

from __future__ import annotations

import functools
import itertools
import unicodedata
from collections.abc import Callable, Iterable
from importlib import import_module

from aai_async._language.scripts import is_unspaced, language_of


def word_boundaries(text: str, language_code: str | None) -> frozenset[int]:
    """
    Return the places where a word begins or ends, as numbers of characters before them.

    ICU knows the words of languages without spaces from dictionaries. Without ICU each of their characters,
    with the marks that follow it, is a word.
    """
    breaker = _breaker()
    if breaker is not None:
        segments = breaker(text, language_of(language_code) or "en")
        return frozenset(itertools.accumulate(map(len, segments)))
    pairs = enumerate(itertools.pairwise(text), 1)
    return frozenset(at for at, (last, first) in pairs if _is_boundary(last, first))


@functools.cache
def _breaker() -> Callable[[str, str], Iterable[str]] | None:
    """Return ICU's class; `None` if the extra is not installed."""
    try:
        breaker: Callable[[str, str], Iterable[str]] = import_module("icu4py.breakers").WordBreaker
    except ImportError:
        return None
    return breaker


def _is_boundary(last: str, first: str) -> bool:
    if unicodedata.category(first)[0] == "M":
        return False
    return not (last.isalnum() and first.isalnum()) or is_unspaced(last) or is_unspaced(first)
