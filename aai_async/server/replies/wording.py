"""
Words as the caller asked for them: without hesitations, punctuation or capitals where those are switched off.

Pure functions over recognised words; they change texts and drop words, never times, order or speakers.
"""

import itertools
import re
from collections.abc import Iterable, Sequence
from typing import Final
from unicodedata import category, normalize

import attrs

from aai_async._language.scripts import default_gap, language_of
from aai_async.server.engine import RecognizedWord

FILLERS: Final = frozenset({"um", "uh", "hmm", "mhm", "uh-huh", "ah", "huh", "hm", "m"})
"""
The English words that the service leaves out where hesitations are not kept.

In other languages they are words: "um" is "a" in Portuguese, and "around" in German.
"""

# Punctuation by its Unicode category, yet part of a word: 50%, #1, R&D, a@b, 'cause.
_LETTERLIKE: Final = "%#&@*/\\_'\u2019"
_LATIN: Final = "[0-9A-Za-z\u00c0-\u024f]"
_ABBREVIATION: Final = re.compile(r"(?:\w\.){2,}")
_SENTENCE_END: Final = re.compile(r"(?<![.…])[.?!]$")


def gaps(texts: Sequence[str], language_code: str | None) -> list[str]:
    """
    Return the text before each word: a space, or nothing in a language without spaces.

    In such a language, adjacent words of other scripts, such as Latin ones, have a space.
    """
    return [default_gap(last, text, language_code) for last, text in itertools.pairwise(["", *texts])]


def joined(words: Iterable[RecognizedWord], language_code: str | None) -> str:
    """The text of `words`, spaced as the language is."""
    return joined_texts([word.text for word in words], language_code)


def joined_texts(texts: Sequence[str], language_code: str | None) -> str:
    """Join texts with the spaces of the language."""
    return "".join(gap + text for gap, text in zip(gaps(texts, language_code), texts, strict=True))


def laid_out(texts: Sequence[str], language_code: str | None) -> tuple[str, list[int]]:
    """Return the text of words, and the place in it where each word begins."""
    between = gaps(texts, language_code)
    lengths = itertools.accumulate(len(gap) + len(text) for gap, text in zip(between, texts, strict=True))
    starts = [end - len(text) for end, text in zip(lengths, texts, strict=True)]
    return "".join(itertools.chain.from_iterable(zip(between, texts, strict=True))), starts


def whole_words(phrase: str) -> str:
    """
    Return a pattern for each place of a phrase in a text without spaces; the phrase is its first group.

    A Latin word is not found within a longer one.
    """
    before = f"(?<!{_LATIN})" if re.match(_LATIN, phrase[:1]) else ""
    after = f"(?!{_LATIN})" if re.match(_LATIN, phrase[-1:]) else ""
    # A lookahead instead of a match, so that a find does not hide one that begins inside it.
    return f"{before}(?=({re.escape(phrase)}){after})"


def bare(text: str) -> str:
    """A word without the marks around it."""
    return text if _ABBREVIATION.fullmatch(text) else text.strip(_marks(text))


def caseless(text: str) -> str:
    """
    Return a text to compare without regard to case and to how accents are encoded. Accents count.

    Source: The Unicode Standard, 3.13, D145 (canonical caseless matching), in composed form.
    """
    return normalize("NFC", normalize("NFD", text).casefold())


def unpunctuated(words: Iterable[RecognizedWord]) -> tuple[RecognizedWord, ...]:
    """The words without the marks around them; what was only marks is dropped."""
    stripped = (attrs.evolve(word, text=bare(word.text)) for word in words)
    return tuple(word for word in stripped if word.text)


def unformatted(words: Iterable[RecognizedWord]) -> tuple[RecognizedWord, ...]:
    """The words in lower case, as they are spoken; the engine was asked to write no numerals."""
    return tuple(attrs.evolve(word, text=word.text.lower()) for word in words)


def without_fillers(
    words: Iterable[RecognizedWord], language_code: str | None = None
) -> tuple[RecognizedWord, ...]:
    """
    The words without hesitations, if the language is English or unknown; otherwise all words.

    The full stop of a sentence that ended in one passes to the word before, and the capital of a sentence
    that began with one to the word after, so that what remains still reads as sentences.
    """
    if language_of(language_code) not in {"", "en"}:
        return tuple(words)
    kept: list[RecognizedWord] = []
    capital = False
    for word in words:
        if _is_filler(word.text) and not _is_unit(word.text, kept):
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


def _is_unit(text: str, kept: Sequence[RecognizedWord]) -> bool:
    """Whether a text is the unit of the number before it, as in "5 m"."""
    return bare(text) == "m" and bool(kept) and kept[-1].text[-1:].isdecimal()


def _end_sentence(kept: list[RecognizedWord], filler: RecognizedWord) -> None:
    mark = _SENTENCE_END.search(filler.text)
    if kept and mark and not _at_start(kept) and kept[-1].speaker == filler.speaker:
        kept[-1] = attrs.evolve(kept[-1], text=kept[-1].text.rstrip(",;:-") + mark.group())


def _at_start(kept: list[RecognizedWord]) -> bool:
    return not kept or kept[-1].text.rstrip("\"')\u2019\u201d").endswith((".", "?", "!", "…"))
