"""Names for the speakers of a transcript, for all formats. Pure."""

from __future__ import annotations

from collections.abc import Mapping

import attrs
import msgspec

from aai_async._language.scripts import is_blank
from aai_async._models.speech import Utterance, Word
from aai_async._models.transcript import Transcript


def renamed(transcript: Transcript, names: Mapping[str, str] | None) -> Transcript:
    """
    Return a transcript with other names for its speakers.

    Args:
        transcript: The transcript; without names it is returned unchanged.
        names: The names by label, such as `{"A": "Anna"}`. A channel without separated speakers is a speaker
            too. Labels that do not occur, and names that cannot be seen, are ignored.
    """
    if not names:
        return transcript
    words = None if transcript.words is None else tuple(_word(one, names) for one in transcript.words)
    utterances = transcript.utterances
    if utterances is not None:
        utterances = tuple(_utterance(one, names) for one in utterances)
    return attrs.evolve(transcript, words=words, utterances=utterances)


def _utterance(one: Utterance, names: Mapping[str, str]) -> Utterance:
    words = tuple(_word(word, names) for word in one.words)
    return msgspec.structs.replace(one, words=words, speaker=_name(one, names))


def _word(word: Word, names: Mapping[str, str]) -> Word:
    name = _name(word, names)
    return word if name == word.speaker else msgspec.structs.replace(word, speaker=name)


def _name(said: Word | Utterance, names: Mapping[str, str]) -> str | None:
    name = names.get(said.speaker or said.channel or "", "")
    return said.speaker if is_blank(name) else name
