"""
The transcribed text: words, utterances, sentences and paragraphs.

Times are ms from the start of the file, even if only a part of it was transcribed.
"""

import attrs
import msgspec

from aai_async._models.response import Model, Part, ResponseModel


class Span(Model):
    """A span of time in the recording."""

    __slots__ = ()

    start: int
    end: int

    @property
    def duration(self) -> int:
        """The length in ms."""
        return self.end - self.start


class Timestamp(Span, Part, frozen=True, kw_only=True):
    """A span of time in the recording, without text."""

    start: int = 0
    """ms from the start of the file."""

    end: int = 0
    """ms from the start of the file."""


class Word(Span, msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """
    One word, with its punctuation.

    The garbage collector does not track it: a recording of ten hours has about 200,000 words. Use
    `msgspec.structs.replace` to create a changed copy.
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


class Utterance(Span, Part, frozen=True, kw_only=True):
    """An uninterrupted turn of one speaker or one channel."""

    text: str = ""
    """The text."""

    start: int = 0
    """ms from the start of the file."""

    end: int = 0
    """ms from the start of the file."""

    words: tuple[Word, ...] = ()
    """The words of the text."""

    confidence: float | None = None
    """Between 0 and 1."""

    speaker: str | None = None
    """`"A"`, `"B"` …; a name or role after speaker identification."""

    channel: str | None = None
    """The channel, from `"1"`, with `multichannel`."""

    translated_texts: dict[str, str] | None = None
    """The translations of the text by language code, with `Translation(match_original_utterance=True)`."""


class Paragraph(Span, Part, frozen=True, kw_only=True):
    """
    A paragraph of the text.

    Source: https://www.assemblyai.com/docs/api-reference/transcripts/get-paragraphs
    """

    text: str = ""
    """The text."""

    start: int = 0
    """ms from the start of the file."""

    end: int = 0
    """ms from the start of the file."""

    words: tuple[Word, ...] = ()
    """The words of the text."""

    confidence: float | None = None
    """Between 0 and 1."""


class Sentence(Paragraph, frozen=True, kw_only=True):
    """
    One sentence.

    Source: https://www.assemblyai.com/docs/api-reference/transcripts/get-sentences
    """

    speaker: str | None = None
    """`"A"`, `"B"` … with `speaker_labels`."""

    channel: str | None = None
    """The channel, from `"1"`, with `multichannel`."""


@attrs.frozen(kw_only=True, repr=False, eq=False)
class _Segments(ResponseModel):
    id: str
    """The id of the transcript."""

    confidence: float | None = None
    """The confidence of the transcript, between 0 and 1."""

    audio_duration: float | None = None
    """Length of the recording in seconds."""

    speech_model_used: str | None = None
    """The model that transcribed the recording."""

    _required = ("id",)


@attrs.frozen(kw_only=True, repr=False, eq=False)
class Sentences(_Segments):
    """The sentences of a transcript."""

    sentences: tuple[Sentence, ...] = ()
    """All sentences in order."""

    _what = "a list of sentences"


@attrs.frozen(kw_only=True, repr=False, eq=False)
class Paragraphs(_Segments):
    """The paragraphs of a transcript."""

    paragraphs: tuple[Paragraph, ...] = ()
    """All paragraphs in order."""

    _what = "a list of paragraphs"


class WordSearchMatch(Part, frozen=True, kw_only=True):
    """A word or phrase of a search, and its occurrences."""

    text: str = ""
    """The word or phrase."""

    count: int = 0
    """Number of occurrences."""

    timestamps: tuple[tuple[int, int], ...] = ()
    """Start and end of each occurrence, in ms from the start of the file."""

    indexes: tuple[int, ...] = ()
    """Index in `Transcript.words` of the first word of each occurrence."""


@attrs.frozen(kw_only=True, repr=False, eq=False)
class WordSearch(ResponseModel):
    """
    The result of a word search.

    Source: https://www.assemblyai.com/docs/api-reference/transcripts/word-search
    """

    id: str
    """The id of the transcript."""

    total_count: int = 0
    """Number of all occurrences."""

    matches: tuple[WordSearchMatch, ...] = ()
    """One entry for each word or phrase that occurs."""

    _required = ("id",)
    _what = "the result of a word search"


@attrs.frozen(kw_only=True, repr=False, eq=False)
class RedactedAudio(ResponseModel):
    """
    The state of the redacted copy of a recording.

    Source: https://www.assemblyai.com/docs/api-reference/transcripts/get-redacted-audio
    """

    status: str | None = None
    """`"redacted_audio_ready"`, or another value while the copy is being created."""

    redacted_audio_url: str | None = attrs.field(default=None, repr=False)
    """The URL of the file for 24 hours. Anyone who has it can read the file, without an API key."""

    _what = "the state of a redacted recording"

    @property
    def is_ready(self) -> bool:
        """Whether the copy can be downloaded."""
        return self.redacted_audio_url is not None
