"""The options of a transcription, checked before anything is sent."""

from aai_async._options.nested import (
    CustomSpelling,
    KeytermsPromptOptions,
    LanguageDetectionOptions,
    RedactPIIAudioOptions,
    SpeakerOptions,
)
from aai_async._options.options import Options
from aai_async._options.understanding import (
    ActionItems,
    CustomFormatting,
    KnownSpeaker,
    SpeakerIdentification,
    SpeechUnderstanding,
    Summarization,
    Translation,
)

__all__ = [
    "ActionItems",
    "CustomFormatting",
    "CustomSpelling",
    "KeytermsPromptOptions",
    "KnownSpeaker",
    "LanguageDetectionOptions",
    "Options",
    "RedactPIIAudioOptions",
    "SpeakerIdentification",
    "SpeakerOptions",
    "SpeechUnderstanding",
    "Summarization",
    "Translation",
]
