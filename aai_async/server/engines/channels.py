"""Combines the words of separately recognised channels. Imports no large libraries."""

from collections.abc import Sequence

import attrs

from aai_async.server.diarization.phrases import phrases
from aai_async.server.engine import RecognizedWord


def interleave(channels: Sequence[Sequence[RecognizedWord]]) -> tuple[RecognizedWord, ...]:
    """
    Return the words of all channels, phrase by phrase in the order in which the phrases begin.

    Whole phrases stay together, so that simultaneous speech remains readable. Channels are named ``"1"``,
    ``"2"`` …, and so are their speakers; with speaker labels ``"1A"`` (documentation, "Multichannel
    Transcription").
    """
    turns = [
        words[phrase.first : phrase.last + 1]
        for number, channel in enumerate(channels, start=1)
        for words in [_named(channel, str(number))]
        for phrase in phrases(words)
    ]
    return tuple(word for turn in sorted(turns, key=lambda turn: turn[0].start) for word in turn)


def _named(words: Sequence[RecognizedWord], channel: str) -> list[RecognizedWord]:
    return [attrs.evolve(word, channel=channel, speaker=channel + (word.speaker or "")) for word in words]
