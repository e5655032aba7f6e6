"""How many items of a batch are under way, and what is kept of them."""

from __future__ import annotations

import asyncio
import gc
import random
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from batches import Census, both_loops, check_each_has_its_job, looks_of_last_job, recordings, three_lanes
from batches import connect as connect  # noqa: PLC0414 - a fixture
from fault_server import FaultServer
from lanes import Connect

import aai_async as aai
from aai_async._batch import item_task


@three_lanes
async def test_three_hundred_files_go_within_the_bounds(
    server: FaultServer, connect: Connect, tmp_path: Path
) -> None:
    """Of uploads, of jobs at the service, and of connections."""
    paths = recordings(tmp_path, 300)
    census = Census(server)
    server.service.looks_until_done = 3
    server.always("POST /v2/upload", census.of("uploads"))
    server.always("GET /v2/transcript", census.of("polls of the list"))
    server.always("*", census.of("others"))
    async with connect() as client, aai.transcribe_all(client, paths, max_jobs=40, max_uploads=6) as batch:
        outcomes = await batch.collect()
    check_each_has_its_job(server, outcomes, paths)
    assert census.most["uploads"] <= 6
    assert census.most["jobs"] <= 40
    # It does not wait for a free place.
    assert census.most["polls of the list"] == 1
    assert census.most["others"] <= 16
    assert census.most["connections"] <= 32


@both_loops
async def test_a_request_walks_over_no_other_connection(
    server: FaultServer, connect: Connect, tmp_path: Path
) -> None:
    """The pool of httpx asks each of its connections at each request, so each has a pool of its own."""
    async with connect() as client:
        async with aai.transcribe_all(client, recordings(tmp_path, 60)) as batch:
            await batch.collect()
        http: Any = client._pipeline.sender._pool._client
        pools = [transport._pool for transport in http._transport._pools]
        assert len(pools) <= 32
        assert max(len(pool.connections) for pool in pools) == 1


@both_loops
async def test_more_uploads_at_once_than_usual_are_made_where_they_are_asked_for(
    server: FaultServer, connect: Connect, tmp_path: Path
) -> None:
    """The gate of the client opens as wide, and is what it was afterwards."""
    census = Census(server)
    server.always("POST /v2/upload", census.of("uploads"))
    census.held_until["uploads"] = 30
    async with connect() as client:
        async with aai.transcribe_all(client, recordings(tmp_path, 60), max_uploads=30) as batch:
            await batch.collect()
        assert census.most["uploads"] == 30
        census.most.clear()
        census.held_until["uploads"] = 16
        async with anyio.create_task_group() as tasks:
            for _ in range(40):
                tasks.start_soon(client.upload, b"a recording")
        assert census.most["uploads"] == 16


@both_loops
@pytest.mark.parametrize(("bound", "most"), [({}, 16), ({"max_uploads": 8}, 8)])
async def test_an_upload_that_waits_for_its_response_makes_room_for_another(
    server: FaultServer, connect: Connect, tmp_path: Path, bound: dict[str, Any], most: int
) -> None:
    """Unless the caller gives a maximum."""
    census = Census(server)
    server.always("POST /v2/upload", census.of("uploads"))
    census.held_until["uploads"] = most
    async with connect() as client:
        async with aai.transcribe_all(client, recordings(tmp_path, 60), **bound) as batch:
            await batch.collect()
    assert census.most["uploads"] == most


class Recording(aai.Source):
    """A recording of two pieces, of which the second is sent once eight recordings are being sent."""

    def __init__(self, number: int, being_sent: list[int], sent: list[int], eight: anyio.Event) -> None:
        self.name, self.size = f"{number}.wav", 2000
        self._number, self._being_sent, self._sent, self._eight = number, being_sent, sent, eight

    async def open(self) -> None:
        """There is something to send."""

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        self._being_sent.append(self._number)
        if len(self._being_sent) - len(self._sent) == 8:
            self._eight.set()
        assert len(self._being_sent) - len(self._sent) <= 8
        yield b"%1000d" % self._number
        await self._eight.wait()
        self._sent.append(self._number)
        yield bytes(1000)


@both_loops
async def test_no_more_than_eight_recordings_are_sent_at_a_time(
    server: FaultServer, connect: Connect
) -> None:
    """Each needs memory."""
    being_sent, sent, eight = list[int](), list[int](), anyio.Event()
    sources = [Recording(number, being_sent, sent, eight) for number in range(40)]
    async with connect() as client, aai.transcribe_all(client, sources) as batch:
        outcomes = await batch.collect()
    assert [outcome.error for outcome in outcomes] == [None] * 40
    assert sorted(sent) == [*range(40)]


@both_loops
async def test_a_batch_of_thousands_keeps_nothing_of_those_that_were_taken(
    server: FaultServer, connect: Connect
) -> None:
    """But for what tells them from others."""

    async def addresses() -> AsyncIterator[str]:
        for number in range(500):
            yield f"https://example.com/{number}.mp3"

    # Other tests of this process keep some.
    before = Counter(type(one) for one in gc.get_objects())
    async with connect() as client, aai.transcribe_all(client, addresses(), max_jobs=50) as batch:
        count = 0
        async for outcome in batch:
            count += outcome.transcript is not None
        del outcome
        gc.collect()
        kept = Counter(type(one) for one in gc.get_objects()) - before
        assert kept[aai.Transcript] < 10
        assert kept[item_task.ItemTask] == 0
        assert batch.remaining == ()
    assert count == 500


async def test_a_batch_leaves_nothing_to_the_garbage_collector(
    server: FaultServer, connect: Connect, tmp_path: Path
) -> None:
    """Responses and transcripts are freed when the last reference to them goes: none is part of a cycle."""
    async with connect() as client:
        gc.collect()
        gc.disable()
        try:
            async with aai.transcribe_all(client, recordings(tmp_path, 20)) as batch:
                transcripts = [len(outcome.unwrap().body) async for outcome in batch]
            gc.set_debug(gc.DEBUG_SAVEALL)
            gc.collect()
            garbage = Counter(type(one).__module__.partition(".")[0] for one in gc.garbage)
        finally:
            gc.set_debug(0)
            gc.garbage.clear()
            gc.enable()
    assert len(transcripts) == 20
    assert garbage["aai_async"] == garbage["httpx"] == 0


async def test_outcomes_are_collected_in_the_order_of_the_sources(
    server: FaultServer, connect: Connect, tmp_path: Path
) -> None:
    """Whichever is done first."""
    paths = recordings(tmp_path, 30)
    order = list(range(30))
    random.Random(4).shuffle(order)  # noqa: S311 - nothing secret is made of it
    server.on("POST /v2/transcript", *(looks_of_last_job(count) for count in order))
    async with connect() as client, aai.transcribe_all(client, paths) as batch:
        outcomes = await batch.collect()
    check_each_has_its_job(server, outcomes, paths)


async def test_outcomes_come_as_they_finish(server: FaultServer, connect: Connect, tmp_path: Path) -> None:
    """The first of them while others are at work."""
    paths = recordings(tmp_path, 8)
    server.on("POST /v2/transcript", looks_of_last_job(10**9))
    async with connect() as client, aai.transcribe_all(client, paths, max_uploads=1) as batch:
        indexes = [(await anext(batch)).index for _ in range(7)]
        assert sorted(indexes) == [1, 2, 3, 4, 5, 6, 7]
        assert server.service.jobs[0].completed is None
        server.service.jobs[0].looks = 0
        assert (await anext(batch)).index == 0
        with pytest.raises(StopAsyncIteration):
            await anext(batch)


async def test_jobs_that_are_left_to_the_list_wait_without_a_timer_or_scope_each(
    server: FaultServer, connect: Connect
) -> None:
    """A timer and its scope are seven objects that each full garbage collection goes through."""
    scope_type = type(anyio.CancelScope())

    def census() -> Counter[str]:
        gc.collect()
        living = gc.get_objects()
        timers = sum(type(one) is asyncio.TimerHandle and not one.cancelled() for one in living)
        return Counter(timers=timers, scopes=sum(type(one) is scope_type for one in living))

    server.service.looks_until_done = 10**9
    urls = [f"https://example.com/{number}.mp3" for number in range(60)]
    events = list[aai.Event]()
    # Other tests of this process have left some.
    before = census()
    async with connect() as client, aai.transcribe_all(client, urls, on_event=events.append) as batch:
        # A submit has scopes until its response is read.
        while sum(isinstance(event, aai.Submitted) for event in events) < len(urls):
            await anyio.sleep(0.01)
        polls = server.count("GET /v2/transcript")
        while server.count("GET /v2/transcript") < polls + 2:
            await anyio.sleep(0.01)
        waiting = census() - before
        assert batch.summary.unfinished == len(urls)
    assert waiting["timers"] < len(urls) // 2
    # Each job has the scope of its task.
    assert waiting["scopes"] < 1.5 * len(urls)
