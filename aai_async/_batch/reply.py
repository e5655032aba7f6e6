"""What the owner of a journal replies about a recording: a value that can be pickled."""

from __future__ import annotations

from typing import Self

import attrs

from aai_async._errors import AAIError
from aai_async._models.outcome import Outcome
from aai_async._models.transcript import Transcript


@attrs.frozen(kw_only=True)
class Reply:
    """The end of a recording: a result, an error, or the demand to upload it first."""

    transcript_id: str | None = None
    body: bytes | None = attrs.field(default=None, repr=False)
    """The response of the service, if the job was completed."""
    audio_duration: float | None = None
    """In seconds, if the job ended just now."""
    error: AAIError | None = None
    needs_upload: bool = False
    is_known: bool = False
    """Whether the job was created earlier."""

    @classmethod
    def completed(cls, transcript: Transcript, *, is_known: bool) -> Self:
        """Return the reply about a completed job."""
        return cls(
            transcript_id=transcript.id,
            body=transcript.body,
            audio_duration=transcript.audio_duration,
            is_known=is_known,
        )

    @classmethod
    def of(cls, outcome: Outcome, *, is_known: bool) -> Self:
        """Return the reply about an item that has ended."""
        if outcome.transcript is not None:
            return cls.completed(outcome.transcript, is_known=is_known)
        error = outcome.error or AAIError("The recording was abandoned: the owner of the journal has ended.")
        return cls(transcript_id=outcome.transcript_id, error=error.with_traceback(None))
