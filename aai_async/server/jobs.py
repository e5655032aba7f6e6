"""
The states of a job: queued → processing → completed or error, and then possibly deleted.

A pure state machine: each transition returns a new `Job`, the time is an argument, and an illegal transition
raises. It does not depend on storage, engines or HTTP.
"""

import enum
import uuid
from datetime import datetime
from typing import Final, Self

import attrs

from aai_async.server.parameters import Parameters

DELETED_TEXT: Final = "Deleted by user."
DELETED_URL: Final = "http://deleted_by_user"
"""The replacements for the caller's data in a deleted transcript (API reference, "Delete transcript")."""


class Status(enum.StrEnum):
    """The status of a job (API reference, `TranscriptStatus`)."""

    QUEUED = "queued"
    PROCESSING = "processing"
    COMPLETED = "completed"
    ERROR = "error"


_MOVES: Final = {
    Status.QUEUED: {Status.PROCESSING, Status.ERROR},
    Status.PROCESSING: {Status.COMPLETED, Status.ERROR},
    Status.COMPLETED: set[Status](),
    Status.ERROR: set[Status](),
}


class IllegalMoveError(Exception):
    """The transition is not allowed in the job's current status."""


@attrs.frozen(kw_only=True)
class Job:
    """A transcription job, kept from its submission on, also after it was deleted."""

    id: str
    parameters: Parameters
    upload_id: str | None
    """The id of its upload on this server; `None` if its `audio_url` points elsewhere."""

    created: datetime
    """UTC."""

    status: Status = Status.QUEUED
    throttled: bool = False
    """Whether it waits because the maximum number of jobs is in progress."""

    completed: datetime | None = None
    """UTC; `None` for failed jobs, as at the service."""

    audio_duration: int | None = None
    """Seconds, rounded up."""

    error: str | None = None
    deleted: bool = False

    @classmethod
    def submitted(cls, parameters: Parameters, *, upload_id: str | None, now: datetime) -> Self:
        """Return a new queued job. Its id is random."""
        return cls(id=str(uuid.uuid4()), parameters=parameters, upload_id=upload_id, created=now)

    def hold(self) -> Self:
        """Mark the job as throttled: it waits for a free worker."""
        if self.status is not Status.QUEUED:
            raise IllegalMoveError(f"a {self.status} job cannot be throttled")
        return attrs.evolve(self, throttled=True)

    def start(self) -> Self:
        """Start the job."""
        return attrs.evolve(self._move(Status.PROCESSING), throttled=False)

    def complete(self, *, audio_duration: int, now: datetime) -> Self:
        """Complete the job; `audio_duration` in seconds."""
        return attrs.evolve(self._move(Status.COMPLETED), completed=now, audio_duration=audio_duration)

    def fail(self, error: str) -> Self:
        """Fail the job with the text for the transcript's `error`."""
        return attrs.evolve(self._move(Status.ERROR), error=error, throttled=False)

    def delete(self) -> Self:
        """Remove the request and the transcript; id, status, times and duration remain."""
        if _MOVES[self.status] or self.deleted:
            raise IllegalMoveError(f"a {'deleted' if self.deleted else self.status} job cannot be deleted")
        error = None if self.error is None else DELETED_TEXT
        parameters = Parameters(audio_url=DELETED_URL)
        return attrs.evolve(self, deleted=True, error=error, parameters=parameters, upload_id=None)

    def _move(self, status: Status) -> Self:
        if status not in _MOVES[self.status]:
            raise IllegalMoveError(f"a {self.status} job cannot become {status}")
        return attrs.evolve(self, status=status)
