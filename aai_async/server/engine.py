"""
The interface between the server and a speech engine: requests and results.

An engine turns a stored file into words with times, confidences and, on request, speakers.
Engines do not depend on HTTP, jobs or the service's JSON, and the server does not depend on models.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

import attrs


class EngineError(Exception):
    """
    The recording cannot be transcribed; the message becomes the transcript's `error`.

    Use the service's own wording, such as ``Audio duration is too short.``
    """


@attrs.frozen(kw_only=True)
class SpeechRequest:
    """
    A recording to recognise, with its options.

    Engines must honour every field; the server refuses a job whose options its engine does not support.
    """

    audio: Path
    """
    Path of the recording, in the container and codec in which it was uploaded.

    The server does not fetch a recording from a URL. For such a job the path is the last segment of the URL,
    and no file exists there: see `Engine.reads_recordings`.
    """

    language_code: str | None = None
    """The spoken language, such as ``"en"``; `None` asks the engine to detect it."""

    expected_languages: tuple[str, ...] = ()
    """The languages that detection may return; empty for all."""

    fallback_language: str | None = None
    """The language to use if the detected one is not expected; `None` for the most probable expected one."""

    fallback_below: float = 0.0
    """The confidence below which `fallback_language`, if set, replaces any detected language."""

    audio_start_from: int = 0
    """Start of the part to transcribe, in ms from the start of the file."""

    audio_end_at: int | None = None
    """End of the part to transcribe, in ms from the start of the file; `None` for the end of the file."""

    keyterms: tuple[str, ...] = ()
    """Words and phrases the engine should favour."""

    numerals: bool = True
    """Whether numbers may be written with digits and symbols, as in ``$125``; otherwise as spoken."""

    audio_track: int | None = None
    """The audio track to transcribe, from 1; `None` for the default one that is not silent."""

    multichannel: bool = False
    """Whether to recognise each channel of the recording separately."""

    speaker_labels: bool = False
    """Whether to identify the speakers."""

    speakers_expected: int | None = None
    """The exact number of speakers; `None` if it is unknown."""

    min_speakers: int = 1
    """Minimum number of speakers."""

    max_speakers: int | None = None
    """Maximum number of speakers; `None` lets the engine decide."""


@attrs.frozen(kw_only=True)
class AudioTrack:
    """One audio track of a file."""

    number: int
    """From 1, in the order of the file."""

    codec: str
    """FFmpeg's name of its decoder, such as ``"aac"``."""

    channels: int | None
    """Number of channels; `None` if it is unknown."""

    sample_rate: int | None
    """Samples per second; `None` if it is unknown."""

    language: str | None = None
    """The code in the file, such as ``"eng"``."""

    title: str | None = None
    is_decodable: bool = True
    """Whether a decoder for its codec is installed."""


@attrs.frozen(kw_only=True)
class RecognizedWord:
    """A recognised word, with its punctuation and without surrounding spaces."""

    text: str
    start: int
    """Start of the word, in ms from the start of the file."""

    end: int
    """End of the word, in ms from the start of the file."""

    confidence: float
    """Between 0 and 1."""

    speaker: str | None = None
    """
    ``"A"``, ``"B"`` … in order of first appearance, if speakers were requested.

    If the channels were recognised separately, the channel: ``"1"``; with speakers ``"1A"``, ``"1B"`` ….
    """

    channel: str | None = None
    """``"1"``, ``"2"`` …, if the channels were recognised separately."""


@attrs.frozen
class SpeakerEmbedding:
    """The voice of a speaker in one recording, as the speaker encoder describes it."""

    vector: Sequence[float]
    """A unit vector."""

    duration: int
    """ms of speech."""


@attrs.frozen(kw_only=True)
class Recognition:
    """The result of recognising one recording."""

    words: tuple[RecognizedWord, ...]
    """In order of time; with separately recognised channels, ordered by turns."""

    language_code: str | None
    """The language; `None` if it was to be detected and the recording has no speech."""

    language_confidence: float | None = None
    """Between 0 and 1; `None` unless the language was detected."""

    audio_duration: float
    """Length of the file in seconds, as a player shows it."""

    audio_track: int | None = None
    """The number of the transcribed track; `None` if the engine does not read files."""

    audio_tracks: tuple[AudioTrack, ...] = ()
    """All audio tracks of the file."""

    audio_warnings: tuple[str, ...] = ()
    """What was not transcribed although it is in the file, or is not what it seems: a sentence each."""

    audio_channels: int | None = None
    """Number of separately recognised channels; `None` unless `multichannel` was requested."""

    speech_share: float | None = None
    """Share of speech in the transcribed part, between 0 and 1; `None` if the engine cannot measure it."""

    transcript_fields: Mapping[str, object] = attrs.field(factory=dict[str, object], hash=False)
    """
    Fields of the transcript that replace those of the server, such as the results of speech understanding.

    The names and values are those of the service's JSON. The id, the status, the URLs and the webhook of a
    job are not replaced.
    """

    engine: str
    """Name of the model that was used, such as ``"whisper-base"``."""

    embeddings: Mapping[str, SpeakerEmbedding] = attrs.field(
        factory=dict[str, SpeakerEmbedding], hash=False, repr=False
    )
    """The voices of the speakers by their labels, for a file of voices. The server stores none."""


class Engine(Protocol):
    """The interface that the server requires of a speech engine."""

    @property
    def name(self) -> str:
        """Name of the model, such as ``"whisper-base"``."""
        ...

    @property
    def languages(self) -> frozenset[str] | None:
        """The language codes that the engine can transcribe; `None` for all."""
        ...

    @property
    def detects_language(self) -> bool:
        """Whether the engine can detect the spoken language."""
        ...

    @property
    def reads_recordings(self) -> bool:
        """
        Whether the engine reads the file of the recording.

        If so, a job with a URL as its audio fails, because the server does not fetch it.
        """
        ...

    async def recognize(self, request: SpeechRequest) -> Recognition:
        """
        Transcribe one recording without blocking the event loop.

        Raises:
            EngineError: The recording cannot be transcribed.
        """
        ...

    async def aclose(self) -> None:
        """Release the engine's resources, such as its processes."""
        ...
