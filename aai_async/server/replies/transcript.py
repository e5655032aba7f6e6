"""
The transcript as the service writes it: every key of the reply, in one place each.

Pure: a job and its words in, a document out. Keys that the API reference types as never null are absent
when they have no value; the others are null, as at the service.
"""

import math
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Final

import attrs
import msgspec

from aai_async.server import api_errors
from aai_async.server.engine import EngineError, Recognition, RecognizedWord
from aai_async.server.jobs import DELETED_TEXT, DELETED_URL, Job
from aai_async.server.parameters import SPEECH_MODELS, LanguageDetectionOptions, Parameters
from aai_async.server.policy import shown
from aai_async.server.redacted_audio.messages import AudioOptions, Span
from aai_async.server.replies.redaction import merged
from aai_async.server.replies.shaping import can_filter_profanity, redacted, written
from aai_async.server.replies.wording import joined

Document = dict[str, object]
"""A JSON object; msgspec encodes what is in it."""

# Models and switches that do not exist here, as the service shows them when they are off.
_ABSENT: Final[Document] = {
    "speech_model": None,
    "language_model": "assemblyai_default",
    "acoustic_model": "assemblyai_default",
    "speed_boost": None,
    "webhook_status_code": None,
    "auto_highlights_result": None,
    "content_safety_labels": None,
    "iab_categories_result": None,
    "chapters": None,
    "entities": None,
    "sentiment_analysis_results": None,
    "summary": None,
}

# Request parameters that no transcript shows.
_UNECHOED: Final = frozenset(
    {
        "boost_param",
        "content_safety_confidence",
        "domain",
        "dual_channel",
        "keyterms_prompt_options",
        "redact_pii_return_unredacted",
        "redact_static_entities",
        "webhook_auth_header_value",
        "word_boost",
    }
)

# Keys that a response sets itself: an unknown parameter of the same name is not echoed in its place.
_OWN: Final = """
    id status throttled error text words utterances confidence audio_duration audio_channels metadata
    language_confidence language_detection_results speech_model_used translated_texts webhook_auth
    unredacted_text unredacted_words unredacted_utterances
"""
_OWN_KEYS: Final = frozenset(_OWN.split()) | _ABSENT.keys()

# Keys that belong to a job, whatever transcript its engine returned.
_JOB: Final = """
    audio_url error id is_deleted status throttled webhook_auth webhook_auth_header_name webhook_status_code
    webhook_url
"""
_JOB_KEYS: Final = frozenset(_JOB.split())

# Keys that the API reference never types as null, or does not have.
_NEVER_NULL: Final = frozenset(
    {
        "audio_track",
        "keyterms_prompt",
        "language_code",
        "language_detection_options",
        "prompt",
        "redact_pii_audio_options",
        "redact_pii_sub",
        "speaker_options",
        "speech_understanding",
        "topics",
    }
)

# API reference, "Delete transcript": what is not null in the transcript that remains.
_TOMBSTONE: Final[Document] = {
    "language_model": "assemblyai_default",
    "acoustic_model": "assemblyai_default",
    "language_detection": False,
    "audio_url": DELETED_URL,
    "text": DELETED_TEXT,
    "multichannel": False,
    "webhook_url": DELETED_URL,
    "webhook_auth": False,
    "auto_highlights": False,
    "redact_pii": False,
    "disfluencies": False,
    "entity_detection": False,
    "summarization": False,
    "sentiment_analysis": False,
}
_TOMBSTONE_NULLS: Final = """
    language_code language_confidence_threshold language_confidence words utterances confidence punctuate
    format_text webhook_status_code webhook_auth_header_name speed_boost auto_highlights_result
    audio_start_from audio_end_at filter_profanity redact_pii_audio redact_pii_audio_quality
    redact_pii_policies redact_pii_sub speaker_labels speaker_count content_safety iab_categories
    content_safety_labels iab_categories_result custom_spelling cluster_id throttled custom_topics topics
    speech_threshold speech_model remove_audio_tags entities speakers_expected sentiment_analysis_results
"""


_MARGIN: Final = 100
"""
ms by which a span of redacted audio reaches beyond its words on either side.

An engine's word times are not exact: without the margin the end of a word could remain audible.
"""


@attrs.frozen(kw_only=True)
class Utterance:
    """A turn of one speaker (API reference, `TranscriptUtterance`); times in ms."""

    confidence: float
    end: int
    speaker: str
    channel: str | None
    start: int
    text: str
    words: Sequence[RecognizedWord]


@attrs.frozen(kw_only=True)
class Speech:
    """The fields of a finished transcript that sentences, captions and searches use, decoded from it."""

    id: str
    words: tuple[RecognizedWord, ...]
    confidence: float
    audio_duration: int
    """Seconds."""

    language_code: str | None = None
    speech_model_used: str


def unfinished(job: Job, *, webhook_status_code: int | None = None) -> Document:
    """
    Return the transcript of a job that is queued, in progress or failed.

    Args:
        job: The job.
        webhook_status_code: The last status code of its webhook, if any.
    """
    document = {**_head(job), "text": None, "words": None, "utterances": None, "confidence": None}
    document |= {"audio_duration": job.audio_duration, "language_confidence": None}
    document["webhook_status_code"] = webhook_status_code
    if job.error is not None:
        document["error"] = job.error
    return document


def finished(job: Job, recognition: Recognition) -> Document:
    """
    The transcript of a completed job.

    Raises:
        EngineError: The recognition does not meet a requested threshold.
    """
    asked = job.parameters
    _check_speech(asked, recognition)
    _check_language(asked, recognition)
    language_code = recognition.language_code
    words = written(asked, recognition.words, language_code)
    document = {**_head(job), **_speech_fields(asked, words, language_code)}
    if asked.redact_pii:
        document |= _redacted_fields(asked, recognition, document)
    if asked.multichannel:
        document["audio_channels"] = recognition.audio_channels
    document["confidence"] = mean_confidence(words)
    document["audio_duration"] = job.audio_duration
    document["language_confidence"] = recognition.language_confidence if asked.language_detection else None
    if asked.language_detection and (language := recognition.language_code or _fallback(asked)):
        document["language_code"] = language
    document["speech_model_used"] = asked.speech_models[0]
    document["metadata"] = _metadata(asked, recognition)
    given = recognition.transcript_fields
    return document | {name: value for name, value in given.items() if name not in _JOB_KEYS}


def masked_spans(job: Job, recognition: Recognition) -> tuple[Span, ...] | None:
    """
    Return the spans to cover in redacted audio; `None` if none is to be created.

    They contain the words redacted in the text and the parts that were not transcribed, whose content is
    unknown.
    """
    asked = job.parameters
    options = asked.redact_pii_audio_options or AudioOptions()
    spoken = recognition.words or options.return_redacted_no_speech_audio
    if not asked.redact_pii_audio or not spoken:
        return None
    covered = redacted(asked, recognition.words, recognition.language_code).spans
    spans = [(max(start - _MARGIN, 0), end + _MARGIN) for start, end in covered]
    if asked.audio_start_from:
        spans.insert(0, (0, asked.audio_start_from))
    end = math.ceil(recognition.audio_duration * 1000)
    if asked.audio_end_at is not None and asked.audio_end_at < end:
        spans.append((asked.audio_end_at, end))
    return merged(spans)


def _metadata(asked: Parameters, recognition: Recognition) -> Document:
    """Return what the service has no keys for: the engine, the tracks of the file, and warnings."""
    metadata: Document = {"local_engine": recognition.engine}
    if recognition.audio_tracks:
        metadata["audio_track"] = recognition.audio_track
        metadata["audio_tracks"] = recognition.audio_tracks
    if warnings := [{"message": text} for text in _warnings(asked, recognition)]:
        metadata["warnings"] = warnings
    return metadata


def tombstone(job: Job) -> Document:
    """What remains of a deleted transcript."""
    nulls = dict.fromkeys(_TOMBSTONE_NULLS.split())
    document = {"id": job.id, "status": job.status, "audio_duration": job.audio_duration, "error": job.error}
    return {**document, **_TOMBSTONE, **nulls}


def whole_seconds(audio_duration: float) -> int:
    """Seconds as the service counts them: 1.28 is 2."""
    return math.ceil(audio_duration)


def mean_confidence(words: Sequence[RecognizedWord]) -> float:
    """Return the mean, between 0 and 1; 0 without words, because the service types it as a number."""
    return sum(word.confidence for word in words) / len(words) if words else 0.0


def _head(job: Job) -> Document:
    state = {"id": job.id, "status": job.status, "throttled": job.throttled}
    return {**state, **_ABSENT, **_echo(job.parameters)}


def _echo(asked: Parameters) -> Document:
    echo = {
        field.name: getattr(asked, field.name)
        for field in attrs.fields(Parameters)
        if field.name not in _UNECHOED and field.name != "unknown"
    }
    echo["webhook_auth"] = asked.webhook_auth_header_name is not None
    # The default, unless the language is to be detected.
    echo["language_code"] = None if asked.language_detection else asked.language_code or "en_us"
    echo["disfluencies"] = asked.keeps_disfluencies
    echo |= {name: value for name, value in asked.unknown.items() if name not in _OWN_KEYS}
    return {name: value for name, value in echo.items() if value is not None or name not in _NEVER_NULL}


def _check_language(asked: Parameters, recognition: Recognition) -> None:
    if not asked.language_detection:
        return
    options = asked.language_detection_options or LanguageDetectionOptions()
    if not recognition.words and not options.bears_silence:
        raise EngineError(api_errors.NO_SPEECH)
    if options.takes_fallback:
        return
    confidence, threshold = recognition.language_confidence, asked.language_confidence_threshold
    if confidence is not None and threshold is not None and confidence < threshold:
        raise EngineError(
            f"detected language '{recognition.language_code}', confidence {round(confidence, 4)}, "
            f"is below the requested confidence threshold value of '{threshold}'"
        )


def _fallback(asked: Parameters) -> str | None:
    """Return the requested fallback language of a transcript without speech."""
    options = asked.language_detection_options
    return None if options is None else options.fallback_language


def _warnings(asked: Parameters, recognition: Recognition) -> Iterator[str]:
    yield from recognition.audio_warnings
    if asked.language_detection and not recognition.words:
        yield api_errors.NO_SPEECH
    if asked.filter_profanity and not can_filter_profanity(recognition.language_code):
        yield (
            f"filter_profanity is not available in the detected language '{recognition.language_code}' "
            "and was left out"
        )
    for name in asked.ignored():
        yield f"The {name} is unknown to this server and was ignored"
    for model in asked.speech_models:
        if model not in SPEECH_MODELS:
            yield f"The speech model {shown(model)} is unknown to this server; {recognition.engine} ran"


def _check_speech(asked: Parameters, recognition: Recognition) -> None:
    threshold, share = asked.speech_threshold, recognition.speech_share
    # The service applies it to 30 seconds or more only (documentation, "Speech Threshold").
    if not threshold or recognition.audio_duration < 30:
        return
    if share is None:
        raise EngineError(f"speech_threshold is not available with the engine {recognition.engine}")
    if share < threshold:
        raise EngineError(
            f"Audio speech threshold {round(share, 4)} is below the requested speech threshold value "
            f"{threshold}"
        )


def _redacted_fields(asked: Parameters, recognition: Recognition, plain: Document) -> Document:
    words = redacted(asked, recognition.words, recognition.language_code).words
    fields = _speech_fields(asked, words, recognition.language_code)
    if not asked.redact_pii_return_unredacted:
        return fields
    unredacted = {f"unredacted_{name}": plain[name] for name in fields if plain[name] is not None}
    return {**fields, **unredacted}


def _speech_fields(asked: Parameters, words: Sequence[RecognizedWord], language_code: str | None) -> Document:
    return {
        "text": joined(words, language_code),
        "words": words,
        "utterances": _utterances(words, language_code)
        if asked.speaker_labels or asked.multichannel
        else None,
    }


def _utterances(words: Sequence[RecognizedWord], language_code: str | None) -> list[Utterance]:
    turns = [(speaker, tuple(turn)) for speaker, turn in groupby(words, key=lambda word: word.speaker)]
    return [
        Utterance(
            confidence=mean_confidence(turn),
            end=turn[-1].end,
            speaker=speaker,
            channel=turn[0].channel,
            start=turn[0].start,
            text=joined(turn, language_code),
            words=turn,
        )
        for speaker, turn in turns
        if speaker is not None
    ]


_speech = msgspec.json.Decoder(Speech)


def speech_of(document: bytes) -> Speech:
    """Decode the speech from a finished transcript's bytes."""
    return _speech.decode(document)


def with_webhook_status(document: bytes, status_code: int | None) -> bytes:
    """
    Return a finished transcript with the status code of its webhook.

    The transcript was encoded before the webhook was called. Its other values are copied without decoding.
    """
    if status_code is None:
        return document
    values = msgspec.json.decode(document, type=dict[str, msgspec.Raw])
    values["webhook_status_code"] = msgspec.Raw(msgspec.json.encode(status_code))
    return msgspec.json.encode(values)
