"""
The public names, and where they come from; `aai_async` has them from here when they are asked for.

A module is imported when the first of its names is asked for, so that a program which transcribes one file
waits neither for SQLite nor for the classes of rare results. Each name takes the public module as its own, so
that tracebacks, pickles and the reference name the place to import it from.
"""

import importlib as _importlib
import sys as _sys
from typing import TYPE_CHECKING as _TYPE_CHECKING

if _TYPE_CHECKING:
    from aai_async._api.pagination import TranscriptPager
    from aai_async._batch.batch import Batch
    from aai_async._batch.item import Item
    from aai_async._batch.shared_journal import SharedJournal
    from aai_async._batch.transcribe_all import transcribe_all
    from aai_async._client import Client, transcribe
    from aai_async._errors import (
        AAIError,
        AccountError,
        AmbiguousSubmitError,
        APIError,
        AttemptTimeoutError,
        ConfigError,
        ConnectError,
        DeadlineError,
        FileChangedError,
        JournalError,
        JournalFullError,
        JournalLockedError,
        NotFoundError,
        OptionsError,
        ProtocolError,
        RateLimitError,
        RedactedAudioError,
        RejectedError,
        RequestState,
        RetryBudgetError,
        SaveError,
        ServerError,
        SourceError,
        TranscriptDeletedError,
        TransportError,
        UploadGoneError,
        WebhookError,
    )
    from aai_async._events import Event, Retrying, Searching, StatusChanged, Submitted, Throttled, Uploading
    from aai_async._io.async_reader import AsyncReader
    from aai_async._io.object_source import ObjectSource
    from aai_async._io.source import Audio, Source
    from aai_async._io.watched_folder import watch
    from aai_async._jobs.handle import JobHandle
    from aai_async._journal import Journal
    from aai_async._models.estimate import Estimate
    from aai_async._models.insights import (
        ActionItem,
        ActionItemsResult,
        AutoHighlight,
        AutoHighlightsResult,
        Chapter,
        CodeSwitchingLanguage,
        ContentSafetyLabel,
        ContentSafetyLabelResult,
        ContentSafetyLabelsResult,
        CustomFormattingResult,
        Entity,
        LanguageDetectionResults,
        SentimentAnalysisResult,
        SeverityScoreSummary,
        SpeakerIdentificationResult,
        SpeechUnderstandingResponse,
        SpeechUnderstandingResult,
        SummarizationResult,
        SummarySection,
        TopicDetectionModelResult,
        TopicDetectionResult,
        TopicLabel,
        TranslationResult,
    )
    from aai_async._models.missing import MissingResult
    from aai_async._models.outcome import BatchAbortedError, Outcome, Summary
    from aai_async._models.page import PageDetails, TranscriptListItem, TranscriptPage
    from aai_async._models.prices import PriceTable
    from aai_async._models.speech import (
        Paragraph,
        Paragraphs,
        RedactedAudio,
        Sentence,
        Sentences,
        Timestamp,
        Utterance,
        Word,
        WordSearch,
        WordSearchMatch,
    )
    from aai_async._models.totals import Totals
    from aai_async._models.transcript import Transcript, TranscriptError, Understanding
    from aai_async._options import (
        ActionItems,
        CustomFormatting,
        CustomSpelling,
        KeytermsPromptOptions,
        KnownSpeaker,
        LanguageDetectionOptions,
        Options,
        RedactPIIAudioOptions,
        SpeakerIdentification,
        SpeakerOptions,
        SpeechUnderstanding,
        Summarization,
        Translation,
    )
    from aai_async._polling import Polling
    from aai_async._progress.progress import progress
    from aai_async._retry import Retry, Timeouts
    from aai_async._version import __version__
    from aai_async._webhooks.inbox import Inbox, NotificationSource
    from aai_async.comparison._compare import compare

__all__ = [
    "AAIError",
    "APIError",
    "AccountError",
    "ActionItem",
    "ActionItems",
    "ActionItemsResult",
    "AmbiguousSubmitError",
    "AsyncReader",
    "AttemptTimeoutError",
    "Audio",
    "AutoHighlight",
    "AutoHighlightsResult",
    "Batch",
    "BatchAbortedError",
    "Chapter",
    "Client",
    "CodeSwitchingLanguage",
    "ConfigError",
    "ConnectError",
    "ContentSafetyLabel",
    "ContentSafetyLabelResult",
    "ContentSafetyLabelsResult",
    "CustomFormatting",
    "CustomFormattingResult",
    "CustomSpelling",
    "DeadlineError",
    "Entity",
    "Estimate",
    "Event",
    "FileChangedError",
    "Inbox",
    "Item",
    "JobHandle",
    "Journal",
    "JournalError",
    "JournalFullError",
    "JournalLockedError",
    "KeytermsPromptOptions",
    "KnownSpeaker",
    "LanguageDetectionOptions",
    "LanguageDetectionResults",
    "MissingResult",
    "NotFoundError",
    "NotificationSource",
    "ObjectSource",
    "Options",
    "OptionsError",
    "Outcome",
    "PageDetails",
    "Paragraph",
    "Paragraphs",
    "Polling",
    "PriceTable",
    "ProtocolError",
    "RateLimitError",
    "RedactPIIAudioOptions",
    "RedactedAudio",
    "RedactedAudioError",
    "RejectedError",
    "RequestState",
    "Retry",
    "RetryBudgetError",
    "Retrying",
    "SaveError",
    "Searching",
    "Sentence",
    "Sentences",
    "SentimentAnalysisResult",
    "ServerError",
    "SeverityScoreSummary",
    "SharedJournal",
    "Source",
    "SourceError",
    "SpeakerIdentification",
    "SpeakerIdentificationResult",
    "SpeakerOptions",
    "SpeechUnderstanding",
    "SpeechUnderstandingResponse",
    "SpeechUnderstandingResult",
    "StatusChanged",
    "Submitted",
    "Summarization",
    "SummarizationResult",
    "Summary",
    "SummarySection",
    "Throttled",
    "Timeouts",
    "Timestamp",
    "TopicDetectionModelResult",
    "TopicDetectionResult",
    "TopicLabel",
    "Totals",
    "Transcript",
    "TranscriptDeletedError",
    "TranscriptError",
    "TranscriptListItem",
    "TranscriptPage",
    "TranscriptPager",
    "Translation",
    "TranslationResult",
    "TransportError",
    "Understanding",
    "UploadGoneError",
    "Uploading",
    "Utterance",
    "WebhookError",
    "Word",
    "WordSearch",
    "WordSearchMatch",
    "__version__",
    "compare",
    "progress",
    "transcribe",
    "transcribe_all",
    "watch",
]

_MODULES = {
    "_api.pagination": "TranscriptPager",
    "_batch.batch": "Batch",
    "_batch.item": "Item",
    "_batch.shared_journal": "SharedJournal",
    "_batch.transcribe_all": "transcribe_all",
    "_client": "Client transcribe",
    "_errors": (
        "AAIError AccountError AmbiguousSubmitError APIError AttemptTimeoutError ConfigError "
        "ConnectError DeadlineError FileChangedError JournalError JournalFullError JournalLockedError "
        "NotFoundError OptionsError ProtocolError RateLimitError RedactedAudioError RejectedError "
        "RequestState RetryBudgetError SaveError ServerError SourceError TranscriptDeletedError "
        "TransportError UploadGoneError WebhookError"
    ),
    "_events": "Event Retrying Searching StatusChanged Submitted Throttled Uploading",
    "_io.async_reader": "AsyncReader",
    "_io.object_source": "ObjectSource",
    "_io.source": "Audio Source",
    "_io.watched_folder": "watch",
    "_jobs.handle": "JobHandle",
    "_journal": "Journal",
    "_models.insights": (
        "ActionItem ActionItemsResult AutoHighlight AutoHighlightsResult Chapter "
        "CodeSwitchingLanguage ContentSafetyLabel ContentSafetyLabelResult ContentSafetyLabelsResult "
        "CustomFormattingResult Entity LanguageDetectionResults SentimentAnalysisResult "
        "SeverityScoreSummary SpeakerIdentificationResult SpeechUnderstandingResponse "
        "SpeechUnderstandingResult SummarizationResult SummarySection TopicDetectionModelResult "
        "TopicDetectionResult TopicLabel TranslationResult"
    ),
    "_models.estimate": "Estimate",
    "_models.missing": "MissingResult",
    "_models.outcome": "BatchAbortedError Outcome Summary",
    "_models.page": "PageDetails TranscriptListItem TranscriptPage",
    "_models.prices": "PriceTable",
    "_models.speech": (
        "Paragraph Paragraphs RedactedAudio Sentence Sentences Timestamp Utterance Word WordSearch "
        "WordSearchMatch"
    ),
    "_models.totals": "Totals",
    "_models.transcript": "Transcript TranscriptError Understanding",
    "_options": (
        "ActionItems CustomFormatting CustomSpelling KeytermsPromptOptions KnownSpeaker "
        "LanguageDetectionOptions Options RedactPIIAudioOptions SpeakerIdentification SpeakerOptions "
        "SpeechUnderstanding Summarization Translation"
    ),
    "_polling": "Polling",
    "_progress.progress": "progress",
    "_retry": "Retry Timeouts",
    "_version": "__version__",
    "_webhooks.inbox": "Inbox NotificationSource",
    "comparison._compare": "compare",
}
"""The names of each module."""

_MODULE_OF = {name: f"{__package__}.{module}" for module, names in _MODULES.items() for name in names.split()}


def __getattr__(name: str) -> object:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    _importlib.import_module(_MODULE_OF[name])
    # That has imported others too, such as the errors. Another thread may be importing more of them just now.
    for public, module in _MODULE_OF.items():
        value = getattr(_sys.modules.get(module), public, None)
        if value is not None and public not in globals():
            globals()[public] = value
            if getattr(value, "__module__", "").startswith(f"{__package__}."):
                value.__module__ = __package__
    return globals()[name]
