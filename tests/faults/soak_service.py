"""The service of the soak test: the ledger of the submits that it has accepted is the truth."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import formatdate
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from fault_server import Job, Received, Reply, Service
from soak_plan import ENDLESS_LAG, NOT_ECHOED, Plan, said


@dataclass(eq=False)
class Accepted(Job):
    """A submit that was accepted, and would be billed unless the job ends in an error."""

    text: str = ""
    """What its transcript says: which recording and which options it is for."""
    lag: float = 0.0
    looks_needed: int = 1
    fails: bool = False
    is_foreign: bool = False

    @property
    def is_billed(self) -> bool:
        return not self.fails

    @property
    def is_listed_in_time(self) -> bool:
        """Whether the list shows it as early as the documentation says that it must."""
        return self.lag != ENDLESS_LAG


@dataclass(eq=False)
class LedgerService(Service):
    """
    A service that makes of each recording a text of its own, and shows less than it was asked.

    Its list lags and shows jobs in the order in which they were made. Its clock is ahead of the times of its
    jobs, and others use the account as well.
    """

    plan: Plan = field(kw_only=True)
    note: Callable[[str], None] = field(kw_only=True)

    def __post_init__(self) -> None:
        self._draw = random.Random(f"service {self.plan.seed}")  # noqa: S311 - seeded, on purpose
        self._listed_from = 0.0
        """When the list shows all jobs that were made so far, but those that it never shows."""
        self._fails_once = {self.plan.recordings[number].name for number in self.plan.failing}
        for number in range(self.plan.foreign):
            self.jobs.append(self._foreign(number))

    @property
    def accepted(self) -> list[Accepted]:
        """The ledger, oldest first."""
        jobs = tuple(self.jobs)
        return [job for job in jobs if isinstance(job, Accepted) and not job.is_foreign]

    def answer(self, request: Received) -> Reply:
        reply = super().answer(request)
        return reply.with_header("Date", formatdate(time.time() + self.plan.skew, usegmt=True))

    def _submit(self, body: bytes) -> Reply:
        reply = super()._submit(body)
        if reply.status != 200:
            return reply
        job = self._accepted(self.jobs.pop())
        self.jobs.append(job)
        self.note(f"accepted: {described(job)}")
        return Reply.json(_echo(job) | {"id": job.id, "status": "queued", "audio_url": job.audio_url})

    def _accepted(self, job: Job) -> Accepted:
        identity = self._identity(job.audio_url)
        name = identity.partition(" version")[0]
        now, lag = time.monotonic(), self._draw.choice(self.plan.lags)
        if lag != ENDLESS_LAG:
            # No job is shown before one that was made earlier: the client takes that as proof.
            self._listed_from = max(self._listed_from, now + lag)
            lag = self._listed_from - now
        fails = name in self._fails_once
        self._fails_once.discard(name)
        return Accepted(
            id=str(UUID(int=self._draw.getrandbits(128), version=4)),
            audio_url=job.audio_url,
            options=job.options,
            created=job.created,
            listed_from=now + lag,
            text=said(identity, job.options),
            lag=lag,
            looks_needed=self._draw.randint(1, 4),
            fails=fails,
        )

    def _identity(self, audio_url: str) -> str:
        if audio_url in self.uploads:
            return self.uploads[audio_url].partition(b"\n")[0].decode()
        return urlsplit(audio_url)._replace(query="").geturl()

    def _foreign(self, number: int) -> Accepted:
        """A job of somebody else, some of them of an address that is asked for here, days ago."""
        addresses = [one.name for one in self.plan.recordings if one.is_address]
        audio_url = (
            addresses[number % len(addresses)] if addresses and number % 7 == 0 else "https://x.test/a"
        )
        made = datetime.now(UTC) - timedelta(days=2, seconds=self.plan.foreign - number)
        job = Accepted(f"foreign-{number}", audio_url, {}, made, listed_from=0.0, is_foreign=True)
        job.completed, job.looks = made, 1
        return job

    def _work(self, job: Job) -> None:
        assert isinstance(job, Accepted)
        job.looks += 1
        if job.looks >= job.looks_needed and job.completed is None:
            job.completed = datetime.now(UTC)
            job.error = "Transcription failed for a reason that passes." if job.fails else None

    def _look(self, job: Job) -> Reply:
        self._work(job)
        assert isinstance(job, Accepted)
        own = {"id": job.id, "status": job.status, "audio_url": job.audio_url, "error": job.error}
        text = {"text": job.text if job.status == "completed" else None, "words": None}
        return Reply.json(_echo(job) | own | text)


def _echo(job: Job) -> dict[str, Any]:
    shown = {name: value for name, value in job.options.items() if name not in NOT_ECHOED}
    if "webhook_auth_header_value" in job.options:
        shown["webhook_auth"] = True
    return shown


def described(job: Accepted) -> str:
    """Give a line of the ledger."""
    state = f"{job.status}, listed after {job.lag:.3g} s"
    return json.dumps({"id": job.id, "text": job.text, "audio_url": job.audio_url, "state": state})
