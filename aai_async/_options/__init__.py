"""What can be asked of the service with a recording, checked before a byte is sent."""

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
