"""
What a client remembers of its doings: what its uploads were submitted for, and its latest jobs.

It is bounded, for a client may live for years. No I/O.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Generator
from contextlib import contextmanager
from typing import TypeVar

import anyio
import attrs

from aai_async._api.endpoints import Call
from aai_async._jobs.job_matching import SubmitClaim
from aai_async._models.transcript import Transcript

K = TypeVar("K")
T = TypeVar("T")

_MOST_REMEMBERED = 10_000


@attrs.define
class _Upload:
    size: int | None
    submits: int = 0


@attrs.frozen
class _KnownJob:
    at: float
    size: int | None
    is_of_now: bool = True
    """Whether it was submitted at that time, and not by an earlier process."""
    sent_at: float = -math.inf


@attrs.frozen(eq=False, kw_only=True)
class JobRef:
    """A job that a call is about to wait for, and what the client knows of it."""

    id: str
    poll: Call[Transcript]
    """The request that fetches it."""
    size: int | None
    """Size of its recording in bytes, if the client has uploaded it."""
    age: float
    """Seconds since its submit; infinity if that is unknown."""
    known_since: float
    """When the client learned of it, by the clock of the event loop; minus infinity if it has only the id."""


class JobRegistry:
    """The uploads and jobs of one client, the oldest forgotten first."""

    def __init__(self) -> None:
        self._uploads = dict[str, _Upload]()
        self._in_flight = dict[str, list[SubmitClaim]]()
        """By address, the submits that are not settled."""
        self._changes = dict[str, anyio.Event]()
        """By address, set when one of them is settled, or its answer is lost."""
        self._jobs = dict[str, _KnownJob]()
        self._fetched = dict[str, float]()
        """Jobs that were asked for by their ids, and when first."""

    def is_new_upload(self, url: str) -> bool:
        """Remember the address of an upload; tell whether no other upload has it."""
        is_new = url not in self._uploads
        if is_new:
            self.uploaded(url)
        return is_new

    def uploaded(self, url: str, size: int | None = None) -> None:
        """An upload of so many bytes has this address, which no other has."""
        _add(self._uploads, url, _Upload(size))

    @contextmanager
    def submitting(self, url: str, claim: SubmitClaim) -> Generator[None]:
        """Count a submit of this address, for as long as it is not settled."""
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
        """The answer to a submit of this address was lost."""
        claim.is_lost = True
        self._notify(url)

    def _notify(self, url: str) -> None:
        if url in self._changes:
            self._changes.pop(url).set()

    async def wait_for_change(self, url: str) -> None:
        """Wait until more is known of the submits of this address."""
        await self._changes.setdefault(url, anyio.Event()).wait()

    def concurrent_submits(self, url: str, claim: SubmitClaim) -> tuple[SubmitClaim, ...]:
        """Give the other submits of this address that are not settled."""
        return tuple(one for one in self._in_flight.get(url, ()) if one is not claim)

    def submit_failed(self, url: str) -> None:
        """A submit of this address has made no job."""
        if url in self._uploads:
            self._uploads[url].submits -= 1

    def is_unique(self, url: str) -> bool:
        """Whether just one job can have been made of this address: of an upload that was submitted once."""
        return url in self._uploads and self._uploads[url].submits == 1

    def made(self, transcript_id: str, url: str, *, sent_at: float = -math.inf) -> None:
        """A submit of this address has made this job; it was sent at this time, where that is known."""
        made = _KnownJob(anyio.current_time(), self._size_of(url), sent_at=sent_at)
        _add(self._jobs, transcript_id, made)

    def sent_at(self, transcript_id: str) -> float:
        """When the submit that has made a job was sent; minus infinity where that is not known."""
        made = self._jobs.get(transcript_id)
        return -math.inf if made is None else made.sent_at

    def resumed(self, transcript_id: str, url: str) -> None:
        """A submit of this address by an earlier process has made this job, at an unknown time."""
        _add(self._jobs, transcript_id, _KnownJob(anyio.current_time(), self._size_of(url), is_of_now=False))

    def _size_of(self, url: str) -> int | None:
        upload = self._uploads.get(url)
        return upload.size if upload else None

    def fetched(self, transcript_id: str) -> None:
        """A job is asked for by its id."""
        if transcript_id not in self._fetched:
            _add(self._fetched, transcript_id, anyio.current_time())

    def can_be_made_since(self, transcript_id: str, sent_at: float) -> bool:
        """Whether a submit that was sent at a time may have made this job, and not one before it."""
        is_older = self._fetched.get(transcript_id, math.inf) < sent_at
        return transcript_id not in self._jobs and not is_older

    def forget_times(self) -> None:
        """The clock of another event loop begins."""
        self._fetched = dict.fromkeys(self._fetched, -math.inf)
        self._changes.clear()
        for transcript_id, made in self._jobs.items():
            self._jobs[transcript_id] = attrs.evolve(made, at=-math.inf, sent_at=-math.inf)

    def has_made(self, transcript_id: str) -> bool:
        """Whether it is the job of another submit."""
        return transcript_id in self._jobs

    def ref(self, poll: Call[Transcript]) -> JobRef:
        """Return what is known of the job that a request fetches, and record that it is fetched."""
        transcript_id = poll.transcript_id or ""
        self.fetched(transcript_id)
        made = self._jobs.get(transcript_id)
        return JobRef(
            id=transcript_id,
            poll=poll,
            size=made.size if made else None,
            age=anyio.current_time() - made.at if made and made.is_of_now else math.inf,
            known_since=made.at if made else -math.inf,
        )


def _add(registry: dict[str, T], key: str, value: T) -> None:
    registry[key] = value
    forget_oldest(registry, _MOST_REMEMBERED)


def forget_oldest(registry: dict[K, T], most: int) -> None:
    """Forget a tenth, the oldest, once there are more than so many: to forget one takes as long."""
    if len(registry) > most:
        for key in list(itertools.islice(registry, max(most // 10, 1))):
            del registry[key]
