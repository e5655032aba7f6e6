"""
The progress of a call: the caller's handle on the job, and the recorder that fills it.

No I/O of its own.
"""

from __future__ import annotations

import datetime as dt

import attrs

from aai_async._shown_text import without_secrets


@attrs.define(kw_only=True)
class JobHandle:
    """
    The upload URL and the id of the job that a call creates; pass one to keep them if the call is cancelled.

    After ``job = aai.JobHandle()`` and ``client.transcribe(audio, job=job)``, `job` has the id as soon as the
    service has sent it, however the call ends. A handle serves one call at a time.
    """

    upload_url: str | None = attrs.field(default=None, repr=lambda url: repr(url and without_secrets(url)))
    """The URL for `Client.submit`, set once the recording is uploaded."""

    transcript_id: str | None = None
    """The id for `Client.wait`, set once the job is created, which is billed."""


class ProgressRecorder:
    """Records each step of a call before the next one: here on the handle; a journal records more."""

    def __init__(self, job: JobHandle) -> None:
        self.job = job
        self.is_submitting = False
        """Whether a submit may have been sent whose job is unknown."""

    async def uploaded(self, url: str) -> bool:
        """Record the URL of the upload; return False if the URL is known to belong to another recording."""
        self.job.upload_url = url
        return True

    async def submitting(self, now: dt.datetime | None) -> None:  # noqa: ARG002 - a journal records it
        """Record that a submit is about to be sent; `now` by the service's clock, if known."""
        self.is_submitting = True

    async def refused(self) -> None:
        """Record that no submit has created a job."""
        self.is_submitting = False

    async def submitted(self, transcript_id: str) -> None:
        """Record that the job was created."""
        self.is_submitting = False
        self.job.transcript_id = transcript_id
