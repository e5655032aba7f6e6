"""
The transcript itself: what the service answers to a submit and to every look.

Answers are read tolerantly. Only what an object means nothing without is required; vocabularies stay
open strings; fields that this version does not know are in `Transcript.raw`. Field names are the wire's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, cast

import attrs
import msgspec

from aai_async._answers.answer import JSON, Answer
from aai_async._answers.echo import Echo
from aai_async._answers.intelligence import (
    AutoHighlightsResult,
    Chapter,
    ContentSafetyLabelsResult,
    Entity,
    LanguageDetectionResults,
    SentimentAnalysisResult,
    SpeechUnderstandingResult,
    TopicDetectionModelResult,
)
from aai_async._answers.missing import MissingResult, missing_results, missing_tasks
from aai_async._answers.notebook import preview
from aai_async._answers.speech import Utterance, Word
from aai_async._errors import AAIError
from aai_async._options import Options, SpeechUnderstanding

DELETED_URL = "http://deleted_by_user"
"""
The address of what was deleted.

Source: https://www.assemblyai.com/docs/api-reference/transcripts/delete
"""


@attrs.frozen(kw_only=True, repr=False)
class Transcript(Echo):
    """
    A transcription job in whatever state it is.

    Large fields, such as the words of an hour, are read when they are first asked for.

    Source: https://www.assemblyai.com/docs/api-reference/transcripts/get
    """

    id: str
    """What `Client.wait`, `Client.get` and the other verbs take."""

    status: str
    """`"queued"`, `"processing"`, `"completed"` or `"error"`; the service may add words."""

    error: str | None = None
    """Why the job failed, when it did."""

    text: str | None = None
    """The whole text; empty when nobody spoke."""

    words: tuple[Word, ...] | None = None
    """Every word in turn."""

    utterances: tuple[Utterance, ...] | None = None
    """Who said what in turn, with `speaker_labels` or `multichannel`."""

    confidence: float | None = None
    """Between 0 and 1: the mean over the words."""

    audio_duration: float | None = None
    """Length of the recording in seconds; the service sends whole ones."""

    audio_url: str | None = attrs.field(default=None, repr=False)
    """What was transcribed; `"http://deleted_by_user"` once it was deleted."""

    language_code: str | None = None
    """The language that was detected or given."""

    language_confidence: float | None = attrs.field(default=None, repr=False)
    """Between 0 and 1, with `language_detection`."""

    language_detection_results: LanguageDetectionResults | None = attrs.field(default=None, repr=False)
    """With `LanguageDetectionOptions(code_switching=True)`."""

    speech_model_used: str | None = attrs.field(default=None, repr=False)
    """The model that served."""

    audio_channels: int | None = attrs.field(default=None, repr=False)
    """How many channels were transcribed, with `multichannel`."""

    throttled: bool | None = attrs.field(default=None, repr=False)
    """Whether the job waits because the account has too many in flight."""

    webhook_status_code: int | None = attrs.field(default=None, repr=False)
    """What the webhook's receiver answered."""

    metadata: JSON | None = attrs.field(default=None, repr=False, hash=False)
    """Remarks of the service, see `warnings`; the embedded server names its engine here."""

    unredacted_text: str | None = attrs.field(default=None, repr=False)
    """With `redact_pii_return_unredacted`."""

    unredacted_words: tuple[Word, ...] | None = attrs.field(default=None, repr=False)
    """With `redact_pii_return_unredacted`."""

    unredacted_utterances: tuple[Utterance, ...] | None = attrs.field(default=None, repr=False)
    """With `redact_pii_return_unredacted`."""

    translated_texts: dict[str, str] | None = attrs.field(default=None, repr=False, hash=False)
    """The text by language, with `Translation`."""

    speech_understanding: SpeechUnderstandingResult | None = attrs.field(default=None, repr=False)
    """What came of `Options.speech_understanding`."""

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
    """What was named; not redacted."""

    chapters: tuple[Chapter, ...] | None = attrs.field(default=None, repr=False)
    """Deprecated, with `auto_chapters`."""

    summary: str | None = attrs.field(default=None, repr=False)
    """Deprecated, with `summarization`; not redacted."""

    is_deleted: bool | None = attrs.field(default=None, repr=False)
    """Whether it was deleted; seen at the service, not documented."""

    _required = ("id", "status")
    _what = "a transcript"

    @property
    def is_done(self) -> bool:
        """Whether the job has ended, well or badly, and will not change any more."""
        return self.status in {"completed", "error"}

    @property
    def speakers(self) -> tuple[str, ...]:
        """Who speaks, in the order of their first words; empty where speakers were not told apart."""
        turns = self.utterances or ()
        return tuple(dict.fromkeys(turn.speaker for turn in turns if turn.speaker is not None))

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the service remarks in `metadata`, such as an option that it did not follow; see `missing`."""
        metadata = self.metadata or {}
        remarks = [*_listed(metadata.get("warning")), *_listed(metadata.get("warnings"))]
        texts = (_text_of(remark) for remark in remarks)
        return tuple(dict.fromkeys(text for text in texts if text is not None))

    @property
    def missing(self) -> tuple[MissingResult, ...]:
        """
        What was requested and is not in the transcript, although the job is completed.

        A feature that the spoken language lacks is left out by the service without an error. What was
        requested is known from the transcript's own echo; `missing_for` knows more. A feature that found
        nothing is not missing, nor is anything where nobody spoke or the transcript was deleted.

        Source: https://www.assemblyai.com/docs/pre-recorded-audio/supported-languages
        """
        return self._missing({})

    def missing_for(self, options: Options) -> tuple[MissingResult, ...]:
        """
        Give what was requested and is not in the transcript, including what the service does not echo.

        Args:
            options: What was sent with the submit.
        """
        return self._missing(options.payload())

    def _missing(self, requested: Mapping[str, Any]) -> tuple[MissingResult, ...]:
        if self.status != "completed" or self.is_deleted or self.audio_url == DELETED_URL:
            return ()
        return missing_results(self, requested)

    def text_by_speaker(self) -> dict[str, str]:
        """
        Give what each speaker said, one line for each of their utterances, in the order of their first words.

        Empty where speakers were not told apart.
        """
        texts: dict[str, list[str]] = {}
        for turn in self.utterances or ():
            if turn.speaker is not None:
                texts.setdefault(turn.speaker, []).append(turn.text)
        return {speaker: "\n".join(lines) for speaker, lines in texts.items()}

    def _repr_html_(self) -> str:
        """Show it in a notebook; `aai_async.formats.html` makes a page of it."""
        length = f"{self.audio_duration:.0f} s" if self.audio_duration else ""
        turns = [(turn.speaker, turn.start, turn.text) for turn in self.utterances or ()]
        if not turns and self.text:
            turns = [(None, self.words[0].start if self.words else 0, self.text)]
        facts = (self.id, self.status, length, self.language_code or "", self.error or "")
        notices = (*self.warnings, *(f"Requested, but missing: {one}" for one in self.missing))
        return preview(facts, turns, notices)


def _listed(remarks: Any) -> list[Any]:  # its shape is not documented
    return [*cast("Iterable[Any]", remarks)] if isinstance(remarks, list) else [remarks]


def _text_of(remark: Any) -> str | None:  # likewise
    text: object = cast("JSON", remark).get("message", remark) if isinstance(remark, dict) else remark
    if isinstance(text, (dict, list)):
        # In an unknown shape, it is still a warning.
        return msgspec.json.encode(text).decode() if text else None
    return text if isinstance(text, str) and text else None


@attrs.frozen(kw_only=True, repr=False)
class Understanding(Answer):
    """
    What came of the tasks of `Client.understand`.

    Source: https://www.assemblyai.com/docs/speech-understanding
    """

    request_id: str | None = None
    """What to tell the service's support."""

    speech_understanding: SpeechUnderstandingResult
    """What came of each task."""

    utterances: tuple[Utterance, ...] | None = None
    """With names, translations or formats, where those were asked for."""

    translated_texts: dict[str, str] | None = attrs.field(default=None, hash=False)
    """The text by language, with `Translation`."""

    _required = ("speech_understanding",)
    _what = "the result of speech understanding"

    @property
    def missing(self) -> tuple[MissingResult, ...]:
        """The tasks that were requested and have no result, by the answer's own echo of the request."""
        return tuple(missing_tasks(self, {}))

    def missing_for(self, task: SpeechUnderstanding) -> tuple[MissingResult, ...]:
        """
        Give the tasks that were requested and have no result, including those that are not echoed.

        Args:
            task: What was sent.
        """
        return tuple(missing_tasks(self, task.payload()["request"]))


class TranscriptError(AAIError):
    """The job ended in `error`; `transcript.error` is the service's own text."""

    transcript: Transcript
    """The whole reply."""

    def __init__(self, message: str, *, transcript: Transcript) -> None:
        super().__init__(message, transcript_id=transcript.id)
        self.transcript = transcript
