"""
Where this library and the service's description of March 2026 differ, name by name, and why.

SDK is the vendor's Python library 1.8.2 of October 2026, and Node its library for Node 4.41.5 of November
2026, both read as code; docs are pages of the documentation that are newer than the description; live are
replies that were seen at the service.
"""

from __future__ import annotations

SDK = "in the vendor's SDK 1.8.2, newer than the description"
NODE = "in the vendor's SDK for Node 4.41.5, newer than the description"
DOCS = "in documentation newer than the description"
LIVE = "seen in live replies, not described"
OLD = "accepted historically, and still in the vendor's SDK"

BEYOND: dict[str, dict[str, str]] = {
    "Options": {
        "boost_param": OLD,
        "domain": SDK,
        "dual_channel": OLD,
        "keyterms_prompt_options": SDK,
        "redact_pii_return_unredacted": SDK,
        "redact_static_entities": DOCS,
        "word_boost": OLD,
    },
    "LanguageDetectionOptions": {
        "language_detection_model": SDK,
        "localization": SDK,
        "on_low_language_confidence": SDK,
        "on_no_speech_detected": NODE,
        "swiss_german": SDK,
    },
    "SpeakerOptions": {
        "include_speaker_confidence": DOCS,
        "long_file_diarization_method": SDK,
        "short_file_diarization_method": SDK,
        "use_two_stage_clustering": SDK,
    },
    "Translation": {"effort": NODE, "force_translation": DOCS},
    "SpeakerIdentification": {"effort": NODE},
    "CustomFormatting": {"effort": NODE, "format_utterances": DOCS},
    "SpeechUnderstanding": {"summarization": SDK, "action_items": DOCS},
    "Transcript": {
        "boost_param": LIVE,
        "dual_channel": LIVE,
        "is_deleted": LIVE,
        "domain": NODE,
        "language_detection_results": SDK,
        "metadata": SDK,
        "redact_pii_return_unredacted": NODE,
        "speaker_options": LIVE,
        "unredacted_text": SDK,
        "unredacted_utterances": SDK,
        "unredacted_words": SDK,
        "word_boost": LIVE,
    },
    "Sentences": {"speech_model_used": SDK},
    "Paragraphs": {"speech_model_used": SDK},
    "CustomFormattingResult": {"formatted_utterances": DOCS, "status": SDK},
    "SpeechUnderstandingResponse": {"summarization": SDK, "action_items": DOCS},
}
"""What we have and the description has not."""

LACKING: dict[str, dict[str, str]] = {
    "Options": {"audio_url": "the first argument of Client.transcribe and Client.submit, not an option"},
}
"""What the description has and we have not."""

OF_OTHER_TYPE: dict[str, dict[str, str]] = {
    "Transcript": {
        "audio_duration": "float: whole seconds are described, fractions were seen in older replies",
        "language_detection_options": "a plain dict: an echo of what was sent, maybe newer than we are",
        "redact_pii_audio_options": "a plain dict, for the same reason",
    },
    "SpeechUnderstandingResult": {"request": "a plain dict: an echo of what was sent"},
}
"""What has another type here than in the description."""

_ONLY_ASKED = "only asked: the SDK's answer inherits from its question, and no answer with it was seen"

UNKNOWN_TO_US: dict[str, dict[str, str]] = {
    "Options": {
        "language_detection_results": "an answer, which the SDK for Python has among its options",
    },
    "Transcript": dict.fromkeys(
        ("content_safety_confidence", "keyterms_prompt_options", "webhook_auth_header_value"), _ONLY_ASKED
    ),
    "Paragraph": dict.fromkeys(
        ("channel", "speaker"), "inherited in the SDK for Python; described and seen without them"
    ),
    "SpeechModel": dict.fromkeys(
        ("best", "nano", "slam-1", "universal"), "words of the singular speech_model, which is refused"
    ),
    "PIIPolicy": dict.fromkeys(
        (
            *("corporate_action", "day", "effect", "financial_metric", "medical_code", "month"),
            *("organization_id", "product", "project", "trend", "year"),
        ),
        "in the beta of the SDK for Python, which has one list for entities and policies; any word passes",
    ),
}
"""What an SDK of the vendor's has and we have not, by our names."""

_SYNC = "of the product for short recordings"
_OPEN_TEXT = "an open text here"
_STREAMING = "of the streaming product"
_PLAIN = "a plain dict here, Transcript.metadata, of which Transcript.warnings reads the remarks"
_WRAPPER = "one key, `request`, around SpeechUnderstanding"

NOT_COMPARED: dict[str, str] = {
    "AudioIntelligenceModelStatus": _OPEN_TEXT,
    "BaseTranscript": "what the SDK's questions and answers have in common",
    "ContentSafetyLabel": _OPEN_TEXT,
    "CreateRealtimeTemporaryTokenParams": _STREAMING,
    "EntityType": "the same words as the policies of redaction; an open text here",
    "Error": "read for its text",
    "RealtimeTemporaryTokenResponse": _STREAMING,
    "RedactedAudioStatus": _OPEN_TEXT,
    "Sentiment": "a type of words in the SDK for Node, and an open text here",
    "SentimentType": _OPEN_TEXT,
    "Settings": "of the SDK itself",
    "SpeechUnderstandingRequest": _WRAPPER,
    "StatusResult": _OPEN_TEXT,
    "SyncSpeechModel": _SYNC,
    "SyncTranscriptResponse": _SYNC,
    "SyncTranscriptionConfig": _SYNC,
    "SyncWord": _SYNC,
    "TranscriptMetadata": _PLAIN,
    "TranscriptParams": "audio_url, and TranscriptOptionalParams",
    "TranscriptReadyNotification": "compared with the service's description",
    "TranscriptReadyStatus": _OPEN_TEXT,
    "TranscriptRequest": "BaseTranscript",
    "TranscriptWarning": _PLAIN,
    "UploadedFile": "its one field is what Client.upload gives",
    "Word": "UtteranceWord, without speaker and channel",
}
"""Types of an SDK that nothing is compared with."""

UNDESCRIBED: dict[str, str] = {
    "cluster_id": "in the description's own example of a deleted transcript, and in no schema",
    "speaker_count": "in the description's own example of a deleted transcript, and in no schema",
}
"""What the embedded server answers because the service does, though the description has no name for it."""

NULL_IN_A_TOMBSTONE: dict[str, str] = dict.fromkeys(
    ("error", "language_code", "redact_pii_sub", "topics"),
    "null in the description's own example of a deleted transcript, which its schema forbids",
)
"""What is left of a deleted transcript is answered as in the example."""
