"""
What the service answers: a transcript, its words, its utterances.

Answers are read tolerantly. Only what an object means nothing without is required; vocabularies stay
open strings; fields that this version does not know are in `Transcript.raw`. Field names are the wire's.
"""

from __future__ import annotations

import contextlib
import functools
from typing import Any, get_type_hints

import attrs
import msgspec

from aai_async._errors import AAIError, ProtocolError


def _shortened(text: str | None) -> str:
    return repr(text if text is None or len(text) <= 60 else f"{text[:57]}...")


@attrs.frozen(kw_only=True)
class Word:
    """One word, with its punctuation."""

    text: str

    start: int
    """ms from the start of the file."""

    end: int
    """ms from the start of the file."""

    confidence: float | None = None
    """Between 0 and 1."""

    speaker: str | None = None
    """`"A"`, `"B"` … with `speaker_labels`; the channel with `multichannel`; both as `"1A"`."""

    channel: str | None = None
    """The channel, from `"1"`, with `multichannel`."""


@attrs.frozen(kw_only=True)
class Utterance:
    """An uninterrupted stretch of one speaker or one channel."""

    text: str = attrs.field(repr=_shortened)

    start: int
    """ms from the start of the file."""

    end: int
    """ms from the start of the file."""

    words: tuple[Word, ...] = attrs.field(default=(), repr=False)

    confidence: float | None = None
    """Between 0 and 1."""

    speaker: str | None = None
    """`"A"`, `"B"` …; a name or role after speaker identification."""

    channel: str | None = None
    """The channel, from `"1"`, with `multichannel`."""


@attrs.frozen(kw_only=True)
class Transcript:
    """
    A transcription job in whatever state it is.

    Source: https://www.assemblyai.com/docs/api-reference/transcripts/get
    """

    id: str

    status: str
    """`"queued"`, `"processing"`, `"completed"` or `"error"`; the service may add words."""

    audio_url: str | None = attrs.field(default=None, repr=False)

    error: str | None = None
    """Why the job failed, when it did."""

    text: str | None = attrs.field(default=None, repr=_shortened)
    """The whole text; empty when nobody spoke."""

    words: tuple[Word, ...] | None = attrs.field(default=None, repr=False)

    utterances: tuple[Utterance, ...] | None = attrs.field(default=None, repr=False)
    """Who said what in turn, with `speaker_labels` or `multichannel`."""

    confidence: float | None = None
    """Between 0 and 1: the mean over the words."""

    audio_duration: float | None = None
    """Length of the recording in seconds; the service sends whole ones."""

    language_code: str | None = None

    language_codes: tuple[str, ...] | None = attrs.field(default=None, repr=False)
    """The languages of a recording that switches between them."""

    language_confidence: float | None = attrs.field(default=None, repr=False)
    """Between 0 and 1, with `language_detection`."""

    speech_models: tuple[str, ...] | None = attrs.field(default=None, repr=False)
    """The models that were asked for, in order of preference."""

    speech_model_used: str | None = attrs.field(default=None, repr=False)

    audio_channels: int | None = attrs.field(default=None, repr=False)
    """How many channels were transcribed, with `multichannel`."""

    throttled: bool | None = attrs.field(default=None, repr=False)
    """Whether the job waits because the account has too many in flight."""

    webhook_status_code: int | None = attrs.field(default=None, repr=False)
    """What the webhook's receiver answered."""

    metadata: dict[str, Any] | None = attrs.field(
        default=None, repr=False, hash=False
    )  # an open object of the service
    """Remarks of the service, such as `warnings`; the embedded server names its engine here."""

    _body: bytes = attrs.field(default=b"{}", repr=False, eq=False)

    @property
    def is_done(self) -> bool:
        """Whether the job has ended, well or badly, and will not change any more."""
        return self.status in {"completed", "error"}

    @property
    def raw(self) -> dict[str, Any]:  # whatever the service sent, so no narrower type is honest
        """Everything that the service sent, also what this version has no field for; decoded at each call."""
        decoded: dict[str, Any] = msgspec.json.decode(self._body)
        return decoded

    @staticmethod
    def from_json(body: bytes) -> Transcript:
        """
        Read a reply of the service.

        Raises:
            ProtocolError: It is not JSON, or not a transcript; names the field.
        """
        try:
            transcript = _decoder().decode(body)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
            readable = _read_leniently(body)
            if readable is None:
                raise ProtocolError(f"The reply is not a transcript: {error}") from None
            transcript = readable
        return attrs.evolve(transcript, body=body)


@functools.cache
def _decoder() -> msgspec.json.Decoder[Transcript]:
    return msgspec.json.Decoder(Transcript, strict=False)


def _read_leniently(body: bytes) -> Transcript | None:
    """
    Read field by field what cannot be read as a whole, if at least id and status can be.

    A transcript that was paid for is not lost to one odd value: its field is `None`, and `raw` has it.
    """
    values: dict[str, Any] = {}
    try:
        document = msgspec.json.decode(body, type=dict[str, Any])
        kinds = get_type_hints(Transcript)
        for name in document.keys() & kinds.keys() - {"_body"}:
            with contextlib.suppress(msgspec.ValidationError):
                values[name] = msgspec.convert(document[name], kinds[name], strict=False)
        return Transcript(**values) if values.get("id") and values.get("status") else None
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return None


class TranscriptError(AAIError):
    """The job ended in `error`; `transcript.error` is the service's own text."""

    transcript: Transcript
    """The whole reply."""

    def __init__(self, message: str, *, transcript: Transcript) -> None:
        super().__init__(message, transcript_id=transcript.id)
        self.transcript = transcript
