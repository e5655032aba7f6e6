"""A service with a rate limit, and batches there, in the time of trio's `MockClock`."""

from __future__ import annotations

import datetime as dt
import itertools
import json
import math
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias, TypeVar

import anyio
import httpx
from inline import no_threads
from trio.testing import MockClock

import aai_async as aai

T = TypeVar("T")

KEY = "0123456789abcdef0123456789abcdef"

STEADY = aai.Retry(jitter=lambda: 0.5)

TAKES = 5.0
"""Seconds of each job."""


Refusal: TypeAlias = Callable[[float], httpx.Response]


def refused_until(left: float) -> httpx.Response:
    """With the time when the next window begins, in whole seconds, as the service documents."""
    headers = {"retry-after": str(math.ceil(left))}
    return httpx.Response(429, headers=headers, json={"error": "Too Many Requests"})


class Service(httpx.AsyncBaseTransport):
    """Jobs that take the same time each, and a limit of requests in windows that follow one another."""

    def __init__(
        self,
        *,
        limit: float = math.inf,
        window: float = 10.0,
        fetch: float = 0.01,
        refusal: Refusal = refused_until,
    ) -> None:
        self.limit = limit
        self.window = window
        self.refusal = refusal
        """The response that refuses a request, after the seconds until the next window."""
        self.fetch = fetch
        """Seconds of a request for a completed transcript."""
        self.made: list[float] = []
        """When each job was made."""
        self.polls: list[float] = []
        """When the list was shown."""
        self.seen: dict[str, float] = {}
        """When a reply first showed the end of each job."""
        self.refused: list[float] = []
        self.ended = 0.0
        """When the batch ended."""
        self._uploads = itertools.count()
        self._taken: dict[int, int] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        now = anyio.current_time()
        number = int(now // self.window)
        self._taken[number] = self._taken.get(number, 0) + 1
        if self._taken[number] > self.limit:
            self.refused.append(now)
            return self.refusal((number + 1) * self.window - now)
        is_fetch = "/v2/transcript/" in request.url.path
        await anyio.sleep(self.fetch if is_fetch else 0.01)
        return httpx.Response(200, json=await self._answer(request, now))

    async def _answer(self, request: httpx.Request, now: float) -> dict[str, Any]:
        if request.url.path.endswith("/upload"):
            await request.aread()
            return {"upload_url": f"https://cdn.assemblyai.com/upload/{next(self._uploads)}"}
        if request.method == "POST":
            self.made.append(now)
            url = json.loads(await request.aread())["audio_url"]
            return {"id": f"job-{len(self.made) - 1}", "status": "queued", "audio_url": url}
        if request.url.path.endswith("/transcript"):
            self.polls.append(now)
            return self._page(request.url.params, now)
        job = self._job(request.url.path.rpartition("-")[2], now)
        self._note(job, now)
        return job

    def _note(self, job: dict[str, Any], now: float) -> None:
        if job["status"] == "completed":
            self.seen.setdefault(job["id"], now)

    def _job(self, number: str, now: float) -> dict[str, Any]:
        made = self.made[int(number)]
        has_ended = now >= made + TAKES
        return {
            "id": f"job-{number}",
            "status": "completed" if has_ended else "processing",
            "text": "words",
            "created": moment(made),
            "completed": moment(made + TAKES) if has_ended else None,
        }

    def _page(self, query: httpx.QueryParams, now: float) -> dict[str, Any]:
        rows = [self._job(str(number), now) for number in reversed(range(len(self.made)))]
        rows = [row for row in rows if query.get("status") in {None, row["status"]}]
        if (before_id := query.get("before_id")) is not None:
            rows = [row for row in rows if int(row["id"][4:]) < int(before_id[4:])]
        page = rows[: int(query["limit"])]
        for row in page:
            self._note(row, now)
        older = f"http://service/v2/transcript?before_id={page[-1]['id']}" if len(rows) > len(page) else None
        return {"page_details": {"limit": int(query["limit"]), "prev_url": older}, "transcripts": page}


def moment(seconds: float) -> str:
    return dt.datetime.fromtimestamp(seconds, dt.UTC).replace(tzinfo=None).isoformat()


def transcribed(
    service: Service, jobs: int, *, uploads: bool = False, retry: aai.Retry = STEADY
) -> list[aai.Outcome]:
    """Run a batch of URLs, or of bytes to upload, in a time that jumps to where it is waited for."""

    async def story() -> list[aai.Outcome]:
        urls: list[str | bytes] = [
            b"recording %d" % number if uploads else f"https://example.com/{number}.mp3"
            for number in range(jobs)
        ]
        async with (
            httpx.AsyncClient(transport=service) as http,
            aai.Client(KEY, http_client=http, retry=retry) as client,
            aai.transcribe_all(client, urls) as batch,
        ):
            outcomes = [outcome async for outcome in batch]
            service.ended = anyio.current_time()
            return outcomes

    return run_in_virtual_time(story)


def run_in_virtual_time(story: Callable[[], Awaitable[T]]) -> T:
    """Run a story in a time that jumps to where it is waited for."""
    clock = MockClock(autojump_threshold=0)
    with no_threads():
        return anyio.run(story, backend="trio", backend_options={"clock": clock})
