"""
What a call keeps of its job from one step to the next: on the caller's handle, or elsewhere as well.

No I/O of its own.
"""

from __future__ import annotations

import datetime as dt

import attrs

from aai_async._errors import without_secrets


@attrs.define(kw_only=True)
class JobHandle:
    """
    The upload URL and the id of the job that a call creates; pass one to keep them if the call is cancelled.

    ``job = aai.JobHandle()``, then ``client.transcribe(audio, job=job)``: whatever becomes of the
    call, `job` has the id as soon as the service has sent it. A handle serves one call at a time.
    """

    upload_url: str | None = attrs.field(default=None, repr=lambda url: repr(url and without_secrets(url)))
    """What `Client.submit` takes, once the recording is uploaded."""

    transcript_id: str | None = None
    """What `Client.wait` takes, once the job is made, which is billed."""


class ProgressRecorder:
    """Where each step of a call is kept before the next is taken: the handle; a journal keeps more."""

    def __init__(self, job: JobHandle) -> None:
        self.job = job

    async def uploaded(self, url: str) -> bool:
        """The recording is at this address; returns False if another recording is known to be there."""
        self.job.upload_url = url
        return True

    async def submitting(self, now: dt.datetime | None) -> None:
        """A submit will be sent next; `now` by the service's clock, where that is known."""

    async def refused(self) -> None:
        """No submit has made a job."""

    async def submitted(self, transcript_id: str) -> None:
        """The job is made."""
        self.job.transcript_id = transcript_id
