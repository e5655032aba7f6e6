"""What a request costs, in counts that are the same on each machine."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator

import anyio
import httpx
import pytest

import aai_async as aai
from aai_async._transport import backend

KEY = "0123456789abcdef0123456789abcdef"
JOB = "9ea68fd3-f953-42c1-9742-976c447fb463"
DATED = {"date": "Mon, 30 Nov 2026 12:00:00 GMT"}


def answer(request: httpx.Request) -> httpx.Response:
    uploads = "".join(filter(str.isdigit, request.content.decode()))
    if request.url.path == "/v2/upload":
        return httpx.Response(200, headers=DATED, json={"upload_url": f"https://example.com/{uploads}"})
    return httpx.Response(200, headers=DATED, json={"id": JOB, "status": "queued"})


@pytest.fixture
async def client() -> AsyncIterator[aai.Client]:
    async with aai.Client(KEY, http_client=lambda: httpx.MockTransport(answer)) as client:
        await client.get(JOB)
        yield client


async def test_a_request_reads_the_clock_a_few_times(
    client: aai.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For each, anyio finds out which event loop is running, and a job needs three requests."""
    readings = Counter[str]()
    current_time = anyio.current_time

    def counted() -> float:
        readings["clock"] += 1
        return current_time()

    monkeypatch.setattr(anyio, "current_time", counted)
    await client.get(JOB)
    # The job is requested, a pause may be in force, the request counts, and its deadline and its date begin.
    assert readings["clock"] <= 5


async def test_the_url_of_all_uploads_is_parsed_once(client: aai.Client) -> None:
    """A third of the work on a request is its URL."""
    before = backend.parsed_url.cache_info()
    for number in range(5):
        await client.upload(b"recording %d" % number)
    after = backend.parsed_url.cache_info()
    assert after.misses - before.misses <= 1
    assert after.hits - before.hits >= 4
