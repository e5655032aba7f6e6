"""
Words as the caller asked for them: without hesitations, punctuation or capitals where those are switched off.

Pure functions over recognised words; they change texts and drop words, never times, order or speakers.
"""

import re
from collections.abc import Iterable
from typing import Final
from unicodedata import category

import attrs

from aai_async.server.engine import UNSPACED_LANGUAGES, RecognizedWord

FILLERS: Final = frozenset({"um", "uh", "hmm", "mhm", "uh-huh", "ah", "huh", "hm", "m"})
"""The words that the service leaves out where hesitations are not kept."""

# Punctuation by its Unicode category, yet part of a word: 50%, #1, R&D, a@b, 'cause.
_LETTERLIKE: Final = "%#&@*/\\_'\u2019"
_ABBREVIATION: Final = re.compile(r"(?:\w\.){2,}")
_SENTENCE_END: Final = re.compile(r"(?<![.…])[.?!]$")


def space(language_code: str | None) -> str:
    """Return the separator between two words of that language."""
    return "" if language_code in UNSPACED_LANGUAGES else " "


def joined(words: Iterable[RecognizedWord], language_code: str | None) -> str:
    """The text of `words`, spaced as the language is."""
    return space(language_code).join(word.text for word in words)


def bare(text: str) -> str:
    """A word without the marks around it."""
    return text if _ABBREVIATION.fullmatch(text) else text.strip(_marks(text))


def unpunctuated(words: Iterable[RecognizedWord]) -> tuple[RecognizedWord, ...]:
    """The words without the marks around them; what was only marks is dropped."""
    stripped = (attrs.evolve(word, text=bare(word.text)) for word in words)
    return tuple(word for word in stripped if word.text)


def unformatted(words: Iterable[RecognizedWord]) -> tuple[RecognizedWord, ...]:
    """The words in lower case, as they are spoken; the engine was asked to write no numerals."""
    return tuple(attrs.evolve(word, text=word.text.lower()) for word in words)


def without_fillers(words: Iterable[RecognizedWord]) -> tuple[RecognizedWord, ...]:
    """
    The words without hesitations.

    The full stop of a sentence that ended in one passes to the word before, and the capital of a sentence
    that began with one to the word after, so that what remains still reads as sentences.
    """
    kept: list[RecognizedWord] = []
    capital = False
    for word in words:
        if _is_filler(word.text):
            _end_sentence(kept, word)
            capital = capital or (word.text[0].isupper() and _at_start(kept))
        else:
            kept.append(attrs.evolve(word, text=word.text[:1].upper() + word.text[1:]) if capital else word)
            capital = False
    return tuple(kept)


def _marks(text: str) -> str:
    return "".join(sign for sign in text if category(sign).startswith("P") and sign not in _LETTERLIKE)


def _is_filler(text: str) -> bool:
    stripped = bare(text)
    # "M" is an initial or a unit far more often than a murmur.
    return stripped.lower() in FILLERS and stripped != "M"


def _end_sentence(kept: list[RecognizedWord], filler: RecognizedWord) -> None:
    mark = _SENTENCE_END.search(filler.text)
    if kept and mark and not _at_start(kept) and kept[-1].speaker == filler.speaker:
        kept[-1] = attrs.evolve(kept[-1], text=kept[-1].text.rstrip(",;:-") + mark.group())


def _at_start(kept: list[RecognizedWord]) -> bool:
    return not kept or kept[-1].text.rstrip("\"')\u2019\u201d").endswith((".", "?", "!", "…"))
