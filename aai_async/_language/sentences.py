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

_ABBREVIATIONS = {
    "ar": "أ. د. م.",
    "da": "hr. kl. nr.",
    "de": "dent. habil. jur. med. nat. phil. rer. theol.",
    "fr": "mgr. mlle. mlles. mme. mmes.",
    "hi": "डॉ. प्रो.",
    "nb": "hr. kl. nr.",
    "nl": "dhr. mevr. mw.",
    "nn": "hr. kl. nr.",
    "no": "hr. kl. nr.",
    "pl": "al. godz. nr. ul.",
    "pt": "av. dra. profa. sr. sra. srta.",
    "sv": "hr. kl. nr.",
}
"""
Abbreviations before a name or a number that `sentencex` takes for the end of a sentence.

CLDR's suppressions (ICU, `ss=standard`) have only "av." of them. Sources: the orthographies of the languages,
such as Duden, Imprimerie nationale, Taalunie, PWN and Språkrådet.
"""

_NOUN_LANGUAGES = frozenset({"de", "gsw", "lb"})
"""Languages that begin nouns with a capital, so the word after an ordinal can begin with one."""

_NO_NOUNS = (
    "aber als also am auch auf aus bei bis da dabei dafür damit danach dann daran darauf darum das "
    "dazu dem den denn der deshalb dies diese dieser dieses die doch dort du ein eine einen einer er "
    "es für gestern heute hier ich ihr im in ist ja jetzt kein keine man mein meine mit morgen nach "
    "nein nun ob oder obwohl schon sein seine seit sie sind so und uns unser unsere vielleicht von "
    "vor war warum was weil wenn wer wie wir wo zu zum zur zwar über"
)
"""
German words of the closed classes, with a capital only at the start of a sentence.

An ordinal is an attribute of a noun, so a number with a full stop before one of these words ends a sentence.
Source: Duden, Die Grammatik, and rule D 4.
"""


def sentence_ends(texts: Sequence[str], gaps: Sequence[str], language_code: str | None) -> frozenset[int]:
    """
    Return the indexes of the words that end a sentence by their punctuation.

    Args:
        texts: The words.
        gaps: The text before each word, such as a space.
        language_code: The language; the rules of English apply if it is unknown.
    """
    segment = _segmenter()
    language = language_of(language_code) or "en"
    if segment is None:
        pairs = itertools.zip_longest(texts, texts[1:], fillvalue="")
        return frozenset(at for at, pair in enumerate(pairs) if _ends(*pair, language))
    text = "".join(itertools.chain.from_iterable(zip(gaps, texts, strict=True)))
    pieces = segment(language, text)
    ends = [*itertools.accumulate(len(gap) + len(word) for gap, word in zip(gaps, texts, strict=True))]
    found: set[int] = set()
    for boundary in itertools.accumulate(map(len, pieces)):
        at = bisect.bisect_right(ends, boundary) - 1
        is_last = at == len(texts) - 1
        following, gap_after = ("", "") if is_last else (texts[at + 1], gaps[at + 1])
        is_between = at >= 0 and boundary <= ends[at] + len(gap_after)
        if is_between and not _continues(texts[at], following, language):
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


def _ends(text: str, following: str, language: str) -> bool:
    bare = without_closers(text)
    if bare[-1:] not in _TERMINALS or _continues(text, following, language):
        return False
    is_short_number = bare[:-1].isdecimal() and len(bare) <= 3
    return bare[-1] not in _OPEN_STOPS or not is_short_number


def _continues(text: str, following: str, language: str) -> bool:
    """Whether a sentence goes on after its punctuation: behind an abbreviation, or before a lower case."""
    if language == "ja" and text[-1:] in "」』" and following.startswith("と"):
        return True  # The particle of quotation.
    bare = without_closers(text)
    if bare[-1:] not in _OPEN_STOPS:
        return False
    if bare == "." and following[:1].isdecimal():
        return True  # A decimal point that an engine writes as a word of its own.
    is_initial = len(bare) == 2 and bare[0].isupper() and bare != "I."
    if is_initial or bare.lower() in _TITLES or following[:1].islower():
        return True
    return bool(following) and (
        bare.lower() in _ABBREVIATIONS.get(language, "").split() or _is_ordinal(bare, following, language)
    )


def _is_ordinal(bare: str, following: str, language: str) -> bool:
    """Whether a number with a full stop precedes a noun; one of four digits is a year."""
    is_number = bare[:-1].isdecimal() and len(bare) <= 4
    is_noun = following[:1].isupper() and following.strip(",.;:!?").lower() not in _NO_NOUNS.split()
    return language in _NOUN_LANGUAGES and is_number and is_noun
