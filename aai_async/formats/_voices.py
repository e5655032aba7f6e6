"""
The voices of a transcript: the sentences of each speaker, also while others speak.

Speech that overlaps is not cut at each word of the other speaker. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import attrs

from aai_async._language.turns import middles, turns
from aai_async.formats._turns import Spoken, joined, sentences


@attrs.frozen
class Sentence:
    """A sentence of one voice."""

    words: Sequence[Spoken]
    start: int
    """ms from the start of the file; not before the sentence before of the same voice."""
    end: int
    """ms from the start of the file."""
    voice: int
    """The number of the voice, in the order of the first words."""
    is_cross_talk: bool = False
    """Whether another voice speaks at the same time."""

    @property
    def speaker(self) -> str | None:
        """The speaker, if known."""
        return self.words[0].speaker


def by_voice(words: Sequence[Spoken], language_code: str | None, shortest: int) -> list[Sentence]:
    """
    Return the sentences of all voices in the order in which they begin.

    Args:
        words: The words.
        language_code: The language, whose rules for sentences apply.
        shortest: A sentence that can be shown for less than this number of ms is joined to the next of its
            voice.
    """
    voices: dict[str | None, list[Spoken]] = {}
    for word in words:
        voices.setdefault(word.speaker, []).append(word)
    times_of = {speaker: middles(said) for speaker, said in voices.items()} if len(voices) > 1 else {}
    found: list[Sentence] = []
    for voice, (speaker, said) in enumerate(voices.items()):
        others = [times for one, times in times_of.items() if one != speaker]
        for run in turns(said, others) if others else [said]:
            found += _ordered(_readable(run, language_code, shortest), voice, found)
    found.sort(key=lambda one: one.start)
    return list(_with_cross_talk(found))


def _readable(run: Sequence[Spoken], language_code: str | None, shortest: int) -> list[list[Spoken]]:
    """Return the sentences of a run; one that is too short to be read alone is joined to the next."""

    def is_long_enough(sentence: Sequence[Spoken], following: Spoken) -> bool:
        return following.start - sentence[0].start >= shortest

    return joined(sentences(run, language_code), is_long_enough)


def _ordered(pieces: Sequence[list[Spoken]], voice: int, before: Sequence[Sentence]) -> Iterator[Sentence]:
    latest = before[-1].start if before and before[-1].voice == voice else 0
    for words in pieces:
        latest = max(latest, words[0].start)
        yield Sentence(words, latest, max(latest + 1, words[-1].end), voice)


def _with_cross_talk(found: Sequence[Sentence]) -> Iterator[Sentence]:
    """Mark the sentences that overlap one of another voice."""
    marked: set[int] = set()
    open_: list[int] = []
    for at, one in enumerate(found):
        open_ = [other for other in open_ if found[other].end > one.start]
        rivals = [other for other in open_ if found[other].voice != one.voice]
        marked.update(rivals, [at] * bool(rivals))
        open_.append(at)
    for at, one in enumerate(found):
        yield attrs.evolve(one, is_cross_talk=True) if at in marked else one
