"""
How the server says no: a status and one sentence, in the service's own words wherever they are known.

It owns the sentences; it does not decide when to say them. A leaf: it imports nothing.
"""

from typing import Final

INVALID_KEY: Final = "Authentication error, API token missing/invalid"
"""With 401, for a missing and a wrong key alike (API reference, every endpoint)."""

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
"""With 400, never 404: the service answers so for unknown ids and for those of other accounts."""

UNKNOWN_UPLOAD: Final = "Cannot access uploaded file"
"""With 403 (API reference, "Upload a media file")."""

NOT_COMPLETED: Final = "This transcript is not completed"

EMPTY_TEXT: Final = "Transcript text is empty"
"""When captions are asked of a transcript in which nothing was said."""

AUDIO_UNASKED: Final = "Redacted audio was not requested for this transcript, submit with redact_pii_audio"
AUDIO_SPEECHLESS: Final = (
    "There is no redacted audio, for no speech was detected: submit with "
    "redact_pii_audio_options.return_redacted_no_speech_audio to get it all the same"
)
AUDIO_FAILED: Final = "Redacted audio could not be made, developers have been alerted"
AUDIO_EXPIRED: Final = "Redacted audio is no longer available"

NO_SPEECH: Final = "language_detection cannot be performed on files with no spoken audio"
"""When a language is to be told from silence: the `error`, or the warning of what completes all the same."""

SERVER_FAILURE: Final = "Server error, developers have been alerted"
"""The `error` of a transcript that failed for no fault of the recording."""


class RefusalError(Exception):
    """
    A request that is answered with an error status.

    Args:
        status: The HTTP status.
        text: One sentence for the `error` key of the body.
    """

    def __init__(self, status: int, text: str) -> None:
        super().__init__(status, text)
        self.status = status
        self.text = text
