"""A cancellation of asyncio's own, or its timeout, is never swallowed, at whichever turn it comes."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import anyio
import faults
import pytest
from cancelling import requested_natively_at
from fault_server import FaultServer
from lanes import LANES, Connect

import aai_async as aai

pytestmark = pytest.mark.parametrize(
    "lane", [lane for lane in LANES if lane.backend == "asyncio"], ids=lambda lane: lane.name
)

Call = Callable[[], Coroutine[Any, Any, object]]

QUICK = aai.Timeouts(connect=5.0, stall=0.02, reply=0.02, cancel_grace=0.2)

MOST = 400
"""Awaits of a call, at the most."""


async def sweep(make: Call) -> None:
    """Cancel a call at each of its awaits in turn, until it comes to its end before."""
    for count in range(1, MOST):
        was_requested, task = await requested_natively_at(count, make)
        assert task.cancelled() or not was_requested, f"at await {count}: {task!r}"
        if not was_requested:
            return
    pytest.fail("the call has no end")


FAULTS = {
    "silent": faults.hang,
    "dripping": faults.drip_forever,
    "reset": faults.reset_after_body,
    "reset in the reply": faults.reset_in_reply_body,
    "500": lambda: faults.status(500),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("verb", ["get", "upload", "list", "delete"])
async def test_a_call_whose_attempts_fail_is_cancelled_at_each_await(
    server: FaultServer, connect: Connect, verb: str, fault: str
) -> None:
    """Also while the HTTP client of an attempt that was broken off is closed, and between two attempts."""

    async def read_list(client: aai.Client) -> None:
        async for _ in client.list():
            pass

    # By a client without those timeouts, which a submit on a busy machine may exceed.
    async with connect() as patient:
        job = await patient.submit("https://example.com/call.mp3")
    async with connect(timeouts=QUICK) as client:
        calls: dict[str, Call] = {
            "get": lambda: client.get(job.id),
            "upload": lambda: client.upload(b"a recording"),
            "list": lambda: read_list(client),
            "delete": lambda: client.delete(job.id),
        }

        async def call() -> None:
            server.on("* *", FAULTS[fault]())
            await calls[verb]()

        await sweep(call)


async def test_a_wait_that_misses_is_cancelled_at_each_await(server: FaultServer, connect: Connect) -> None:
    """Its polls end by time, and those of the list."""
    # By a client without those timeouts, which a submit on a busy machine may exceed.
    async with connect() as patient:
        job = await patient.submit("https://example.com/call.mp3")
    async with connect(timeouts=QUICK) as client:

        async def wait() -> None:
            server.service.jobs[0].looks = -1
            server.on("GET *", faults.hang())
            await client.wait(job.id)

        await sweep(wait)


async def test_a_timeout_as_long_as_that_of_an_attempt_is_raised(
    server: FaultServer, connect: Connect
) -> None:
    """Both come in the same turns of the event loop, and the call does not go on after it."""
    server.always("GET *", faults.hang())
    async with connect(timeouts=QUICK) as client:
        for number in range(60):
            with pytest.raises(TimeoutError) as caught:
                async with asyncio.timeout(QUICK.reply + (number - 30) * 1e-4):
                    await client.get("known")
            assert not isinstance(caught.value, aai.AAIError)
            current = asyncio.current_task()
            assert current is not None
            assert current.cancelling() == 0


async def test_a_call_beside_one_that_was_cancelled_is_cancelled_at_each_await(
    server: FaultServer, connect: Connect
) -> None:
    """The client that both use is closed by the last, which nothing has broken off."""
    # By a client without those timeouts, which a submit on a busy machine may exceed.
    async with connect() as patient:
        job = await patient.submit("https://example.com/call.mp3")
    async with connect(timeouts=QUICK) as client:

        async def beside() -> None:
            async with asyncio.TaskGroup() as tasks:
                server.on("GET *", faults.hang())
                broken_off = tasks.create_task(client.get(job.id))
                await asyncio.sleep(0)
                broken_off.cancel()
                await client.get(job.id)

        await sweep(beside)


class OwnError(Exception):
    """Of the block of a batch."""


@pytest.mark.parametrize("with_journal", [True, False], ids=["journal", "no-journal"])
@pytest.mark.parametrize("end", ["finished", "left", "failed"])
async def test_a_batch_is_cancelled_at_each_await(
    server: FaultServer, connect: Connect, tmp_path: Path, end: str, with_journal: bool
) -> None:
    """As it opens, waits, is left and closes; also where the block has failed. The journal is free again."""
    journal = tmp_path / "calls.db" if with_journal else None
    if end != "finished":
        server.always("GET *", faults.hang())
    async with connect(timeouts=aai.Timeouts(cancel_grace=0.1)) as client:

        async def batch() -> None:
            async with aai.transcribe_all(client, [b"1", b"2"], journal=journal) as batch:
                if end == "finished":
                    await batch.collect()
                elif end == "failed":
                    await anyio.sleep(0.01)
                    raise OwnError
            await asyncio.sleep(0)

        async def call() -> None:
            with contextlib.suppress(OwnError):
                await batch()

        await sweep(call)


async def test_a_recording_that_is_saved_is_cancelled_at_each_await(
    server: FaultServer, connect: Connect, tmp_path: Path
) -> None:
    """In its threads, too; and nothing is left of the file."""
    async with connect(timeouts=aai.Timeouts(cancel_grace=0.2)) as client:
        job = await client.submit("https://example.com/call.mp3")

        async def save() -> None:
            await client.save_redacted_audio(job.id, tmp_path / "masked.mp3")

        await sweep(save)
    assert [path.name for path in tmp_path.iterdir()] == ["masked.mp3"]
