"""A batch that is stopped, left early or cancelled."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias
from uuid import uuid4

import anyio
import anyio.lowlevel
import faults
import httpx
import pytest
import trio
from batches import OwnError, both_loops, looks_of_last_job, on_asyncio, recordings
from batches import connect as connect  # noqa: PLC0414 - a fixture
from fault_server import Exchange, FaultServer
from lanes import KEY, LANES, Connect, Lane
from verbs import URL

import aai_async as aai
from aai_async._batch import runner
from aai_async._batch.batch import drop_unsubmitted
from aai_async._concurrency.cancellation import CancelGrace, ShieldedRequest


async def slow_submit(exchange: Exchange) -> None:
    await exchange.read_body()
    reply = exchange.process()
    await asyncio.sleep(0.3)
    await exchange.send(reply.render())


@both_loops
async def test_a_batch_that_is_stopped_ends_what_is_under_way(
    server: FaultServer, connect: Connect, tmp_path: Path
) -> None:
    """And draws nothing more."""
    drawn = 0

    def counted() -> Iterator[Path]:
        nonlocal drawn
        for path in recordings(tmp_path, 50):
            drawn += 1
            yield path

    async with connect() as client, aai.transcribe_all(client, counted(), max_jobs=5) as batch:
        outcomes = [await anext(batch)]
        batch.stop()
        was_drawn = drawn
        outcomes += [outcome async for outcome in batch]
    assert drawn == was_drawn < 15
    assert len(outcomes) == drawn
    assert all(outcome.transcript for outcome in outcomes)
    assert batch.remaining == ()


@both_loops
async def test_a_stopped_batch_can_drop_what_is_not_submitted(
    server: FaultServer, connect: Connect, tmp_path: Path
) -> None:
    """The upload ends, the job that exists is waited for, and the dropped item is known."""
    is_submitted, is_uploading = anyio.Event(), anyio.Event()

    def on_event(event: aai.Event) -> None:
        if isinstance(event, aai.Submitted):
            is_submitted.set()

    async def endless() -> AsyncIterator[bytes]:
        yield b"sound"
        is_uploading.set()
        await anyio.sleep_forever()

    sources: list[aai.Audio] = [*recordings(tmp_path, 1), endless()]
    async with connect() as client, aai.transcribe_all(client, sources, on_event=on_event) as batch:
        with anyio.fail_after(60):
            await is_submitted.wait()
            await is_uploading.wait()
            batch.stop(drops_unsubmitted=True)
            outcomes = await batch.collect()
    assert [(one.index, one.error) for one in outcomes] == [(0, None)]
    assert [(one.index, one.stage) for one in batch.remaining] == [(1, "pending")]
    assert len(server.service.jobs) == 1


@both_loops
async def test_a_submit_that_is_being_sent_is_not_dropped(
    server: FaultServer, connect: Connect, tmp_path: Path
) -> None:
    """It may be paid for, so its job is waited for."""
    is_sent, is_stopped = threading.Event(), threading.Event()

    async def held(exchange: Exchange) -> None:
        await exchange.read_body()
        reply = exchange.process()
        is_sent.set()
        while not is_stopped.is_set():
            await asyncio.sleep(0.01)
        await exchange.send(reply.render())

    server.on("POST /v2/transcript", held)
    async with connect() as client, aai.transcribe_all(client, recordings(tmp_path, 1)) as batch:
        with anyio.fail_after(60):
            while not is_sent.is_set():
                await anyio.sleep(0.01)
            batch.stop(drops_unsubmitted=True)
            is_stopped.set()
            (outcome,) = await batch.collect()
    assert outcome.transcript
    assert batch.remaining == ()
    assert len(server.service.jobs) == 1


@both_loops
async def test_a_duplicate_goes_on_with_the_item_whose_job_it_waits_for(
    server: FaultServer, connect: Connect
) -> None:
    """So it is not among what a stop drops."""
    server.service.looks_until_done = 1_000_000
    async with connect() as client, aai.transcribe_all(client, [URL, URL, URL]) as batch:
        with anyio.fail_after(60):
            while not server.service.jobs:
                await anyio.sleep(0.01)
            await anyio.wait_all_tasks_blocked()
            assert drop_unsubmitted(batch) == {0, 1, 2}
            server.service.looks_until_done = 1
            outcomes = await batch.collect()
    assert [outcome.transcript_id for outcome in outcomes] == [server.service.jobs[0].id] * 3


@both_loops
async def test_a_batch_whose_sources_do_not_come_can_be_stopped(
    server: FaultServer, connect: Connect
) -> None:
    """It is waiting for the next of them."""
    is_closed = False

    async def never() -> AsyncIterator[str]:
        nonlocal is_closed
        try:
            yield URL
            await anyio.sleep_forever()
        finally:
            is_closed = True

    async with connect() as client, aai.transcribe_all(client, never()) as batch:
        with anyio.fail_after(60):
            assert (await anext(batch)).transcript
            batch.stop()
            assert await batch.collect() == []
    assert is_closed


@both_loops
async def test_a_batch_that_may_not_fail_ends_with_the_first_error(
    server: FaultServer, connect: Connect, tmp_path: Path
) -> None:
    """Which is its cause; what was under way is known by its id."""
    server.service.looks_until_done = 10**9
    sources = [*recordings(tmp_path, 6), tmp_path / "missing.wav", *recordings(tmp_path, 30)]
    async with connect() as client:
        async with aai.transcribe_all(client, sources, fail_fast=True, max_uploads=1) as batch:
            with pytest.raises(aai.BatchAbortedError) as caught:
                await batch.collect()
        assert isinstance(caught.value.__cause__, aai.SourceError)
        assert [outcome.index for outcome in caught.value.outcomes] == [6]
        known = {outcome.transcript_id for outcome in caught.value.unfinished}
        assert {job.id for job in server.service.jobs} <= known
        assert len(caught.value.unfinished) <= 8


Leave: TypeAlias = "Callable[[aai.Batch], Awaitable[None]]"


async def _by_break(batch: aai.Batch) -> None:
    async with batch:
        async for _ in batch:
            break


async def _by_exception(batch: aai.Batch) -> None:
    with pytest.raises(OwnError) as caught:
        async with batch:
            await anext(batch)
            raise OwnError
    assert type(caught.value) is OwnError


async def _by_cancel(batch: aai.Batch) -> None:
    with anyio.CancelScope() as scope:
        async with batch:
            await anext(batch)
            scope.cancel()
            await batch.collect()
    assert scope.cancelled_caught


async def _take_one_and_stay(batch: aai.Batch, has_one: anyio.Event) -> None:
    async with batch:
        await anext(batch)
        has_one.set()
        await anyio.sleep_forever()


async def _by_cancel_from_outside(batch: aai.Batch) -> None:
    has_one = anyio.Event()
    async with anyio.create_task_group() as group:
        group.start_soon(_take_one_and_stay, batch, has_one)
        await has_one.wait()
        group.cancel_scope.cancel()
    assert group.cancel_scope.cancelled_caught


async def _by_native_cancel(batch: aai.Batch) -> None:
    has_one = anyio.Event()
    task = asyncio.create_task(_take_one_and_stay(batch, has_one))
    await has_one.wait()
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()


async def _by_timeout(batch: aai.Batch) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(None) as timeout, batch:
            await anext(batch)
            timeout.reschedule(asyncio.get_running_loop().time())
            await asyncio.sleep(60)
    current = asyncio.current_task()
    assert current is not None
    assert current.cancelling() == 0


WAYS: dict[str, Leave] = {
    "break": _by_break,
    "exception": _by_exception,
    "cancel": _by_cancel,
    "cancel-from-outside": _by_cancel_from_outside,
    "native-cancel": _by_native_cancel,
    "timeout": _by_timeout,
}


@pytest.mark.parametrize("way", WAYS)
async def test_a_batch_that_is_left_early_ends_at_once(
    server: FaultServer, connect: Connect, lane: Lane, tmp_path: Path, way: str
) -> None:
    """It leaves no task, knows the ids of its jobs, and the client works as before."""
    if lane.backend == "trio" and way in {"native-cancel", "timeout"}:
        pytest.skip("of asyncio alone")
    tasks = len(asyncio.all_tasks()) if lane.backend == "asyncio" else 0
    server.on("POST /v2/transcript", faults.normal(), *[looks_of_last_job(10**9)] * 100)
    async with connect(timeouts=aai.Timeouts(cancel_grace=0.5)) as client:
        batch = aai.transcribe_all(client, recordings(tmp_path, 100), max_jobs=20, max_uploads=4)
        with anyio.fail_after(60):
            await WAYS[way](batch)
        made = {job.id for job in server.service.jobs}
        taken = made - {outcome.transcript_id for outcome in batch.remaining}
        assert all(job.completed for job in server.service.jobs if job.id in taken)
        assert len(taken) == 1
        await anyio.sleep(0.05)
        assert {job.id for job in server.service.jobs} == made
        if lane.backend == "asyncio":
            # Connections of httpx-aiohttp are no tasks.
            assert len(asyncio.all_tasks()) == tasks
        assert (await client.get(taken.pop())).status == "completed"
    with anyio.fail_after(60):
        while server.open_connections:
            await anyio.sleep(0.01)


@pytest.mark.parametrize("way", ["exception", "cancel-from-outside", "native-cancel", "timeout"])
async def test_a_batch_that_is_left_amid_a_submit_knows_its_job(
    server: FaultServer, connect: Connect, lane: Lane, tmp_path: Path, way: str
) -> None:
    """The answers are waited for, for as long as a parting lasts."""
    if lane.backend == "trio" and way in {"native-cancel", "timeout"}:
        pytest.skip("of asyncio alone")
    server.on("POST /v2/transcript", faults.normal(), *[slow_submit] * 100)
    async with connect(timeouts=aai.Timeouts(cancel_grace=1.0)) as client:
        batch = aai.transcribe_all(client, recordings(tmp_path, 30), max_jobs=20, max_uploads=4)
        await WAYS[way](batch)
    known = {outcome.transcript_id for outcome in batch.remaining}
    assert len(server.service.jobs) > 1
    assert len({job.id for job in server.service.jobs} - known) == 1


@both_loops
async def test_a_submit_that_was_given_up_before_it_was_sent_is_not_looked_for(lane: Lane) -> None:
    """It was about to be sent in that very moment."""

    async def keep(_: object) -> None:
        pytest.fail("there is no answer")

    receipt = ShieldedRequest[object](keep, CancelGrace(5.0))

    async def work() -> object:
        with anyio.CancelScope(shield=True):
            while receipt._scope is None or not receipt._scope.cancel_called:
                await anyio.sleep(0.001)
        # If it says that nothing is to be sent any more, that is as well.
        with contextlib.suppress(Exception):
            receipt.sent()
        await anyio.sleep(10.0)
        pytest.fail("it was not cancelled")

    with anyio.move_on_after(0.05) as scope:
        await receipt.hold(work)
    assert scope.cancelled_caught
    assert not receipt.is_missing


@both_loops
async def test_a_batch_that_is_left_before_anything_happened_sends_nothing(
    server: FaultServer, connect: Connect, tmp_path: Path
) -> None:
    """It was begun, and that is all."""
    async with connect() as client:
        async with aai.transcribe_all(client, recordings(tmp_path, 3)):
            pass
        with anyio.CancelScope() as scope:
            scope.cancel()
            async with aai.transcribe_all(client, recordings(tmp_path, 3)):
                await anyio.sleep(1)
    assert server.requests == []


class Connecting(httpx.AsyncBaseTransport):
    """A service to which each request has to connect anew, as trio does it: in a nursery of its own."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await request.aread()
        if request.method == "GET":
            async with trio.open_nursery() as attempts:
                attempts.start_soon(trio.sleep_forever)
                await trio.sleep_forever()
        if request.url.path == "/v2/upload":
            return httpx.Response(200, json={"upload_url": f"http://cdn.test/{uuid4().hex}"})
        audio_url = json.loads(request.content)["audio_url"]
        return httpx.Response(200, json={"id": uuid4().hex, "status": "queued", "audio_url": audio_url})


@pytest.mark.parametrize("lane", LANES[1:2], ids=lambda lane: lane.name)
async def test_a_batch_that_is_left_as_it_connects_knows_its_jobs(tmp_path: Path, lane: Lane) -> None:
    """On trio, connecting is several tasks, and so is their cancellation."""
    polling = aai.Polling(initial_delay=0.01)
    async with (
        httpx.AsyncClient(transport=Connecting()) as http,
        aai.Client(KEY, base_url="http://127.0.0.1:9", http_client=http, polling=polling) as client,
    ):
        async with aai.transcribe_all(client, recordings(tmp_path, 3)) as batch:
            await anyio.sleep(0.3)
    assert [outcome.index for outcome in batch.remaining] == [0, 1, 2]
    assert all(outcome.transcript_id for outcome in batch.remaining)


@both_loops
async def test_what_had_finished_and_was_not_taken_remains(
    server: FaultServer, connect: Connect, tmp_path: Path
) -> None:
    """With its transcript, beside what was under way."""
    server.on("POST /v2/transcript", *[faults.normal()] * 3, *[looks_of_last_job(10**9)] * 3)
    submitted: list[aai.Event] = []

    def on_event(event: aai.Event) -> None:
        if isinstance(event, aai.Submitted):
            submitted.append(event)

    paths = recordings(tmp_path, 6)
    async with connect() as client:
        async with aai.transcribe_all(client, paths, max_uploads=1, on_event=on_event) as batch:
            first = await anext(batch)
            with anyio.fail_after(60):
                while batch.summary.completed < 3 or len(submitted) < 6:
                    await anyio.sleep(0.01)
    assert [outcome.index for outcome in batch.remaining] == sorted({0, 1, 2, 3, 4, 5} - {first.index})
    assert sum(outcome.transcript is not None for outcome in batch.remaining) == 2
    assert {outcome.stage for outcome in batch.remaining} == {"finished", "submitted"}


@both_loops
async def test_what_was_collected_when_the_time_ran_out_remains(
    server: FaultServer, connect: Connect, tmp_path: Path
) -> None:
    """It was not given to anybody."""
    server.on("POST /v2/transcript", *[faults.normal()] * 3, *[looks_of_last_job(10**9)] * 3)
    async with connect() as client, anyio.create_task_group() as tasks:

        async def end_the_time() -> None:
            while len(server.service.jobs) < 6:
                await anyio.sleep(0.01)
            tasks.cancel_scope.cancel()

        tasks.start_soon(end_the_time)
        async with aai.transcribe_all(client, recordings(tmp_path, 6), max_uploads=1) as batch:
            await batch.collect()
    assert [outcome.index for outcome in batch.remaining] == [0, 1, 2, 3, 4, 5]


@on_asyncio
async def test_an_outcome_that_comes_as_whoever_takes_it_is_cancelled_is_not_lost(
    server: FaultServer, connect: Connect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As by `asyncio.wait_for(anext(batch), ...)`; the next takes it."""
    settle = runner.BatchRunner._settle

    def settle_and_cancel(*arguments: Any) -> None:
        settle(*arguments)
        taking.cancel()

    monkeypatch.setattr(runner.BatchRunner, "_settle", settle_and_cancel)
    (path,) = recordings(tmp_path, 1)
    async with connect() as client, aai.transcribe_all(client, [path]) as batch:
        taking = asyncio.create_task(batch.collect())
        await asyncio.wait([taking])
        outcomes = [] if taking.cancelled() else taking.result()
        outcomes += await batch.collect()
    assert [outcome.index for outcome in (*outcomes, *batch.remaining)] == [0]


@both_loops
async def test_several_may_take_from_one_batch(server: FaultServer, connect: Connect, tmp_path: Path) -> None:
    """Each outcome is given once."""
    taken: list[int] = []

    async with connect() as client, aai.transcribe_all(client, recordings(tmp_path, 20), max_jobs=4) as batch:

        async def take() -> None:
            taken.extend([outcome.index async for outcome in batch])

        async with anyio.create_task_group() as tasks:
            for _ in range(3):
                tasks.start_soon(take)
    assert sorted(taken) == list(range(20))


@both_loops
async def test_two_batches_may_share_a_client(server: FaultServer, connect: Connect, tmp_path: Path) -> None:
    """Each has its own bounds and outcomes."""
    paths = recordings(tmp_path, 20)
    results: list[list[aai.Outcome]] = []

    async with connect() as client:

        async def run(some: list[Path]) -> None:
            async with aai.transcribe_all(client, some, max_jobs=4) as batch:
                results.append(await batch.collect())

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(run, paths[:10])
            tasks.start_soon(run, paths[10:])
    assert [len(outcomes) for outcomes in results] == [10, 10]
    assert all(outcome.transcript for outcomes in results for outcome in outcomes)


@both_loops
async def test_sources_that_are_left_are_closed(server: FaultServer, connect: Connect) -> None:
    """A generator of the caller's gets to its `finally` before the batch is over, be it async or not."""
    closed: list[str] = []

    async def endless() -> AsyncGenerator[str, None]:
        try:
            for number in range(10**6):
                yield f"https://example.com/{number}"
        finally:
            closed.append("async")

    async with connect() as client:
        generator = endless()
        try:
            async with aai.transcribe_all(client, generator, max_jobs=2) as batch:
                await anext(batch)
            assert closed == ["async"]
        finally:
            await generator.aclose()
