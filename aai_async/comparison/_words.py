"""The words of both sides, and the tokens that are compared: normalised words, or characters."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator, Sequence

import msgspec

from aai_async._models.transcript import Transcript
from aai_async.comparison._normalization import Unit
from aai_async.formats._spacing import visible
from aai_async.formats._turns import completed, words_of

_LONGEST_WORD = 100
"""Characters. The rules for brackets take quadratic time, so what is normalised at once is bounded."""

_CHUNK = 1_500
"""Characters that are normalised at once: the rules join words, such as those of a number."""

_NUMBER = re.compile(r".*\d|ones?$")
"""A word that is a number when it is normalised alone; Whisper's rules leave "one" as it is."""

_BESIDE_NUMBERS = 2
"""Words after a number that can belong to it, as in "twenty one per cent"."""


class Said(msgspec.Struct, frozen=True, gc=False):
    """A word as it is written."""

    text: str
    gap: str = " "
    """The text before it, such as a space."""
    start: int | None = None
    """ms from the start of the recording, if known."""
    end: int | None = None
    """ms from the start of the recording, if known."""
    speaker: str | None = None


class Token(msgspec.Struct, frozen=True, gc=False):
    """What is compared: a normalised word, or a character of one."""

    text: str
    first: int
    """The first of the words that it was made of."""
    last: int
    """The last of these words."""


def words_of_transcript(transcript: Transcript, unit: Unit) -> list[Said]:
    """
    Return the words of a transcript in the order of their times.

    Raises:
        AAIError: The transcript is not completed.
    """
    found = words_of(completed(transcript), speakers=False)
    if not found:
        return words_of_text(transcript.text or "", unit)
    return [
        Said(part, one.gap if at == 0 else "", one.start, one.end, one.speaker)
        for one in found
        for at, part in enumerate(_parts(one.text, _LONGEST_WORD))
    ]


def words_of_text(text: str, unit: Unit) -> list[Said]:
    """Return the words of a text; its characters, if these are compared."""
    longest = 1 if unit == "character" else _LONGEST_WORD
    return [
        Said(part, " " if at == 0 else "")
        for word in text.split()
        for at, part in enumerate(_parts(visible(word), longest))
    ]


def _parts(word: str, longest: int) -> Iterator[str]:
    return (word[at : at + longest] for at in range(0, len(word), longest))


def text_of(words: Sequence[Said]) -> str:
    """Return the text of consecutive words, with the spaces between them."""
    return "".join(word.gap * (at > 0) + word.text for at, word in enumerate(words))


def tokens_of(words: Sequence[Said], split: Callable[[str], list[str]]) -> list[Token]:
    """Return the tokens of words, each with the words that it was made of."""

    @functools.lru_cache(maxsize=8192)
    def split_word(text: str) -> tuple[str, ...]:
        return tuple(split(text))

    found: list[Token] = []
    for first, last in _chunks(words, split_word):
        own = [(text, at) for at in range(first, last) for text in split_word(words[at].text)]
        found += _located(split(text_of(words[first:last])), own, first)
    return found


def _chunks(words: Sequence[Said], split_word: Callable[[str], tuple[str, ...]]) -> Iterator[tuple[int, int]]:
    """Yield the first word of each chunk and the word after its last; they are not cut beside a number."""
    first, size = 0, 0
    is_number = [any(map(_NUMBER.match, split_word(word.text))) for word in words]
    for at, word in enumerate(words):
        is_beside_number = any(is_number[max(at - _BESIDE_NUMBERS, 0) : at + 1])
        if at > first and (size >= 2 * _CHUNK or (size >= _CHUNK and not is_beside_number)):
            yield first, at
            first, size = at, 0
        size += len(word.text) + 1
    if words:
        yield first, len(words)


def _located(texts: Sequence[str], own: Sequence[tuple[str, int]], first: int) -> Iterator[Token]:
    """
    Yield tokens with their words.

    Args:
        texts: The tokens of a chunk, normalised as a whole.
        own: The tokens of each word, normalised alone, with the number of the word.
        first: The first word of the chunk.
    """
    from rapidfuzz.distance import Levenshtein  # noqa: PLC0415 - an extra

    place = first
    for change in Levenshtein.opcodes(texts, [text for text, _ in own]):
        made_of = [at for _, at in own[change.dest_start : change.dest_end]]
        for number in range(change.src_start, change.src_end):
            if change.tag == "equal":
                place = made_of[number - change.src_start]
                yield Token(texts[number], place, place)
            elif made_of:
                place = made_of[-1]
                yield Token(texts[number], made_of[0], place)
            else:
                yield Token(texts[number], place, place)
