"""A lost submit is sent again as soon as the list is known to be ahead of it, and no sooner."""

from __future__ import annotations

import math
from typing import Any

import anyio
import faults
import pytest
from fault_server import Exchange, FaultServer
from lanes import Connect, one_library_of_each_loop

import aai_async as aai
from aai_async._api import endpoints
from aai_async._jobs import submission

pytestmark = pytest.mark.usefixtures("quick_looks")

lane = one_library_of_each_loop


@pytest.fixture
def pages(monkeypatch: pytest.MonkeyPatch) -> list[str | None]:
    """The pages of the list that were read to search for jobs."""
    pages: list[str | None] = []
    recent_page = endpoints.recent_page

    def noted(before_id: str | None) -> Any:
        pages.append(before_id)
        return recent_page(before_id)

    monkeypatch.setattr(endpoints, "recent_page", noted)
    return pages


async def lost_and_then(server: FaultServer, client: aai.Client, *, is_made: bool) -> str:
    """Submit a recording whose answer is lost, and another one as soon as that is known."""
    ids: list[str] = []

    async def lost(exchange: Exchange) -> None:
        await exchange.read_body()
        if is_made:
            exchange.process()
        exchange.reset()

    server.on("POST /v2/transcript", lost)

    async def submit() -> None:
        ids.append((await client.submit(b"a recording")).id)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(submit)
        with anyio.fail_after(60):
            # The first page is read when the loss is known.
            while server.count("GET /v2/transcript") < 1:
                await anyio.sleep(0.001)
        await client.submit(b"another recording")
    return ids[0]


async def test_a_job_that_was_submitted_later_and_shows_proves_that_a_lost_one_was_not_made(
    server: FaultServer, connect: Connect, pages: list[str | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The list need not be read for another quarter of a minute."""
    monkeypatch.setattr(submission, "_CHECK_DELAYS", (0.01, 0.01, 1.0, 60.0, 60.0, 60.0))
    async with connect() as client:
        with anyio.fail_after(30):
            found = await lost_and_then(server, client, is_made=False)
    assert found in {job.id for job in server.service.jobs}
    assert len(server.service.jobs) == 2
    assert len(pages) == submission._MIN_CHECKS


async def test_a_job_that_was_submitted_earlier_proves_nothing(
    server: FaultServer, connect: Connect, pages: list[str | None]
) -> None:
    """The list may show what is older and lag behind what is newer."""
    async with connect() as client:
        await client.submit(b"another recording")
        server.on("POST /v2/transcript", faults.reset_after_body())
        await client.submit(b"a recording")
    assert len(server.service.jobs) == 2
    assert len(pages) == len(submission._CHECK_DELAYS)


async def test_the_job_of_another_client_proves_nothing(
    server: FaultServer, connect: Connect, pages: list[str | None]
) -> None:
    """When it was submitted is not known."""
    is_searched = False

    async def searched(exchange: Exchange) -> None:
        nonlocal is_searched
        if not is_searched:
            is_searched = True
            exchange.service._submit(b'{"audio_url": "https://example.com/other.mp3"}')
        await exchange.answer()

    server.always("GET /v2/transcript", searched)
    server.on("POST /v2/transcript", faults.reset_after_body())
    async with connect() as client:
        await client.submit(b"a recording")
    assert len(server.service.jobs) == 2
    assert len(pages) == len(submission._CHECK_DELAYS)


@pytest.mark.parametrize("lag", [0.03, 0.12])
async def test_a_list_that_lags_behind_both_proves_nothing_until_it_shows_the_later_one(
    server: FaultServer, connect: Connect, lag: float
) -> None:
    """By then it shows the lost one as well: no second job is made of it."""
    server.service.listing_lag = lag
    async with connect() as client:
        found = await lost_and_then(server, client, is_made=True)
    assert found == server.service.jobs[0].id
    assert len(server.service.jobs) == 2
    assert server.count("POST /v2/transcript") == 2


async def test_a_list_that_shows_nothing_is_read_to_the_end(
    server: FaultServer, connect: Connect, pages: list[str | None]
) -> None:
    """What was submitted later is no evidence where it does not show."""
    server.service.listing_lag = math.inf
    async with connect() as client:
        await lost_and_then(server, client, is_made=False)
    assert len(server.service.jobs) == 2
    assert len(pages) == len(submission._CHECK_DELAYS)
