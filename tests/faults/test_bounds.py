"""The bounds of a batch hold whatever becomes of its consumer and its sources, and starve no item."""

from __future__ import annotations

import asyncio
import functools
import itertools
import threading
from collections.abc import AsyncIterator, Iterator

import anyio
import faults
import pytest
from fault_server import Exchange, FaultServer
from lanes import LANES, Connect

import aai_async as aai

pytestmark = pytest.mark.parametrize("lane", LANES[:2], ids=lambda lane: lane.name)

GONE = faults.status(403, body=b'{"error": "Cannot access uploaded file"}')


@pytest.fixture
def connect(connect: Connect) -> Connect:
    """Make clients that poll the list often, too."""
    return functools.partial(
        connect, polling=aai.Polling(initial_delay=0.01, max_delay=0.05, min_list_interval=0.02)
    )


class Drawn:
    """Sources without end, which count how many were drawn."""

    def __init__(self) -> None:
        self.count = 0

    def __iter__(self) -> Iterator[bytes]:
        for number in itertools.count():
            self.count += 1
            yield b"recording %d" % number


async def until_settled(drawn: Drawn, batch: aai.Batch) -> None:
    """Wait until nothing more is drawn, for all places are taken by what has finished."""
    calm = 0
    with anyio.fail_after(30):
        while calm < 10:
            await anyio.sleep(0.01)
            calm = calm + 1 if batch.summary.completed == drawn.count else 0


@pytest.mark.parametrize("jobs", [1, 2, 5])
async def test_a_cancelled_collect_does_not_raise_the_bound(
    server: FaultServer, connect: Connect, jobs: int
) -> None:
    """However often it is cancelled and called again: what it has put back leaves no second place."""
    drawn = Drawn()
    async with connect() as client, aai.transcribe_all(client, drawn, max_jobs=jobs) as batch:
        for round_ in range(1, 4):
            with anyio.CancelScope() as scope:
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(batch.collect)
                    with anyio.fail_after(60):
                        while drawn.count < round_ * 10:
                            await anyio.sleep(0.005)
                    scope.cancel()
            await until_settled(drawn, batch)
        # They are all put back: to take as many makes no room for more than there was.
        before = drawn.count
        for _ in range(before):
            await anext(batch)
        await until_settled(drawn, batch)
        assert drawn.count <= before + jobs
    assert len(batch.remaining) <= 2 * jobs


async def test_a_cancelled_collect_puts_back_what_others_wait_for(
    server: FaultServer, connect: Connect
) -> None:
    """Also where nothing else finishes."""
    server.on("POST /v2/transcript", *[faults.normal()] * 2, faults.hang())
    async with connect() as client:
        async with aai.transcribe_all(client, [b"1", b"2", b"3"], max_uploads=1) as batch:
            with anyio.move_on_after(30), anyio.CancelScope() as scope:
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(batch.collect)
                    with anyio.fail_after(60):
                        while batch.summary.completed < 2:
                            await anyio.sleep(0.01)
                    scope.cancel()
            with anyio.fail_after(60):
                first, second = await anext(batch), await anext(batch)
        assert {first.index, second.index} == {0, 1}


async def test_an_interrupted_collect_loses_nothing(
    server: FaultServer, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it had collected remains, also where it is no cancellation that ends it."""
    take, calls = aai.Batch.__anext__, itertools.count()

    async def interrupted(batch: aai.Batch) -> aai.Outcome:
        if next(calls) == 2:
            raise GeneratorExit
        return await take(batch)

    monkeypatch.setattr(aai.Batch, "__anext__", interrupted)
    async with connect() as client, aai.transcribe_all(client, [b"1", b"2", b"3"], max_jobs=1) as batch:
        with pytest.raises(GeneratorExit):
            await batch.collect()
        outcomes = await batch.collect()
    assert [outcome.index for outcome in outcomes] == [0, 1, 2]


async def test_an_item_that_must_upload_again_does_not_wait_for_the_next_source(
    server: FaultServer, connect: Connect
) -> None:
    """The sources may themselves wait for its outcome."""
    server.on("POST /v2/transcript", GONE)
    is_finished = anyio.Event()

    async def lazy() -> AsyncIterator[bytes]:
        yield b"first"
        await is_finished.wait()
        yield b"second"

    async with connect() as client, aai.transcribe_all(client, lazy(), max_uploads=1) as batch:
        with anyio.fail_after(60):
            first = await anext(batch)
            is_finished.set()
            (second,) = await batch.collect()
    assert [first.index, second.index] == [0, 1]
    assert first.transcript
    assert second.transcript


async def test_an_item_that_was_drawn_as_the_drawing_stops_comes_to_its_end(
    server: FaultServer, connect: Connect
) -> None:
    """It waits for room to upload, which an item that uploads again has taken meanwhile."""
    may_go_on = threading.Event()

    async def held_up(exchange: Exchange) -> None:
        while not may_go_on.is_set():
            await asyncio.sleep(0.01)
        await exchange.answer()

    server.on("POST /v2/transcript", GONE)
    server.on("POST /v2/upload", faults.normal(), held_up)
    was_drawn = anyio.Event()

    async def lazy() -> AsyncIterator[bytes]:
        yield b"first"
        while server.count("POST /v2/upload") < 2:
            await anyio.sleep(0.005)
        was_drawn.set()
        yield b"second"
        await anyio.sleep_forever()

    with anyio.fail_after(60):
        async with connect() as client, aai.transcribe_all(client, lazy(), max_uploads=1) as batch:
            await was_drawn.wait()
            batch.stop()
            may_go_on.set()
            outcomes = await batch.collect()
    assert [outcome.index for outcome in outcomes] == [0, 1]
    assert all(outcome.transcript for outcome in outcomes)
