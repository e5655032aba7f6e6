"""A call that is cancelled ends at once, leaves nothing behind, and loses no id of a job that was made."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any

import anyio
import faults
import httpx
import pytest
from anyio.lowlevel import checkpoint
from cancelling import cancelled_at, cancelled_natively_at, cancelled_once
from descriptors import open_files
from fault_server import Exchange, FaultServer
from lanes import Connect, Lane

import aai_async as aai
from aai_async._transport import pool as connections

Verb = Callable[[aai.Client, Path], Coroutine[Any, Any, object]]

AT_ONCE = 20.0
"""Seconds that a cancelled call takes at the most on a busy machine; what it waited for would take longer."""


async def delete(client: aai.Client, _: Path) -> None:
    # The call before it may have been carried out.
    with contextlib.suppress(aai.NotFoundError):
        await client.delete("known")


async def read_list(client: aai.Client, _: Path) -> list[aai.TranscriptListItem]:
    return [item async for item in client.list()]


VERBS: dict[str, Verb] = {
    "upload": lambda client, path: client.upload(path),
    "submit": lambda client, path: client.submit(path),
    "transcribe": lambda client, path: client.transcribe(path),
    "wait": lambda client, _: client.wait("known"),
    "get": lambda client, _: client.get("known"),
    "list": read_list,
    "sentences": lambda client, _: client.sentences("known"),
    "subtitles": lambda client, _: client.subtitles("known", "srt"),
    "delete": delete,
    "redacted": lambda client, path: client.save_redacted_audio("known", path.with_suffix(".out")),
}


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    path = tmp_path / "call.wav"
    path.write_bytes(b"x" * 100_000)
    return path


async def settled(server: FaultServer, connections: int) -> None:
    """Wait until the server has seen that the others are closed."""
    with anyio.fail_after(60):
        while server.open_connections > connections:
            await anyio.sleep(0.01)


@pytest.mark.parametrize("verb", VERBS)
async def test_a_verb_cancelled_wherever_it_waits_ends_at_once_and_leaves_nothing(
    server: FaultServer, connect: Connect, recording: Path, verb: str
) -> None:
    """At each await of it in turn, until there is none left."""
    async with connect(timeouts=aai.Timeouts(cancel_grace=60)) as client:
        await client.submit("https://example.com/known")
        server.service.jobs[0].id = "known"
        await client.get("known")
        before = open_files()
        count, is_cancelled = 0, True
        while is_cancelled and count < 300:
            count += 1
            server.service.jobs[0].is_deleted = False
            began = time.monotonic()
            is_cancelled = await cancelled_at(count, lambda: VERBS[verb](client, recording))
            assert time.monotonic() - began < AT_ONCE, f"at await {count}"
        assert not is_cancelled
        await client.get("known")
        gc.collect()
        await settled(server, 1)
        assert open_files() <= before + 1
        assert [path.name for path in recording.parent.iterdir() if path.suffix == ".part"] == []
    await settled(server, 0)


async def test_no_id_of_a_job_is_lost_to_a_cancellation(
    server: FaultServer, connect: Connect, recording: Path
) -> None:
    """Wherever the call waits: the handle has the id of every job that was made."""
    known: set[str | None] = set()
    async with connect() as client:
        is_cancelled, count = True, 0
        while is_cancelled and count < 300:
            count, job = count + 1, aai.JobHandle()
            is_cancelled = await cancelled_at(count, lambda job=job: client.submit(recording, job=job))  # type: ignore[misc]
            known.add(job.transcript_id)
            assert job.transcript_id is None or job.upload_url is not None
    assert {made.id for made in server.service.jobs} == known - {None}


@pytest.mark.parametrize("after", [0.0, 0.002, 0.005, 0.01, 0.02, 0.05])
async def test_no_id_of_a_job_is_lost_when_time_runs_out(
    server: FaultServer, connect: Connect, after: float
) -> None:
    """Also in the middle of the request, which the sweep over the awaits does not see."""
    job = aai.JobHandle()
    async with connect() as client:
        with anyio.move_on_after(after):
            await client.submit(b"a recording", job=job)
    assert [made.id for made in server.service.jobs] == ([job.transcript_id] if job.transcript_id else [])


async def slow(exchange: Exchange) -> None:
    await exchange.read_body()
    reply = exchange.process()
    await asyncio.sleep(0.3)
    await exchange.send(reply.render())


async def test_a_submit_that_was_sent_is_answered_before_the_cancellation_goes_on(
    server: FaultServer, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    """The id is on the handle, and in the log for whoever has none."""
    server.on("POST /v2/transcript", slow)
    job = aai.JobHandle()
    async with connect() as client:
        upload_url = await client.upload(b"a recording")
        with anyio.move_on_after(0.1) as scope, caplog.at_level(logging.WARNING, "aai_async"):
            await client.submit(upload_url, job=job)
    assert scope.cancelled_caught
    assert [made.id for made in server.service.jobs] == [job.transcript_id]
    assert f"the job of a cancelled call continues: {job.transcript_id}" in caplog.text


async def test_a_submit_that_is_never_answered_is_waited_for_no_longer_than_that(
    server: FaultServer, connect: Connect
) -> None:
    """Whoever cancels wants to go on."""
    server.on("POST /v2/transcript", faults.hang(processed=True))
    async with connect(timeouts=aai.Timeouts(cancel_grace=0.2)) as client:
        upload_url = await client.upload(b"a recording")
        began = time.monotonic()
        with anyio.move_on_after(0.1):
            await client.submit(upload_url)
    assert 0.25 < time.monotonic() - began < AT_ONCE


async def test_a_submit_that_was_not_sent_is_given_up_at_once(server: FaultServer, connect: Connect) -> None:
    """Nothing can be lost."""
    server.always(
        "POST /v2/transcript", faults.status(503, body=b'{"error": "Busy"}', headers={"retry-after": "30"})
    )
    async with connect() as client:
        upload_url = await client.upload(b"a recording")
        began = time.monotonic()
        with anyio.move_on_after(0.2):
            await client.submit(upload_url)
    assert time.monotonic() - began < AT_ONCE
    assert server.service.jobs == []


async def test_a_look_up_that_is_cancelled_looks_once_more(server: FaultServer, connect: Connect) -> None:
    """The job may be made and paid for."""
    server.service.listing_lag = 0.3
    server.on("POST /v2/transcript", faults.reset_after_body(processed=True))
    job = aai.JobHandle()
    async with connect() as client:
        upload_url = await client.upload(b"a recording")
        # The first looks are after 0.2 and 0.7 seconds.
        with anyio.move_on_after(0.5):
            await client.submit(upload_url, job=job)
    assert [made.id for made in server.service.jobs] == [job.transcript_id]


@pytest.mark.parametrize("stage", ["submit", "wait"])
async def test_the_job_of_a_cancelled_call_can_be_deleted(
    server: FaultServer, connect: Connect, stage: str
) -> None:
    """For whoever wants nothing of it any more."""
    server.service.looks_until_done = 10**9
    if stage == "submit":
        server.on("POST /v2/transcript", slow)
    call = anyio.CancelScope()

    async def cancel_in_that_stage() -> None:
        while not server.count("POST /v2/transcript" if stage == "submit" else "GET *"):
            await anyio.sleep(0.01)
        call.cancel()

    async with connect() as client, anyio.create_task_group() as tasks:
        tasks.start_soon(cancel_in_that_stage)
        with call:
            await client.transcribe(b"a recording", on_cancel="delete")
    assert [job.is_deleted for job in server.service.jobs] == [True]


async def test_the_job_of_an_earlier_call_is_not_deleted_with_a_later_one(
    server: FaultServer, connect: Connect
) -> None:
    """A handle that is used again forgets what it had."""
    job = aai.JobHandle()
    async with connect() as client:
        await client.transcribe(b"a recording", job=job)
        server.on("POST /v2/upload", faults.hang())
        with anyio.move_on_after(0.1):
            await client.transcribe(b"another", job=job, on_cancel="delete")
    assert [made.is_deleted for made in server.service.jobs] == [False]
    assert job == aai.JobHandle()


async def test_a_job_that_cannot_be_deleted_is_told_of(
    server: FaultServer, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    """It goes on."""
    server.service.looks_until_done = 10**9
    server.always("DELETE *", faults.status(401))
    async with connect() as client:
        with caplog.at_level(logging.WARNING, "aai_async"):
            async with cancelled_once(lambda: server.service.jobs):
                await client.transcribe(b"a recording", on_cancel="delete")
    assert "could not be deleted" in caplog.text
    assert server.service.jobs[0].id in caplog.text


async def test_what_is_to_become_of_a_job_is_one_of_two_words(connect: Connect, server: FaultServer) -> None:
    """A typing error must not be found out by a bill."""
    async with connect() as client:
        with pytest.raises(aai.ConfigError, match="on_cancel must be 'keep' or 'delete', not 'drop'"):
            await client.transcribe(b"a recording", on_cancel="drop")  # type: ignore[arg-type]
    assert server.requests == []


async def test_thousands_of_cancelled_calls_leave_a_client_that_works(
    server: FaultServer, connect: Connect
) -> None:
    """No slot of a pool and no socket is lost, whichever turn of the event loop the cancellation hits."""
    async with connect() as client:
        job = await client.submit("https://example.com/call.mp3")
        before = open_files()
        for number in range(100):
            async with anyio.create_task_group() as tasks:
                for _ in range(10 if number % 2 else 50):
                    tasks.start_soon(client.get, job.id)
                for _ in range(number % 40):
                    await checkpoint()
                tasks.cancel_scope.cancel()
        assert (await client.get(job.id)).id == job.id
        gc.collect()
        # Those of the last round that were not cancelled in time are kept for the next.
        await settled(server, connections._MAX_IN_FLIGHT)
        # Both ends are in this process.
        assert open_files() <= before + 2 * connections._MAX_IN_FLIGHT
    await settled(server, 0)


async def test_httpx_itself_loses_a_slot_with_a_cancelled_call(server: FaultServer, lane: Lane) -> None:
    """Why a client of ours is retired then (encode/httpcore#1093); once this fails, it need not be."""
    if lane.library != "httpx":
        pytest.skip("the others have mended it")
    limits = httpx.Limits(max_connections=10)
    async with httpx.AsyncClient(limits=limits, timeout=httpx.Timeout(30, pool=1)) as client:
        with pytest.raises(httpx.PoolTimeout):
            # Which moment of a call loses the slot depends on the machine, so each is tried many times.
            for number in range(1000):
                async with anyio.create_task_group() as tasks:
                    for _ in range(20):
                        tasks.start_soon(client.get, f"{server.url}/v2/transcript")
                    for _ in range(number % 30):
                        await checkpoint()
                    tasks.cancel_scope.cancel()
                if number % 30 == 29:
                    await client.get(f"{server.url}/v2/transcript")


async def test_a_client_that_was_given_is_not_closed_by_a_cancelled_call(
    server: FaultServer, connect: Connect, lane: Lane
) -> None:
    """It is the caller's, and may be used elsewhere."""
    given = lane.new_client()
    async with given, connect(http_client=given) as client:
        server.on("GET *", faults.hang())
        with anyio.move_on_after(0.1):
            await client.get("known")
        with pytest.raises(aai.NotFoundError):
            await client.get("unknown")
        assert not given.is_closed


async def test_a_call_beside_a_cancelled_one_comes_to_its_end(server: FaultServer, connect: Connect) -> None:
    """The client that both use is closed when the last has done with it."""
    server.on("POST /v2/transcript", slow)
    async with connect() as client:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(client.submit, b"a recording")
            with anyio.fail_after(60):
                while not server.service.jobs:
                    await anyio.sleep(0.01)
            server.on("GET *", faults.hang())
            with anyio.move_on_after(0.05):
                await client.get("known")
    assert server.count("POST /v2/transcript") == 1
    await settled(server, 0)


async def test_a_handshake_that_is_cancelled_leaves_no_socket(lane: Lane) -> None:
    """The connection belongs to nobody then."""
    with FaultServer() as silent:
        # It waits for a request, and never answers what begins a handshake.
        url = silent.url.replace("http://", "https://")
        async with aai.Client("a-key-for-tests", base_url=url, http_client=lane.make) as client:
            before = open_files()
            for _ in range(5):
                with anyio.move_on_after(0.1):
                    await client.get("known")
            gc.collect()
            await settled(silent, 0)
            assert open_files() <= before


async def lost_late(exchange: Exchange) -> None:
    await exchange.read_body()
    exchange.process()
    await asyncio.sleep(0.3)
    exchange.reset()


async def test_an_answer_that_is_lost_after_the_cancellation_is_looked_for(
    server: FaultServer, connect: Connect
) -> None:
    """As long as the parting lasts."""
    server.on("POST /v2/transcript", lost_late)
    job = aai.JobHandle()
    async with connect() as client:
        upload_url = await client.upload(b"a recording")
        with anyio.move_on_after(0.1):
            await client.submit(upload_url, job=job)
    assert [made.id for made in server.service.jobs] == [job.transcript_id]


async def test_a_list_that_fails_after_the_cancellation_is_read_again(
    server: FaultServer, connect: Connect
) -> None:
    """As before it: one reading that fails does not end the search."""
    server.on("POST /v2/transcript", lost_late)
    server.on("GET /v2/transcript", faults.status(500), faults.reset_before_body())
    job = aai.JobHandle()
    async with connect(retry=aai.Retry(attempts=1), timeouts=aai.Timeouts(cancel_grace=30.0)) as client:
        upload_url = await client.upload(b"a recording")
        with anyio.move_on_after(0.1):
            await client.submit(upload_url, job=job)
    assert [made.id for made in server.service.jobs] == [job.transcript_id]


async def test_a_job_that_is_not_found_at_the_parting_is_told_of(
    server: FaultServer, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    """With the address that it may have been made of, and no query."""
    server.on("POST /v2/transcript", faults.hang())
    async with connect(timeouts=aai.Timeouts(cancel_grace=0.3)) as client:
        with caplog.at_level(logging.WARNING, "aai_async"):
            async with cancelled_once(lambda: server.count("POST /v2/transcript")):
                await client.submit("https://example.com/call.mp3?signature=secret")
    assert "may have created a job of https://example.com/call.mp3" in caplog.text
    assert "secret" not in caplog.text


async def test_a_job_is_deleted_also_where_all_places_for_requests_are_taken(
    server: FaultServer, connect: Connect
) -> None:
    """What is urgent waits for nobody."""
    server.service.looks_until_done = 10**9
    async with connect() as client:
        job = await client.submit(b"a recording")
        server.always("GET */sentences", faults.hang())
        async with anyio.create_task_group() as tasks:
            for _ in range(20):
                tasks.start_soon(client.sentences, job.id)
            await anyio.sleep(0.05)
            with anyio.move_on_after(0.05):
                await client.wait(job.id, on_cancel="delete")
            tasks.cancel_scope.cancel()
    assert server.service.jobs[0].is_deleted


async def test_all_that_is_done_at_a_parting_has_one_bound(server: FaultServer, connect: Connect) -> None:
    """To learn the id and to delete the job, together."""
    server.on("POST /v2/transcript", slow)
    server.always("DELETE *", faults.hang())
    async with connect(timeouts=aai.Timeouts(cancel_grace=0.5)) as client:
        upload_url = await client.upload(b"a recording")
        began = time.monotonic()
        with anyio.move_on_after(0.1):
            await client.submit(upload_url, on_cancel="delete")
    assert time.monotonic() - began < AT_ONCE


async def test_a_recording_that_comes_slowly_holds_up_no_other_call(
    server: FaultServer, connect: Connect
) -> None:
    """Nor does one that needs another call to go on."""
    async with connect() as client:
        job = await client.submit(b"a recording")

        async def slowly() -> AsyncIterator[bytes]:
            yield b"half"
            await client.get(job.id)
            yield b"half"

        with anyio.fail_after(30):
            async with anyio.create_task_group() as tasks:
                for _ in range(40):
                    tasks.start_soon(client.upload, slowly())
    assert server.count("POST /v2/upload") == 41


async def test_a_client_that_takes_long_to_close_does_not_hold_a_cancellation_up(
    server: FaultServer, lane: Lane
) -> None:
    """It has half a second."""

    class Slow(httpx.AsyncHTTPTransport):
        async def aclose(self) -> None:
            await anyio.sleep(120)

    server.always("GET *", faults.hang())
    client = aai.Client("a-key", base_url=server.url, http_client=lambda: httpx.AsyncClient(transport=Slow()))
    await client.__aenter__()
    began = time.monotonic()
    with anyio.move_on_after(0.1):
        await client.get("known")
    assert time.monotonic() - began < AT_ONCE


async def endless() -> AsyncIterator[bytes]:
    while True:
        yield b"x" * 1000
        await anyio.sleep(0.001)


async def test_an_upload_that_is_cancelled_closes_its_connection(
    server: FaultServer, connect: Connect
) -> None:
    """And leaves the stream of the caller to the caller."""
    async with connect() as client:
        with anyio.move_on_after(0.2):
            await client.upload(endless())
        await settled(server, 0)
    assert server.service.uploads == {}


class TestOfAsyncio:
    """Cancellations that come from asyncio itself, which go through every shield of the task they hit."""

    @pytest.fixture
    def lane(self) -> Lane:
        return Lane("httpx", "asyncio", None)

    @pytest.mark.parametrize("times", [1, 2, 5])
    async def test_an_id_is_not_lost_however_often_a_task_is_cancelled(
        self, server: FaultServer, connect: Connect, times: int
    ) -> None:
        """The cancellation is held back, and raised in the end."""
        server.on("POST /v2/transcript", slow)
        job = aai.JobHandle()
        async with connect() as client:
            upload_url = await client.upload(b"a recording")
            task = asyncio.create_task(client.submit(upload_url, job=job))
            while not server.service.jobs:
                await asyncio.sleep(0.01)
            for _ in range(times):
                task.cancel()
                await asyncio.sleep(0.01)
            with pytest.raises(asyncio.CancelledError):
                await task
        assert [made.id for made in server.service.jobs] == [job.transcript_id]

    async def test_a_timeout_of_asyncio_stays_one(self, server: FaultServer, connect: Connect) -> None:
        """And the id is there for whoever catches it."""
        server.on("POST /v2/transcript", slow)
        job = aai.JobHandle()

        async def expire(limit: asyncio.Timeout) -> None:
            while not server.service.jobs:
                await asyncio.sleep(0.01)
            limit.reschedule(0.0)

        async with connect() as client:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(AT_ONCE) as limit:
                    watching = asyncio.create_task(expire(limit))
                    await client.transcribe(b"a recording", job=job)
            await watching
        assert [made.id for made in server.service.jobs] == [job.transcript_id]

    @pytest.mark.parametrize("verb", VERBS)
    async def test_a_task_cancelled_wherever_it_waits_ends_at_once_and_leaves_nothing(
        self, server: FaultServer, connect: Connect, recording: Path, verb: str
    ) -> None:
        """Where httpx alone would lose a socket."""
        async with connect(timeouts=aai.Timeouts(cancel_grace=60)) as client:
            await client.submit("https://example.com/known")
            server.service.jobs[0].id = "known"
            before = open_files()
            for count in range(1, 100):
                began = time.monotonic()
                is_cancelled = await cancelled_natively_at(count, lambda: VERBS[verb](client, recording))
                assert time.monotonic() - began < AT_ONCE, f"at await {count}"
                if not is_cancelled:
                    break
            server.service.jobs[0].is_deleted = False
            await client.get("known")
            gc.collect()
            await settled(server, 1)
            assert open_files() <= before + 1
        await settled(server, 0)

    @pytest.mark.parametrize("turns", range(0, 60, 3))
    async def test_a_task_that_is_cancelled_twice_leaves_nothing(
        self, server: FaultServer, connect: Connect, recording: Path, turns: int
    ) -> None:
        """At whichever turn of the event loop, and again while it cleans up."""
        async with connect() as client:
            task = asyncio.create_task(client.transcribe(recording))
            for _ in range(turns):
                await asyncio.sleep(0.0005)
            for _ in range(2):
                task.cancel()
                await asyncio.sleep(0)
            await asyncio.wait([task])
            assert task.cancelled() or task.exception() is None
        await settled(server, 0)
        assert [task for task in asyncio.all_tasks() if "aai_async" in repr(task.get_coro())] == []
