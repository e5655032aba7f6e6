"""
The transcript: the response to a submit and to every poll.

Decoding is tolerant. Few fields are required; enumerations are open strings; unknown fields are in
`Transcript.raw`. Field names are those of the API.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any, cast

import attrs
import msgspec

from aai_async._errors import AAIError, TranscriptDeletedError
from aai_async._models.insights import (
    AutoHighlightsResult,
    Chapter,
    ContentSafetyLabelsResult,
    Entity,
    LanguageDetectionResults,
    SentimentAnalysisResult,
    SpeechUnderstandingResult,
    TopicDetectionModelResult,
)
from aai_async._models.missing import MissingResult, missing_results, missing_tasks
from aai_async._models.notebook_html import render
from aai_async._models.response import JSON, ResponseModel
from aai_async._models.settings import EchoedSettings
from aai_async._models.speech import Utterance, Word
from aai_async._options import Options, SpeechUnderstanding
from aai_async._shown_text import escaped

DELETED_URL = "http://deleted_by_user"
"""
The audio URL of a deleted transcript.

Source: https://www.assemblyai.com/docs/api-reference/transcripts/delete
"""


@attrs.frozen(kw_only=True, repr=False, eq=False)
class Transcript(EchoedSettings):
    """
    A transcription job in any state.

    Large fields, such as the words of an hour, are decoded on first access.

    Source: https://www.assemblyai.com/docs/api-reference/transcripts/get
    """

    id: str
    """The id of the job, for `Client.wait`, `Client.get` and other methods."""

    status: str
    """`"queued"`, `"processing"`, `"completed"` or `"error"`; the service may add values."""

    error: str | None = None
    """The error text of a failed job."""

    text: str | None = None
    """The whole text; empty if there was no speech."""

    words: tuple[Word, ...] | None = None
    """All words in order."""

    utterances: tuple[Utterance, ...] | None = None
    """The turns of the speakers in order, with `speaker_labels` or `multichannel`."""

    confidence: float | None = None
    """Between 0 and 1: the mean over the words."""

    audio_duration: float | None = None
    """Length of the recording in seconds; the service sends whole seconds."""

    audio_url: str | None = attrs.field(default=None, repr=False)
    """The URL of the audio; `"http://deleted_by_user"` after it was deleted."""

    language_code: str | None = None
    """The detected or requested language."""

    language_confidence: float | None = attrs.field(default=None, repr=False)
    """Between 0 and 1, with `language_detection`."""

    language_detection_results: LanguageDetectionResults | None = attrs.field(default=None, repr=False)
    """The detected languages, with `LanguageDetectionOptions(code_switching=True)`."""

    speech_model_used: str | None = attrs.field(default=None, repr=False)
    """The model that was used."""

    audio_channels: int | None = attrs.field(default=None, repr=False)
    """Number of transcribed channels, with `multichannel`."""

    throttled: bool | None = attrs.field(default=None, repr=False)
    """Whether the job waits because the account has too many jobs in progress."""

    webhook_status_code: int | None = attrs.field(default=None, repr=False)
    """The HTTP status that the webhook's receiver answered with."""

    metadata: JSON | None = attrs.field(default=None, repr=False, hash=False)
    """Notices of the service, see `warnings`. The embedded server adds the name of its engine."""

    unredacted_text: str | None = attrs.field(default=None, repr=False)
    """The unredacted text, with `redact_pii_return_unredacted`."""

    unredacted_words: tuple[Word, ...] | None = attrs.field(default=None, repr=False)
    """The unredacted words, with `redact_pii_return_unredacted`."""

    unredacted_utterances: tuple[Utterance, ...] | None = attrs.field(default=None, repr=False)
    """The unredacted utterances, with `redact_pii_return_unredacted`."""

    translated_texts: dict[str, str] | None = attrs.field(default=None, repr=False, hash=False)
    """The text by language, with `Translation`."""

    speech_understanding: SpeechUnderstandingResult | None = attrs.field(default=None, repr=False)
    """The results of `Options.speech_understanding`."""

    auto_highlights_result: AutoHighlightsResult | None = attrs.field(default=None, repr=False)
    """The key phrases."""

    content_safety_labels: ContentSafetyLabelsResult | None = attrs.field(default=None, repr=False)
    """The sensitive content."""

    iab_categories_result: TopicDetectionModelResult | None = attrs.field(default=None, repr=False)
    """The topics."""

    sentiment_analysis_results: tuple[SentimentAnalysisResult, ...] | None = attrs.field(
        default=None, repr=False
    )
    """The sentiment of each sentence."""

    entities: tuple[Entity, ...] | None = attrs.field(default=None, repr=False)
    """The entities that were mentioned; not redacted."""

    chapters: tuple[Chapter, ...] | None = attrs.field(default=None, repr=False)
    """Deprecated, with `auto_chapters`."""

    summary: str | None = attrs.field(default=None, repr=False)
    """Deprecated, with `summarization`; not redacted."""

    is_deleted: bool | None = attrs.field(default=None, repr=False)
    """Whether the transcript was deleted. The service sends it, but does not document it."""

    _required = ("id", "status")
    _what = "a transcript"

    @property
    def is_done(self) -> bool:
        """Whether the job has completed or failed and will not change any more."""
        return self.status in {"completed", "error"}

    @property
    def speakers(self) -> tuple[str, ...]:
        """The speakers in the order of their first words; empty if speakers were not separated."""
        turns = self.utterances or ()
        return tuple(dict.fromkeys(turn.speaker for turn in turns if turn.speaker is not None))

    @property
    def warnings(self) -> tuple[str, ...]:
        """The warnings of the service in `metadata`, such as an option that it ignored; see `missing`."""
        metadata = self.metadata or {}
        remarks = [*_listed(metadata.get("warning")), *_listed(metadata.get("warnings"))]
        texts = (_text_of(remark) for remark in remarks)
        return tuple(dict.fromkeys(text for text in texts if text is not None))

    @property
    def missing(self) -> tuple[MissingResult, ...]:
        """
        The requested features that are missing from the transcript, although the job is completed.

        The service omits a feature that the spoken language does not support, without an error. The requested
        options are read from the echo in the transcript; `missing_for` also checks options that are not
        echoed. A feature that found nothing is not missing. Nothing is missing if there was no speech or if
        the transcript was deleted.

        Source: https://www.assemblyai.com/docs/pre-recorded-audio/supported-languages
        """
        return missing_from(self, {})

    def missing_for(self, options: Options) -> tuple[MissingResult, ...]:
        """
        Return the requested features that are missing, including options that the service does not echo.

        Args:
            options: The options of the submit.
        """
        return missing_from(self, options.payload())

    def text_by_speaker(self) -> dict[str, str]:
        """
        Return the text of each speaker, one line per utterance, in the order of the speakers' first words.

        The dict is empty if speakers were not separated.
        """
        texts: dict[str, list[str]] = {}
        for turn in self.utterances or ():
            if turn.speaker is not None:
                texts.setdefault(turn.speaker, []).append(turn.text)
        return {speaker: "\n".join(lines) for speaker, lines in texts.items()}

    def _repr_html_(self) -> str:
        """Return the preview for a notebook; `aai_async.formats.html` returns a complete page."""
        length = f"{self.audio_duration:.0f} s" if self.audio_duration else ""
        turns = [(turn.speaker, turn.start, turn.text) for turn in self.utterances or ()]
        if not turns and self.text:
            turns = [(None, self.words[0].start if self.words else 0, self.text)]
        facts = (self.id, self.status, length, self.language_code or "", self.error or "")
        notices = (*self.warnings, *(f"Requested, but missing: {one}" for one in self.missing))
        return render(facts, turns, notices)


def is_deleted(transcript: Transcript) -> bool:
    """Return whether the service has deleted the content of a transcript."""
    return bool(transcript.is_deleted) or transcript.audio_url == DELETED_URL


def refuse_deleted(transcript: Transcript) -> None:
    """
    Check that the service still has the content of a transcript.

    Raises:
        TranscriptDeletedError: It was deleted.
    """
    if is_deleted(transcript):
        raise TranscriptDeletedError(
            "The transcript was deleted at the service, so it has no text.",
            transcript_id=transcript.id,
        )


def missing_from(transcript: Transcript, requested: Mapping[str, Any]) -> tuple[MissingResult, ...]:
    """Return the requested features that are missing from a transcript; `requested` is what was sent."""
    if transcript.status != "completed" or is_deleted(transcript):
        return ()
    return missing_results(transcript, requested)


def _listed(remarks: Any) -> list[Any]:  # its type is not documented
    return [*cast("Iterable[Any]", remarks)] if isinstance(remarks, list) else [remarks]


def _text_of(remark: Any) -> str | None:  # its type is not documented
    text: object = cast("JSON", remark).get("message", remark) if isinstance(remark, dict) else remark
    if isinstance(text, (dict, list)):
        # A warning of an unknown type is still a warning.
        return msgspec.json.encode(text).decode() if text else None
    return text if isinstance(text, str) and text else None


@attrs.frozen(kw_only=True, repr=False, eq=False)
class Understanding(ResponseModel):
    """
    The results of `Client.understand`.

    Source: https://www.assemblyai.com/docs/speech-understanding
    """

    request_id: str | None = None
    """The id of the request, for the service's support."""

    speech_understanding: SpeechUnderstandingResult
    """The result of each task."""

    utterances: tuple[Utterance, ...] | None = None
    """The utterances with names, translations or formats, if these were requested."""

    translated_texts: dict[str, str] | None = attrs.field(default=None, hash=False)
    """The text by language, with `Translation`."""

    _required = ("speech_understanding",)
    _what = "the result of speech understanding"

    @property
    def missing(self) -> tuple[MissingResult, ...]:
        """The requested tasks without a result, according to the echo of the request."""
        return tuple(missing_tasks(self, {}))

    def missing_for(self, task: SpeechUnderstanding) -> tuple[MissingResult, ...]:
        """
        Return the requested tasks without a result, including those that are not echoed.

        Args:
            task: The tasks that were sent.
        """
        return tuple(missing_tasks(self, task.payload()["request"]))


class TranscriptError(AAIError):
    """The job ended in `error`; `transcript.error` is the error text of the service."""

    transcript: Transcript
    """The failed job."""

    def __init__(self, transcript: Transcript) -> None:
        reason = escaped(transcript.error or "the service did not state a reason")
        super().__init__(f"{FAILED_JOB}{reason}", transcript_id=transcript.id)
        self.transcript = transcript

    @property
    def is_transient(self) -> bool:
        """
        Whether the job failed for the service's own reasons, so that another job can succeed.

        Source: https://www.assemblyai.com/docs/pre-recorded-audio/guides/retry-server-error
        """
        return is_own_failure(self.transcript.error)


FAILED_JOB = "The transcription failed: "
"""The beginning of the message of a failed job, before the error text of the service."""

_OWN_FAILURE = re.compile(r"\s*(internal )?server error\b", re.IGNORECASE)
"""The beginning of an error text that is not about the recording; "500 Server Error" may be its host's."""


def is_own_failure(text: str | None) -> bool:
    """Return whether the error text of a job states a failure of the service itself."""
    return _OWN_FAILURE.match(text or "") is not None


def model_that_ran(transcript: Transcript) -> str | None:
    """Return the name of the model; the embedded server runs another one than those of the service."""
    engine = (transcript.metadata or {}).get("local_engine")
    return engine if isinstance(engine, str) else transcript.speech_model_used
