"""
What was said: words, and the longer stretches that the service makes of them.

Times are ms from the start of the file, also where only a window of it was transcribed.
"""

from __future__ import annotations

import attrs
import msgspec

from aai_async._answers.answer import Answer, Part


class Span(Part):
    """A stretch of the recording."""

    __slots__ = ()

    start: int
    end: int

    @property
    def duration(self) -> int:
        """How long it takes, in ms."""
        return self.end - self.start


@attrs.frozen(kw_only=True, repr=False)
class Timestamp(Span):
    """A stretch of the recording, and nothing else."""

    start: int = 0
    """ms from the start of the file."""

    end: int = 0
    """ms from the start of the file."""


class Word(Span, msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """
    One word, with its punctuation.

    Ten hours are 200,000 of them, so this one is a struct of msgspec, which is read four times as fast as an
    attrs class and which the garbage collector need not look at: `msgspec.structs.replace` varies it.
    """

    text: str = ""
    """The word as it is written in the text."""

    start: int = 0
    """ms from the start of the file."""

    end: int = 0
    """ms from the start of the file."""

    confidence: float | None = None
    """Between 0 and 1."""

    speaker: str | None = None
    """`"A"`, `"B"` … with `speaker_labels`; the channel with `multichannel`; both as `"1A"`."""

    channel: str | None = None
    """The channel, from `"1"`, with `multichannel`."""

    __repr__ = Span.__repr__


@attrs.frozen(kw_only=True, repr=False)
class Utterance(Span):
    """An uninterrupted stretch of one speaker or one channel."""

    text: str = ""
    """What was said."""

    start: int = 0
    """ms from the start of the file."""

    end: int = 0
    """ms from the start of the file."""

    words: tuple[Word, ...] = ()
    """The same, word by word."""

    confidence: float | None = None
    """Between 0 and 1."""

    speaker: str | None = None
    """`"A"`, `"B"` …; a name or role after speaker identification."""

    channel: str | None = None
    """The channel, from `"1"`, with `multichannel`."""

    translated_texts: dict[str, str] | None = attrs.field(default=None, hash=False)
    """The text by language, with `Translation(match_original_utterance=True)`."""


@attrs.frozen(kw_only=True, repr=False)
class Paragraph(Span):
    """
    Some sentences that belong together.

    Source: https://www.assemblyai.com/docs/api-reference/transcripts/get-paragraphs
    """

    text: str = ""
    """What was said."""

    start: int = 0
    """ms from the start of the file."""

    end: int = 0
    """ms from the start of the file."""

    words: tuple[Word, ...] = ()
    """The same, word by word."""

    confidence: float | None = None
    """Between 0 and 1."""


@attrs.frozen(kw_only=True, repr=False)
class Sentence(Paragraph):
    """
    One sentence.

    Source: https://www.assemblyai.com/docs/api-reference/transcripts/get-sentences
    """

    speaker: str | None = None
    """`"A"`, `"B"` … with `speaker_labels`."""

    channel: str | None = None
    """The channel, from `"1"`, with `multichannel`."""


@attrs.frozen(kw_only=True, repr=False)
class _Segments(Answer):
    id: str
    """Of the transcript."""

    confidence: float | None = None
    """Between 0 and 1: of the transcript."""

    audio_duration: float | None = None
    """Length of the recording in seconds."""

    speech_model_used: str | None = None
    """The model that heard it."""

    _required = ("id",)


@attrs.frozen(kw_only=True, repr=False)
class Sentences(_Segments):
    """The sentences of a transcript."""

    sentences: tuple[Sentence, ...] = ()
    """All of them in turn."""

    _what = "a list of sentences"


@attrs.frozen(kw_only=True, repr=False)
class Paragraphs(_Segments):
    """The paragraphs of a transcript."""

    paragraphs: tuple[Paragraph, ...] = ()
    """All of them in turn."""

    _what = "a list of paragraphs"


@attrs.frozen(kw_only=True, repr=False)
class WordSearchMatch(Part):
    """A word or phrase that was looked for, and where it was said."""

    text: str = ""
    """What was looked for."""

    count: int = 0
    """How often it was said."""

    timestamps: tuple[tuple[int, int], ...] = ()
    """Start and end of each, in ms from the start of the file."""

    indexes: tuple[int, ...] = ()
    """Where each begins in `Transcript.words`."""


@attrs.frozen(kw_only=True, repr=False)
class WordSearch(Answer):
    """
    What was found of the words that were looked for.

    Source: https://www.assemblyai.com/docs/api-reference/transcripts/word-search
    """

    id: str
    """Of the transcript."""

    total_count: int = 0
    """Of all matches."""

    matches: tuple[WordSearchMatch, ...] = ()
    """One for each word or phrase that was said at all."""

    _required = ("id",)
    _what = "the result of a word search"


@attrs.frozen(kw_only=True, repr=False)
class RedactedAudio(Answer):
    """
    Whether the masked copy of a recording is ready.

    Source: https://www.assemblyai.com/docs/api-reference/transcripts/get-redacted-audio
    """

    status: str | None = None
    """`"redacted_audio_ready"`, or something else while it is being made."""

    redacted_audio_url: str | None = attrs.field(default=None, repr=False)
    """Where it is, for 24 hours; whoever has the address can read it, without a key."""

    _what = "the state of a redacted recording"

    @property
    def is_ready(self) -> bool:
        """Whether there is something to fetch."""
        return self.redacted_audio_url is not None
