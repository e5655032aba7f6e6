"""
What the server asks of a speech engine, and what an engine answers.

An engine turns a stored file into words with times, confidences and, when asked, speakers.
It knows nothing of HTTP, jobs or the service's JSON; the server knows nothing of models.
"""

from pathlib import Path
from typing import Protocol

import attrs

UNSPACED_LANGUAGES = frozenset({"ja", "lo", "my", "th", "yue", "zh"})
"""Languages written without spaces between words, as faster_whisper/tokenizer.py lists them."""


class EngineError(Exception):
    """
    The recording cannot be transcribed; the text becomes the transcript's `error`.

    It is written in the service's own words, such as ``Audio duration is too short.``
    """


@attrs.frozen(kw_only=True)
class SpeechRequest:
    """What to recognise. Every field here is really served by an engine, or the server refused it before."""

    audio: Path
    """
    The recording, in whatever container or codec it was uploaded.

    Of one at an address, which the server does not fetch, only the last part of that, and no file: see
    `Engine.reads_recordings`.
    """

    language_code: str | None = None
    """The spoken language, such as ``"en"``; `None` asks the engine to detect it."""

    expected_languages: tuple[str, ...] = ()
    """The languages that a detected one must be among; none here means all."""

    fallback_language: str | None = None
    """What to take for one that is not among them; `None` is the most probable of them."""

    fallback_below: float = 0.0
    """The confidence below which `fallback_language` is taken, if there is one, whatever was detected."""

    audio_start_from: int = 0
    """Where to begin, in ms from the start of the file."""

    audio_end_at: int | None = None
    """Where to stop, in ms from the start of the file; `None` is its end."""

    keyterms: tuple[str, ...] = ()
    """Words and phrases the engine should favour."""

    numerals: bool = True
    """Whether numbers may be written in digits and signs, as in ``$125``; else as they are spoken."""

    multichannel: bool = False
    """Whether to recognise each channel of the recording by itself."""

    speaker_labels: bool = False
    """Whether to tell the speakers apart."""

    speakers_expected: int | None = None
    """The exact number of speakers, where the caller knows it."""

    min_speakers: int = 1
    """The fewest speakers to tell apart."""

    max_speakers: int | None = None
    """The most speakers to tell apart; `None` leaves it to the engine."""


@attrs.frozen(kw_only=True)
class RecognizedWord:
    """One word as the engine heard it, punctuation attached, with no surrounding space."""

    text: str
    start: int
    """ms from the start of the file."""

    end: int
    """ms from the start of the file."""

    confidence: float
    """Between 0 and 1."""

    speaker: str | None = None
    """
    ``"A"``, ``"B"`` … by first appearance, when speakers were asked for.

    Of channels that were recognised by themselves, the channel: ``"1"``; with speakers ``"1A"``, ``"1B"`` ….
    """

    channel: str | None = None
    """``"1"``, ``"2"`` …, when each channel was recognised by itself."""


@attrs.frozen(kw_only=True)
class Recognition:
    """All that an engine heard in one recording."""

    words: tuple[RecognizedWord, ...]
    """In order of time; of channels that were recognised by themselves, turn by turn."""

    language_code: str | None
    """`None` when the language was to be detected and nothing was spoken."""

    language_confidence: float | None = None
    """Between 0 and 1, only when the language was detected."""

    audio_duration: float
    """Length of the decoded recording in seconds."""

    audio_channels: int | None = None
    """How many channels were recognised by themselves, when that was asked for."""

    speech_share: float | None = None
    """How much of what was listened to is speech, between 0 and 1; `None` if the engine cannot tell."""

    engine: str
    """Which model really ran, such as ``"whisper-base"``."""


class Engine(Protocol):
    """A speech engine as the server sees it."""

    @property
    def name(self) -> str:
        """Which model this is, such as ``"whisper-base"``."""
        ...

    @property
    def languages(self) -> frozenset[str] | None:
        """The language codes that it can transcribe; `None` is all of them."""
        ...

    @property
    def detects_language(self) -> bool:
        """Whether it can tell which language is spoken."""
        ...

    @property
    def reads_recordings(self) -> bool:
        """Whether it needs the file of a recording; then one at an address fails, for nothing is fetched."""
        ...

    async def recognize(self, request: SpeechRequest) -> Recognition:
        """
        Transcribe one recording, without holding the event loop.

        Raises:
            EngineError: The recording cannot be transcribed.
        """
        ...

    async def aclose(self) -> None:
        """Stop whatever the engine started."""
        ...
