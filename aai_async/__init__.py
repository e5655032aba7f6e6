"""
The asyncio-native client for AssemblyAI's pre-recorded speech-to-text API.

`Client` and `transcribe` do the work, `Options` says what to ask for, `Transcript` is the answer, and every
error is an `AAIError`. `aai_async.server` is an embedded server that speaks the same API on this machine.
"""

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
    NotFoundError,
    OptionsError,
    ProtocolError,
    RateLimitError,
    RejectedError,
    ServerError,
    SourceError,
    TransportError,
    Verdict,
)
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
from aai_async._retry import Retry, Timeouts
from aai_async._source import AsyncReader, Audio, Source
from aai_async._transcript import Transcript, TranscriptError, Utterance, Word
from aai_async._version import __version__

__all__ = [
    "AAIError",
    "APIError",
    "AccountError",
    "ActionItems",
    "AmbiguousSubmitError",
    "AsyncReader",
    "AttemptTimeoutError",
    "Audio",
    "Client",
    "ConfigError",
    "ConnectError",
    "CustomFormatting",
    "CustomSpelling",
    "DeadlineError",
    "FileChangedError",
    "KeytermsPromptOptions",
    "KnownSpeaker",
    "LanguageDetectionOptions",
    "NotFoundError",
    "Options",
    "OptionsError",
    "Polling",
    "ProtocolError",
    "RateLimitError",
    "RedactPIIAudioOptions",
    "RejectedError",
    "Retry",
    "ServerError",
    "Source",
    "SourceError",
    "SpeakerIdentification",
    "SpeakerOptions",
    "SpeechUnderstanding",
    "Summarization",
    "Timeouts",
    "Transcript",
    "TranscriptError",
    "Translation",
    "TransportError",
    "Utterance",
    "Verdict",
    "Word",
    "__version__",
    "transcribe",
]
