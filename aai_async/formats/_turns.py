"""
The speech of a transcript for the formats: words with speakers, in sentences and paragraphs.

Pure: a transcript in, values out. It knows no format. The embedded server has its own code to split words,
because it replaces the service; both take the rules of languages from `aai_async._language`.
"""

from __future__ import annotations

import bisect
import functools
import itertools
import operator
import re
from collections.abc import Callable, Iterable, Sequence

import attrs
import msgspec

from aai_async._errors import AAIError
from aai_async._language.scripts import default_gap, is_blank, isolated
from aai_async._language.sentences import sentence_ends
from aai_async._language.word_boundaries import word_boundaries
from aai_async._models.speech import Word
from aai_async._models.transcript import Transcript, TranscriptError, refuse_deleted
from aai_async.formats._spacing import gaps, one_line, visible

_SENTENCE_PAUSE = 1_500
"""ms of silence that end a sentence, whatever its punctuation."""

_PARAGRAPH_PAUSE = 2_500
"""ms of silence that end a paragraph."""

_LONGEST_SENTENCE = 64
"""Words."""

_LONGEST_PARAGRAPH = 120
"""Words after which the next sentence begins another paragraph."""

_LABEL = re.compile(r"[A-Za-z]|[A-Z]{2}|[0-9]+[A-Z]?")
"""The labels that the service gives speakers and channels; other texts are names."""


class Spoken(msgspec.Struct, frozen=True, gc=False):
    """A word and its speaker."""

    text: str
    start: int
    """ms from the start of the file."""
    end: int
    """ms from the start of the file."""
    speaker: str | None = None
    confidence: float | None = None
    """Between 0 and 1."""
    gap: str = " "
    """The text before the word, such as a space."""


@attrs.frozen
class Turn:
    """Consecutive words of one speaker."""

    words: tuple[Spoken, ...]

    @property
    def speaker(self) -> str | None:
        """The speaker, if known."""
        return self.words[0].speaker

    @property
    def start(self) -> int:
        """Ms from the start of the file."""
        return self.words[0].start

    @property
    def text(self) -> str:
        """The text of the words."""
        return text_of(self.words)


def completed(transcript: Transcript) -> Transcript:
    """
    Check that a transcript is completed.

    Raises:
        TranscriptError: The job has failed.
        TranscriptDeletedError: The transcript was deleted.
        AAIError: The job has not ended.
    """
    if transcript.status == "error":
        raise TranscriptError(transcript)
    refuse_deleted(transcript)
    if transcript.status != "completed":
        raise AAIError(
            f"The transcript {transcript.id} is {transcript.status!r}: call Client.wait({transcript.id!r}).",
            transcript_id=transcript.id,
        )
    return transcript


def text_of(words: Sequence[Spoken]) -> str:
    """Return the text of consecutive words, with the spaces between them."""
    return "".join(word.gap * (at > 0) + word.text for at, word in enumerate(words))


def words_of(transcript: Transcript, *, speakers: bool = True) -> list[Spoken]:
    """
    Return all words in order with the spaces of the text, without those that have no visible characters.

    Args:
        transcript: The transcript.
        speakers: Whether the words are ordered by utterances, and have the names that were identified.
    """
    words = [visible(word.text) for word in transcript.words or ()]
    texts = [text for text in words if text]
    names = _speakers_in_order(transcript)
    if speakers and names is None:
        by_utterance = [visible(word.text) for one in transcript.utterances or () for word in one.words]
        in_order = list(filter(None, by_utterance))
        if in_order != texts and len(in_order) == len(texts):
            return _spaced_by_utterance(transcript)
    between = gaps(texts, transcript.text, transcript.language_code)
    names = speakers_of(transcript) if names is None else names
    return _spoken(zip(words, transcript.words or (), names, strict=True), between)


def _speakers_in_order(transcript: Transcript) -> list[str | None] | None:
    """Return the speaker of each word if the utterances have the same words in the same order."""
    words, utterances = transcript.words or (), transcript.utterances or ()
    if sum(len(one.words) for one in utterances) != len(words):
        return None
    if any(map(operator.ne, itertools.chain.from_iterable(one.words for one in utterances), words)):
        return None
    names: list[str | None] = []
    for one in utterances:
        name = shown_speaker(one.speaker)
        names += [name or shown_speaker(word.speaker) for word in one.words]
    return names


def _spoken(words: Iterable[tuple[str, Word, str | None]], between: Iterable[str]) -> list[Spoken]:
    """Return words with the text before each, without those that have no visible characters."""
    rest = iter(between)
    return [
        Spoken(text, word.start, word.end, name or word.channel, word.confidence, next(rest))
        for text, word, name in words
        if text
    ]


def speakers_of(transcript: Transcript) -> list[str | None]:
    """
    Return the speaker of each word.

    After speaker identification the utterances have names, but the words can still have labels.
    """
    words = transcript.words or ()
    utterances = transcript.utterances or ()
    if not utterances:
        return [shown_speaker(word.speaker) for word in words]
    in_order = _speakers_in_order(transcript)
    if in_order is not None:
        return in_order
    names = {_key(word): one.speaker for one in utterances for word in one.words}
    ordered = sorted(utterances, key=lambda one: one.start)
    starts = [one.start for one in ordered]
    found: list[str | None] = []
    for word in words:
        at = bisect.bisect_right(starts, word.start) - 1
        is_during = at >= 0 and word.start < ordered[at].end and ordered[at].channel == word.channel
        name = names.get(_key(word)) or (ordered[at].speaker if is_during else None)
        found.append(shown_speaker(name) or shown_speaker(word.speaker))
    return found


def _key(word: Word) -> tuple[int, int, str, str | None]:
    return word.start, word.end, word.text, word.channel


@functools.lru_cache(maxsize=256)
def shown_speaker(speaker: str | None) -> str | None:
    """Return the speaker in one line; `None` if nothing of the name can be seen."""
    return one_line(speaker) if speaker and not is_blank(speaker) else None


def _spaced_by_utterance(transcript: Transcript) -> list[Spoken]:
    """Take the spaces from the text of each utterance, because the utterances are in another order."""
    found: list[Spoken] = []
    for utterance in transcript.utterances or ():
        name = shown_speaker(utterance.speaker) or utterance.channel
        words = [visible(word.text) for word in utterance.words]
        texts = [text for text in words if text]
        between = gaps(texts, utterance.text, transcript.language_code)
        if found and texts:
            between[0] = default_gap(found[-1].text, texts[0], transcript.language_code)
        found += _spoken(
            ((text, word, name) for text, word in zip(words, utterance.words, strict=True)), between
        )
    return found


def speaker_name(speaker: str) -> str:
    """Return the name to show for a speaker: Speaker A for `A`; an identified name is unchanged."""
    name = one_line(speaker)
    return f"Speaker {name}" if _LABEL.fullmatch(name) else name


def name_before(speaker: str, text: str) -> str:
    """Return the name of a speaker to write before a text, which decides the direction of the line."""
    return isolated(speaker_name(speaker), text)


def turns(transcript: Transcript) -> list[Turn]:
    """Group the words by turns."""
    grouped = itertools.groupby(words_of(transcript), key=lambda word: word.speaker)
    return [Turn(tuple(words)) for _, words in grouped]


def paragraphs(transcript: Transcript) -> list[Turn]:
    """Group the sentences into paragraphs: of one speaker, without a long silence, of limited length."""
    found = sentences(words_of(transcript), transcript.language_code)
    return [Turn(tuple(words)) for words in joined(found, _ends_paragraph)]


def sentences(words: Sequence[Spoken], language_code: str | None) -> list[list[Spoken]]:
    """Split words at the end of a sentence, at a long silence and at a change of speaker."""
    ends = sentence_ends([word.text for word in words], [word.gap for word in words], language_code)
    found: list[list[Spoken]] = []
    for at, word in enumerate(words):
        if at == 0 or at - 1 in ends or _ends_sentence(found[-1], word, language_code):
            found.append([])
        found[-1].append(word)
    return found


def joined(
    pieces: Iterable[list[Spoken]], ends: Callable[[Sequence[Spoken], Spoken], bool]
) -> list[list[Spoken]]:
    """Join consecutive pieces unless `ends` is true for them."""
    found: list[list[Spoken]] = []
    for piece in pieces:
        if found and not ends(found[-1], piece[0]):
            found[-1] += piece
        else:
            found.append(list(piece))
    return found


def _ends_sentence(words: Sequence[Spoken], following: Spoken, language_code: str | None) -> bool:
    last = words[-1]
    return (
        last.speaker != following.speaker
        or following.start - last.end >= _SENTENCE_PAUSE
        or (len(words) >= _LONGEST_SENTENCE and _are_parted(last, following, language_code))
    )


def _are_parted(last: Spoken, following: Spoken, language_code: str | None) -> bool:
    """Whether two pieces of an engine are parts of different words."""
    pair = last.text + following.gap + following.text
    return bool(following.gap) or len(last.text) in word_boundaries(pair, language_code)


def _ends_paragraph(words: Sequence[Spoken], following: Spoken) -> bool:
    last = words[-1]
    return (
        len(words) >= _LONGEST_PARAGRAPH
        or last.speaker != following.speaker
        or following.start - last.end >= _PARAGRAPH_PAUSE
    )


def clock(milliseconds: int) -> str:
    """Format a time: `0:00:38`."""
    seconds = max(milliseconds, 0) // 1000
    return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"
