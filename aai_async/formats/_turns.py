"""
The speech of a transcript for the formats: words with speakers, in sentences and paragraphs.

Pure: a transcript in, values out. It knows no format. The embedded server has its own code to split words,
because it replaces the service and shares nothing with the client.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable, Sequence

import attrs

from aai_async._errors import AAIError
from aai_async._models.transcript import Transcript, TranscriptError

_SENTENCE_PAUSE = 1_500
"""ms of silence that end a sentence, whatever its punctuation."""

_PARAGRAPH_PAUSE = 2_500
"""ms of silence that end a paragraph."""

_LONGEST_SENTENCE = 64
"""Words."""

_LONGEST_PARAGRAPH = 120
"""Words after which the next sentence begins another paragraph."""

_UNSPACED = frozenset({"ja", "lo", "my", "th", "yue", "zh"})
"""Languages that have no space between words."""

_ENDS = (".", "?", "!", "…", "。", "！", "？", "।", "؟")

_CLOSERS = "\"'”’)]»」』"
"""Characters that can follow the end of a sentence and belong to it."""

_ABBREVIATIONS = frozenset(["mr.", "mrs.", "ms.", "dr.", "prof.", "sr.", "jr.", "st.", "vs.", "no.", "gen."])

_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff]+")
"""Line breaks, invisible characters, and surrogates, which no file can hold."""


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


@attrs.frozen
class Turn:
    """Consecutive words of one speaker."""

    words: tuple[Spoken, ...]
    separator: str
    """The text between two words."""

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
        return self.separator.join(word.text for word in self.words)


def completed(transcript: Transcript) -> Transcript:
    """
    Check that a transcript is completed.

    Raises:
        TranscriptError: The job has failed.
        AAIError: The job has not ended.
    """
    if transcript.status == "error":
        said = one_line(transcript.error or "the service gave no reason")
        raise TranscriptError(f"The transcript {transcript.id} has failed: {said}", transcript=transcript)
    if transcript.status != "completed":
        raise AAIError(
            f"The transcript {transcript.id} is {transcript.status!r}: call Client.wait({transcript.id!r}).",
            transcript_id=transcript.id,
        )
    return transcript


def one_line(text: str) -> str:
    """Return a text without line breaks and invisible characters."""
    return " ".join(_UNSEEN.sub(" ", text).split())


def words_of(transcript: Transcript, *, speakers: bool = True) -> list[Spoken]:
    """Return all words in order, without those that have no visible characters."""
    found = list(_by_utterance(transcript)) if speakers else []
    if len(found) != len(transcript.words or ()):
        found = [
            Spoken(one_line(word.text), word.start, word.end, word.speaker or word.channel, word.confidence)
            for word in transcript.words or ()
        ]
    return [word for word in found if word.text]


def _by_utterance(transcript: Transcript) -> Iterable[Spoken]:
    # After speaker identification the utterances have names, but the words can still have labels.
    for utterance in transcript.utterances or ():
        speaker = utterance.speaker or utterance.channel
        for word in utterance.words:
            yield Spoken(one_line(word.text), word.start, word.end, speaker, word.confidence)


def separator_of(transcript: Transcript) -> str:
    """Return the text between two words in the language of a transcript."""
    language = (transcript.language_code or "").lower().partition("_")[0].partition("-")[0]
    return "" if language in _UNSPACED else " "


def speaker_name(speaker: str) -> str:
    """Return the name to show for a speaker: Speaker A for `A`; an identified name is unchanged."""
    name = one_line(speaker)
    return f"Speaker {name}" if len(name) <= 2 else name


def turns(transcript: Transcript) -> list[Turn]:
    """Group the words by turns."""
    separator = separator_of(transcript)
    grouped = itertools.groupby(words_of(transcript), key=lambda word: word.speaker)
    return [Turn(tuple(words), separator) for _, words in grouped]


def paragraphs(transcript: Transcript) -> list[Turn]:
    """Group the sentences into paragraphs: of one speaker, without a long silence, of limited length."""
    separator = separator_of(transcript)
    whole = joined(sentences(words_of(transcript)), _ends_paragraph)
    return [Turn(tuple(words), separator) for words in whole]


def sentences(words: Iterable[Spoken]) -> list[list[Spoken]]:
    """Split words at the end of a sentence, at a long silence and at a change of speaker."""
    return joined(([word] for word in words), _ends_sentence)


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


def _ends_sentence(words: Sequence[Spoken], following: Spoken) -> bool:
    last = words[-1]
    return (
        len(words) >= _LONGEST_SENTENCE
        or last.speaker != following.speaker
        or following.start - last.end >= _SENTENCE_PAUSE
        or _closes(last.text, following.text)
    )


def _ends_paragraph(words: Sequence[Spoken], following: Spoken) -> bool:
    last = words[-1]
    return (
        len(words) >= _LONGEST_PARAGRAPH
        or last.speaker != following.speaker
        or following.start - last.end >= _PARAGRAPH_PAUSE
    )


def _closes(text: str, following: str) -> bool:
    bare = text.rstrip(_CLOSERS)
    if not bare.endswith(_ENDS) or bare.lower() in _ABBREVIATIONS:
        return False
    # "e.g. this" and "3 p.m. today" do not end a sentence.
    return not (bare.endswith(".") and following[:1].islower())


def clock(milliseconds: int) -> str:
    """Format a time: `0:00:38`."""
    seconds = max(milliseconds, 0) // 1000
    return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"
