"""
Error responses of the server: a status and one sentence, in the service's own wording where it is known.

This module defines the texts; other modules decide when to use them. It imports nothing.
"""

from typing import Final

INVALID_KEY: Final = "Authentication error, API token missing/invalid"
"""With status 401, for a missing or a wrong key (API reference, every endpoint)."""

INVALID_SCHEMA: Final = "Invalid endpoint schema, please refer to documentation for examples."
"""For an unknown request key and for a nested value of the wrong shape."""

URL_MISSING: Final = "Transcript creation error, audio_url not found"
URL_NOT_HTTP: Final = "Transcript creation error, audio_url should start with http"

SPEECH_MODEL_DEPRECATED: Final = (
    'speech_model is deprecated. Use "speech_models" instead. '
    "See documentation: https://www.assemblyai.com/docs/pre-recorded-audio/select-the-speech-model"
)

UNKNOWN_SPEECH_MODELS: Final = (
    '"speech_models" must be a non-empty list containing one or more of: '
    '"assemblyai-stt-3-7", "universal-2", "universal-3-5-pro"'
)

UNKNOWN_TRANSCRIPT: Final = "Transcript lookup error, transcript id not found"
"""With status 400, not 404: the service's response for unknown ids and for those of other accounts."""

UNKNOWN_UPLOAD: Final = "Cannot access uploaded file"
"""With status 403 (API reference, "Upload a media file")."""

NOT_COMPLETED: Final = "This transcript is not completed"

EMPTY_TEXT: Final = "Transcript text is empty"
"""For captions of a transcript without speech."""

AUDIO_UNASKED: Final = "Redacted audio was not requested for this transcript, submit with redact_pii_audio"
AUDIO_SPEECHLESS: Final = (
    "Redacted audio was not created because no speech was detected, submit with "
    "redact_pii_audio_options.return_redacted_no_speech_audio to get it anyway"
)
AUDIO_FAILED: Final = "Redacted audio could not be made, developers have been alerted"
AUDIO_EXPIRED: Final = "Redacted audio is no longer available"

NO_SPEECH: Final = "language_detection cannot be performed on files with no spoken audio"
"""For language detection without speech: the `error` of a failed job, or the warning of a completed one."""

SERVER_FAILURE: Final = "Server error, developers have been alerted"
"""The `error` of a transcript that failed for a reason other than its recording."""


class RefusalError(Exception):
    """
    The request is refused with an error status.

    Args:
        status: The HTTP status code.
        text: One sentence for the `error` key of the body.
    """

    def __init__(self, status: int, text: str) -> None:
        super().__init__(status, text)
        self.status = status
        self.text = text
