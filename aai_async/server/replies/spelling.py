"""
Words spelt as the caller wants them.

Pure. Phrases become one word, which spans their times; nothing else changes.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

import attrs

from aai_async.server.engine import RecognizedWord
from aai_async.server.replies.wording import bare, space


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
    gap = space(language_code)
    spellings = {_key(phrase.split(), gap): to for phrase, to in rules}
    # Without spaces the number of an engine's words in a phrase is unknown: at most one per character.
    lengths = [len(key.split(gap)) if gap else len(key) for key in spellings]
    sizes = set(lengths) if gap else range(1, max(lengths, default=0) + 1)
    return tuple(_replaced(words, spellings, sorted(sizes, reverse=True), gap))


def _replaced(
    words: Sequence[RecognizedWord], spellings: Mapping[str, str], sizes: Sequence[int], gap: str
) -> Iterator[RecognizedWord]:
    cores = [_core(word.text).casefold() for word in words]
    at = 0
    while at < len(words):
        for size in sizes:
            phrase = words[at : at + size]
            to = spellings.get(gap.join(cores[at : at + size])) if len(phrase) == size else None
            if to is not None and len({word.speaker for word in phrase}) == 1:
                yield _one_word(phrase, to)
                at += size
                break
        else:
            yield words[at]
            at += 1


def _key(texts: Iterable[str], gap: str) -> str:
    return gap.join(_core(text).casefold() for text in texts)


def _core(text: str) -> str:
    # A lone dash is no mark around anything: it parts the words of a phrase, or belongs to it.
    return bare(text) or text


def _one_word(phrase: Sequence[RecognizedWord], to: str) -> RecognizedWord:
    first, last = phrase[0], phrase[-1]
    before = first.text.partition(_core(first.text))[0]
    after = last.text.rpartition(_core(last.text))[2]
    confidence = sum(word.confidence for word in phrase) / len(phrase)
    return attrs.evolve(first, text=before + to + after, end=last.end, confidence=confidence)
