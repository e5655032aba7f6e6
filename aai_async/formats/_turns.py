"""
The speech of a transcript for the formats: words with speakers, in sentences and paragraphs.

Pure: a transcript in, values out. It knows no format. The embedded server has its own code to split words,
because it replaces the service; both take the rules of languages from `aai_async._language`.
"""

from __future__ import annotations

import bisect
import itertools
import re
from collections.abc import Callable, Iterable, Sequence

import attrs

from aai_async._errors import AAIError
from aai_async._language.scripts import default_gap, isolated
from aai_async._language.sentences import sentence_ends
from aai_async._language.word_boundaries import word_boundaries
from aai_async._models.speech import Word
from aai_async._models.transcript import Transcript, TranscriptError
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


@attrs.frozen
class Spoken:
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
        AAIError: The job has not ended.
    """
    if transcript.status == "error":
        raise TranscriptError(transcript)
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
    names = speakers_of(transcript)
    pairs = zip(transcript.words or (), names, strict=True)
    words = [word for one, name in pairs if (word := _spoken(one, name or one.channel))]
    if speakers:
        by_utterance = list(_by_utterance(transcript))
        is_reordered = [word.text for word in by_utterance] != [word.text for word in words]
        if is_reordered and len(by_utterance) == len(words):
            return _spaced_by_utterance(transcript, by_utterance)
    return _spaced(words, transcript.text, transcript.language_code)


def speakers_of(transcript: Transcript) -> list[str | None]:
    """
    Return the speaker of each word.

    After speaker identification the utterances have names, but the words can still have labels.
    """
    utterances = sorted(transcript.utterances or (), key=lambda one: one.start)
    starts = [one.start for one in utterances]
    names = {_key(word): one.speaker for one in utterances for word in one.words}
    found: list[str | None] = []
    for word in transcript.words or ():
        at = bisect.bisect_right(starts, word.start) - 1
        is_during = at >= 0 and word.start < utterances[at].end and utterances[at].channel == word.channel
        name = names.get(_key(word)) or (utterances[at].speaker if is_during else None)
        found.append(_name(name) or _name(word.speaker))
    return found


def _key(word: Word) -> tuple[int, int, str, str | None]:
    return word.start, word.end, word.text, word.channel


def _name(speaker: str | None) -> str | None:
    """Return the speaker in one line; `None` for a blank name."""
    return (one_line(speaker) or None) if speaker else None


def _spoken(word: Word, speaker: str | None) -> Spoken | None:
    text = visible(word.text)
    return Spoken(text, word.start, word.end, _name(speaker), word.confidence) if text else None


def _by_utterance(transcript: Transcript) -> Iterable[Spoken]:
    for utterance in transcript.utterances or ():
        speaker = _name(utterance.speaker) or utterance.channel
        yield from (word for one in utterance.words if (word := _spoken(one, speaker)))


def _spaced(words: Sequence[Spoken], text: str | None, language_code: str | None) -> list[Spoken]:
    found = gaps([word.text for word in words], text, language_code)
    return [attrs.evolve(word, gap=gap) for word, gap in zip(words, found, strict=True)]


def _spaced_by_utterance(transcript: Transcript, words: Sequence[Spoken]) -> list[Spoken]:
    """Take the spaces from the text of each utterance, because the utterances are in another order."""
    found: list[Spoken] = []
    rest = iter(words)
    for utterance in transcript.utterances or ():
        number = sum(1 for word in utterance.words if visible(word.text))
        spoken = _spaced(list(itertools.islice(rest, number)), utterance.text, transcript.language_code)
        if found and spoken:
            gap = default_gap(found[-1].text, spoken[0].text, transcript.language_code)
            spoken[0] = attrs.evolve(spoken[0], gap=gap)
        found += spoken
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
