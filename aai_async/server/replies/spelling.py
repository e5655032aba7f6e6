"""
Words spelt as the caller wants them.

Pure. Phrases become one word, which spans their times; nothing else changes.
"""

import itertools
import re
import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence

import attrs

from aai_async._language.scripts import UNSPACED_LANGUAGES, language_of
from aai_async._language.word_boundaries import word_boundaries
from aai_async.server.engine import RecognizedWord
from aai_async.server.replies.wording import bare, caseless, joined_texts, laid_out, whole_words


def respelt(
    words: Sequence[RecognizedWord], rules: Iterable[tuple[str, str]], language_code: str | None = None
) -> tuple[RecognizedWord, ...]:
    """
    Replace the first text of each rule with the second (documentation, "Custom Spelling").

    The longest matching rule applies. Punctuation around a phrase is kept, and no phrase spans two speakers.

    Args:
        words: The recognised words.
        rules: A word or phrase, whose case does not count, and the word to write for it, as it stands.
        language_code: The language of the words, which decides whether spaces separate them.
    """
    is_unspaced = language_of(language_code) in UNSPACED_LANGUAGES
    spellings = {_key(phrase.split(), language_code): to for phrase, to in rules}
    # Without spaces the number of an engine's words in a phrase is unknown: at most one per character.
    lengths = [len(key) if is_unspaced else len(key.split(" ")) for key in spellings]
    sizes = range(1, max(lengths, default=0) + 1) if is_unspaced else set(lengths)
    if is_unspaced:
        words = _parted(words, spellings, language_code)
    return tuple(_replaced(words, spellings, sorted(sizes, reverse=True), language_code))


def _replaced(
    words: Sequence[RecognizedWord],
    spellings: Mapping[str, str],
    sizes: Sequence[int],
    language_code: str | None,
) -> Iterator[RecognizedWord]:
    cores = [caseless(_core(word.text)) for word in words]
    at = 0
    while at < len(words):
        for size in sizes:
            phrase = words[at : at + size]
            to = (
                spellings.get(joined_texts(cores[at : at + size], language_code))
                if len(phrase) == size
                else None
            )
            if to is not None and len({word.speaker for word in phrase}) == 1:
                yield _one_word(phrase, to)
                at += size
                break
        else:
            yield words[at]
            at += 1


def _parted(
    words: Sequence[RecognizedWord], phrases: Iterable[str], language_code: str | None
) -> list[RecognizedWord]:
    """Part the words in which a phrase begins or ends, because an engine's words are not the language's."""
    text, starts = laid_out([word.text for word in words], language_code)
    boundaries = word_boundaries(text, language_code) | _changes_of_script(text) | set(starts)
    matches = (match for phrase in phrases for match in re.finditer(whole_words(phrase), text, re.IGNORECASE))
    spans = [match.span(1) for match in matches]
    places = sorted({place for span in spans if boundaries.issuperset(span) for place in span})
    return [part for word, start in zip(words, starts, strict=True) for part in _parts(word, start, places)]


def _changes_of_script(text: str) -> set[int]:
    """Return the places between two scripts, such as Han and Katakana in one word of a dictionary."""
    names = [unicodedata.name(character, "").partition(" ")[0] for character in text]
    return {at for at, (last, first) in enumerate(itertools.pairwise(names), 1) if last != first}


def _parts(word: RecognizedWord, start: int, places: Sequence[int]) -> Iterator[RecognizedWord]:
    """Yield the parts of a word between places in the text, with times in proportion."""
    length = len(word.text)
    inner = places[bisect_right(places, start) : bisect_left(places, start + length)]
    for begin, end in itertools.pairwise([0, *(place - start for place in inner), length]):
        first, last = (word.start + (word.end - word.start) * at // length for at in (begin, end))
        yield attrs.evolve(word, text=word.text[begin:end], start=first, end=last)


def _key(texts: Iterable[str], language_code: str | None) -> str:
    return joined_texts([caseless(_core(text)) for text in texts], language_code)


def _core(text: str) -> str:
    # A lone dash is no mark around anything: it parts the words of a phrase, or belongs to it.
    return bare(text) or text


def _one_word(phrase: Sequence[RecognizedWord], to: str) -> RecognizedWord:
    first, last = phrase[0], phrase[-1]
    before = first.text.partition(_core(first.text))[0]
    after = last.text.rpartition(_core(last.text))[2]
    confidence = sum(word.confidence for word in phrase) / len(phrase)
    return attrs.evolve(first, text=before + to + after, end=last.end, confidence=confidence)
