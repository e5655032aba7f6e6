"""
The uploads and jobs of a client: which URLs were submitted and how often, and its latest jobs.

Its size is bounded, because a client may be used for years. No I/O.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Generator
from contextlib import contextmanager
from typing import TypeVar

import anyio
import msgspec

from aai_async._api.endpoints import Call
from aai_async._jobs.job_matching import SubmitClaim
from aai_async._models.transcript import Transcript

K = TypeVar("K")
T = TypeVar("T")

_MOST_REMEMBERED = 10_000
"""Maximum number of entries of each kind."""


class _Upload(msgspec.Struct):
    size: int | None
    submits: int = 0


class _KnownJob(msgspec.Struct, frozen=True):
    known_since: float
    size: int | None
    is_recent: bool = True
    """Whether it was created at that time, and not by an earlier process."""
    is_done: bool = False
    """Whether the response to its submit showed that it has ended."""
    sent_at: float = -math.inf


class JobRef(msgspec.Struct, frozen=True, eq=False, kw_only=True):
    """A job that a call is about to wait for, and what the client knows of it."""

    id: str
    poll: Call[Transcript]
    """The request that fetches it."""
    size: int | None
    """Size of its recording in bytes, if the client has uploaded it."""
    age: float
    """Seconds since its submit; infinity if that is unknown, or if the job has ended."""
    known_since: float
    """When the client learned of it, by the clock of the event loop; minus infinity if it has only the id."""


class JobRegistry:
    """The uploads and jobs of one client; the oldest are removed first."""

    def __init__(self) -> None:
        self._uploads = dict[str, _Upload]()
        self._in_flight = dict[str, list[SubmitClaim]]()
        """By URL, the submits that are not settled: not answered, adopted or given up."""
        self._changes = dict[str, anyio.Event]()
        """By URL, set when one of them is settled, or its response is lost."""
        self._jobs = dict[str, _KnownJob]()
        self._fetched = dict[str, float]()
        """When each job was first requested by its id."""

    def is_new_upload(self, url: str) -> bool:
        """Add the URL of an upload; return whether it is new."""
        is_new = url not in self._uploads
        if is_new:
            self.uploaded(url)
        return is_new

    def uploaded(self, url: str, size: int | None = None) -> None:
        """Add the URL of an upload, which no other upload has; `size` in bytes."""
        _add(self._uploads, url, _Upload(size))

    @contextmanager
    def submitting(self, url: str, claim: SubmitClaim) -> Generator[None]:
        """Count a submit of a URL, and list it as unsettled while the block runs."""
        if url in self._uploads:
            self._uploads[url].submits += 1
        self._in_flight.setdefault(url, []).append(claim)
        try:
            yield
        finally:
            self._in_flight[url].remove(claim)
            if not self._in_flight[url]:
                del self._in_flight[url]
            self._notify(url)

    def response_lost(self, url: str, claim: SubmitClaim) -> None:
        """Record that the response to a submit was lost."""
        claim.is_lost = True
        self._notify(url)

    def _notify(self, url: str) -> None:
        if url in self._changes:
            self._changes.pop(url).set()

    async def wait_for_change(self, url: str) -> None:
        """Wait until a submit of a URL is settled, or its response is lost."""
        await self._changes.setdefault(url, anyio.Event()).wait()

    def concurrent_submits(self, url: str, claim: SubmitClaim) -> tuple[SubmitClaim, ...]:
        """Return the other unsettled submits of a URL."""
        return tuple(one for one in self._in_flight.get(url, ()) if one is not claim)

    def submit_failed(self, url: str) -> None:
        """Record that a submit of a URL has created no job."""
        if url in self._uploads:
            self._uploads[url].submits -= 1

    def is_unique(self, url: str) -> bool:
        """Return whether only one job can exist of a URL, because it is an upload that was submitted once."""
        return url in self._uploads and self._uploads[url].submits == 1

    def made(
        self, transcript_id: str, url: str, *, sent_at: float = -math.inf, is_done: bool = False
    ) -> None:
        """
        Add a job created by a submit of a URL.

        Args:
            transcript_id: The job.
            url: The URL.
            sent_at: When the submit was sent, if known.
            is_done: Whether its response showed that the job has ended.
        """
        job = _KnownJob(anyio.current_time(), self._size_of(url), sent_at=sent_at, is_done=is_done)
        _add(self._jobs, transcript_id, job)

    def sent_at(self, transcript_id: str) -> float:
        """Return when the submit of a job was sent; minus infinity if unknown."""
        job = self._jobs.get(transcript_id)
        return -math.inf if job is None else job.sent_at

    def resumed(self, transcript_id: str, url: str) -> None:
        """Add a job that an earlier process created of a URL, at an unknown time."""
        _add(self._jobs, transcript_id, _KnownJob(anyio.current_time(), self._size_of(url), is_recent=False))

    def _size_of(self, url: str) -> int | None:
        upload = self._uploads.get(url)
        return upload.size if upload else None

    def fetched(self, transcript_id: str) -> None:
        """Record that a job is requested by its id."""
        if transcript_id not in self._fetched:
            _add(self._fetched, transcript_id, anyio.current_time())

    def can_be_made_since(self, transcript_id: str, sent_at: float) -> bool:
        """Return whether a submit that was sent at a time may have created a job, and no earlier one."""
        is_older = self._fetched.get(transcript_id, math.inf) < sent_at
        return transcript_id not in self._jobs and not is_older

    def forget_times(self) -> None:
        """Drop all times, because another event loop has another clock."""
        self._fetched = dict.fromkeys(self._fetched, -math.inf)
        self._changes.clear()
        for transcript_id, job in self._jobs.items():
            self._jobs[transcript_id] = msgspec.structs.replace(job, known_since=-math.inf, sent_at=-math.inf)

    def has_made(self, transcript_id: str) -> bool:
        """Return whether a job belongs to a submit of this client."""
        return transcript_id in self._jobs

    def ref(self, poll: Call[Transcript]) -> JobRef:
        """Return what is known about the job that a request fetches, and record that it is fetched."""
        transcript_id = poll.transcript_id or ""
        self.fetched(transcript_id)
        job = self._jobs.get(transcript_id)
        has_age = job is not None and job.is_recent and not job.is_done
        return JobRef(
            id=transcript_id,
            poll=poll,
            size=job.size if job else None,
            age=anyio.current_time() - job.known_since if job and has_age else math.inf,
            known_since=job.known_since if job else -math.inf,
        )


def _add(entries: dict[str, T], key: str, value: T) -> None:
    entries[key] = value
    forget_oldest(entries, _MOST_REMEMBERED)


def forget_oldest(entries: dict[K, T], most: int) -> None:
    """Remove the oldest tenth of the entries once there are more than `most`."""
    if len(entries) > most:
        # A dict skips its deleted entries one by one, so removing one costs as much as removing a tenth.
        for key in list(itertools.islice(entries, max(most // 10, 1))):
            del entries[key]
