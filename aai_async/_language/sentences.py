"""
The ends of sentences in the words of a text.

Full stops after abbreviations, ordinals and initials depend on the language. `sentencex`, Wikimedia's
segmenter for about 300 languages, knows them. Without it, a full stop ends a sentence unless it follows an
initial, a title or a number of up to two digits.
"""

from __future__ import annotations

import bisect
import functools
import itertools
from collections.abc import Callable, Sequence
from importlib import import_module
from unicodedata import category

from aai_async._language.scripts import language_of

_TERMINALS = frozenset(".?!…‼⁇⁈⁉։؟۔܀܁܂।॥၊။።፧፨᙮᠃᠉。．！？｡﹒﹖﹗;")
"""Characters that end a sentence. Source: Unicode, property Sentence_Terminal, with the ellipsis."""

_OPEN_STOPS = frozenset(".．﹒")
"""Full stops that abbreviations have too. Source: UAX #29, class ATerm."""

_TITLES = frozenset({"mr.", "mrs.", "ms.", "dr.", "prof."})
"""Titles, which only a name follows, also one that could begin a sentence."""


def sentence_ends(texts: Sequence[str], gaps: Sequence[str], language_code: str | None) -> frozenset[int]:
    """
    Return the indexes of the words that end a sentence by their punctuation.

    Args:
        texts: The words.
        gaps: The text before each word, such as a space.
        language_code: The language; the rules of English apply if it is unknown.
    """
    segment = _segmenter()
    if segment is None:
        pairs = itertools.zip_longest(texts, texts[1:], fillvalue="")
        return frozenset(at for at, pair in enumerate(pairs) if _ends(*pair))
    text = "".join(itertools.chain.from_iterable(zip(gaps, texts, strict=True)))
    pieces = segment(language_of(language_code) or "en", text)
    ends = [*itertools.accumulate(len(gap) + len(word) for gap, word in zip(gaps, texts, strict=True))]
    found: set[int] = set()
    for boundary in itertools.accumulate(map(len, pieces)):
        at = bisect.bisect_right(ends, boundary) - 1
        is_last = at == len(texts) - 1
        following, gap_after = ("", "") if is_last else (texts[at + 1], gaps[at + 1])
        if at >= 0 and boundary <= ends[at] + len(gap_after) and not _continues(texts[at], following):
            found.add(at)
    return frozenset(found)


def may_end_sentence(text: str) -> bool:
    """Whether a text has the punctuation of a sentence's end, which an abbreviation can have, too."""
    return not _TERMINALS.isdisjoint(text)


def without_closers(text: str) -> str:
    """Return a word without the quotation marks and brackets after its punctuation."""
    if text[-1:] in _TERMINALS:
        return text
    return text.rstrip("".join(one for one in set(text) if one in "\"'" or category(one) in {"Pe", "Pf"}))


@functools.cache
def _segmenter() -> Callable[[str, str], list[str]] | None:
    """Return the library's function; `None` if the extra is not installed."""
    try:
        segment: Callable[[str, str], list[str]] = import_module("sentencex").segment
    except ImportError:
        return None
    return segment


def _ends(text: str, following: str) -> bool:
    bare = without_closers(text)
    if bare[-1:] not in _TERMINALS:
        return False
    if bare[-1] not in _OPEN_STOPS:
        return True
    number = bare[:-1]
    is_short_number = number.isdecimal() and len(number) <= 2
    return not (is_short_number or _continues(text, following))


def _continues(text: str, following: str) -> bool:
    """Whether a sentence goes on after a full stop: behind an initial or a title, or before a lower case."""
    bare = without_closers(text)
    if bare[-1:] not in _OPEN_STOPS:
        return False
    is_initial = len(bare) == 2 and bare[0].isupper() and bare != "I."
    return is_initial or bare.lower() in _TITLES or following[:1].islower()
