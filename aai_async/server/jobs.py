"""
The life of a job: queued → processing → completed or error, and after either the tombstone.

A pure state machine: every move returns a new `Job`, the time is passed in, and an illegal move raises.
It knows nothing of storage, engines or HTTP.
"""

import enum
import uuid
from datetime import datetime
from typing import Final, Self

import attrs

from aai_async.server.parameters import Parameters

DELETED_TEXT: Final = "Deleted by user."
DELETED_URL: Final = "http://deleted_by_user"
"""What stands where the caller's own was (API reference, "Delete transcript")."""


class Status(enum.StrEnum):
    """Where a job is (API reference, `TranscriptStatus`)."""

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
    """A job was asked to do what it cannot do any more, or not yet."""


@attrs.frozen(kw_only=True)
class Job:
    """One transcription, from its submission until long after its end."""

    id: str
    parameters: Parameters
    upload_id: str | None
    """The file of this server that it reads; `None` when its `audio_url` points elsewhere."""

    created: datetime
    """UTC."""

    status: Status = Status.QUEUED
    throttled: bool = False
    """Whether it is held back because too many jobs run already."""

    completed: datetime | None = None
    """UTC; `None` for failed jobs, as the service has it."""

    audio_duration: int | None = None
    """Seconds, rounded up."""

    error: str | None = None
    deleted: bool = False

    @classmethod
    def submitted(cls, parameters: Parameters, *, upload_id: str | None, now: datetime) -> Self:
        """A job that nobody works on yet. Its id cannot be guessed."""
        return cls(id=str(uuid.uuid4()), parameters=parameters, upload_id=upload_id, created=now)

    def hold(self) -> Self:
        """Let it wait for a free slot, and say so."""
        if self.status is not Status.QUEUED:
            raise IllegalMoveError(f"a {self.status} job cannot be held back")
        return attrs.evolve(self, throttled=True)

    def start(self) -> Self:
        """Take it to work."""
        return attrs.evolve(self._move(Status.PROCESSING), throttled=False)

    def complete(self, *, audio_duration: int, now: datetime) -> Self:
        """End it well; `audio_duration` in seconds."""
        return attrs.evolve(self._move(Status.COMPLETED), completed=now, audio_duration=audio_duration)

    def fail(self, error: str) -> Self:
        """End it with the text that the transcript's `error` will say."""
        return attrs.evolve(self._move(Status.ERROR), error=error, throttled=False)

    def delete(self) -> Self:
        """Forget what was asked and said; the tombstone keeps id, status, times and duration."""
        if _MOVES[self.status] or self.deleted:
            raise IllegalMoveError(f"a {'deleted' if self.deleted else self.status} job cannot be deleted")
        error = None if self.error is None else DELETED_TEXT
        parameters = Parameters(audio_url=DELETED_URL)
        return attrs.evolve(self, deleted=True, error=error, parameters=parameters, upload_id=None)

    def _move(self, status: Status) -> Self:
        if status not in _MOVES[self.status]:
            raise IllegalMoveError(f"a {self.status} job cannot become {status}")
        return attrs.evolve(self, status=status)
