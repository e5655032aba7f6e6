"""A batch over a connection that fails, is slow or is gone for a while."""

from __future__ import annotations

import contextlib
import random
import socket
from collections.abc import AsyncGenerator
from pathlib import Path

import anyio
import anyio.lowlevel
import attrs
import faults
import pytest
from anyio.abc import TaskGroup, TaskStatus
from batches import POLLING, both_loops, check_each_has_its_job, recordings, three_lanes
from batches import connect as connect  # noqa: PLC0414 - a fixture
from fault_server import Exchange, FaultServer
from hearing import Incidents
from lanes import Connect
from verbs import URL

import aai_async as aai

FLAWS = [
    faults.status(503),
    faults.status(503, body=b'{"error": "Busy"}'),
    faults.status(500, processed=True),
    faults.status(504, processed=True),
    faults.status(429, headers={"retry-after": "0.02"}),
    faults.reset_before_body(),
    faults.reset_after_body(processed=True),
    faults.cut_body(),
    faults.html(),
]


@three_lanes
async def test_a_batch_comes_through_where_a_request_of_twenty_fails(
    server: FaultServer, connect: Connect, tmp_path: Path, quick_looks: None
) -> None:
    """All are done, with one job each."""
    paths = recordings(tmp_path, 100)
    chance = random.Random(5)  # noqa: S311 - nothing secret is made of it
    flaws = 0

    async def flaky(exchange: Exchange) -> None:
        nonlocal flaws
        if chance.random() < 0.05:
            flaws += 1
            await chance.choice(FLAWS)(exchange)
        else:
            await exchange.answer()

    server.service.looks_until_done = 2
    server.always("*", flaky)
    async with connect() as client, aai.transcribe_all(client, paths) as batch:
        outcomes = await batch.collect()
    check_each_has_its_job(server, outcomes, paths)
    assert flaws >= 5


async def test_an_outage_of_the_service_is_not_made_worse_by_a_batch(
    server: FaultServer, connect: Connect, tmp_path: Path
) -> None:
    """Everything answers 503: at most 2.2 requests for each file, and an error each."""
    server.always("*", faults.status(503))
    async with connect() as client, aai.transcribe_all(client, recordings(tmp_path, 60)) as batch:
        outcomes = await batch.collect()
    assert len(server.requests) <= 2.2 * 60
    assert len(outcomes) == 60
    for outcome in outcomes:
        assert isinstance(outcome.error, (aai.ServerError, aai.RetryBudgetError))
        assert outcome.stage == "pending"


def _bound(port: int = 0) -> socket.socket:
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    made.bind(("127.0.0.1", port))
    return made


class Link:
    """A TCP connection to the server by a way that is slow, and at times away."""

    def __init__(self, server: FaultServer, tasks: TaskGroup, delay: float, port: int) -> None:
        self._target = int(server.url.rpartition(":")[2])
        self._tasks = tasks
        self._delay = delay
        self._chance = random.Random(6)  # noqa: S311 - nothing secret is made of it
        self._port = port
        self._scope = anyio.CancelScope()

    @classmethod
    @contextlib.asynccontextmanager
    async def to(cls, server: FaultServer, delay: float = 0.0) -> AsyncGenerator[Link, None]:
        if not hasattr(anyio, "wait_readable"):
            pytest.skip("anyio waits for sockets since 4.7")
        # Bound as long as the link is there: no other server gets the port while the link is away.
        with _bound() as kept:
            async with anyio.create_task_group() as tasks:
                link = cls(server, tasks, delay, kept.getsockname()[1])
                await tasks.start(link._listen)
                yield link
                tasks.cancel_scope.cancel()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    async def be_away(self, seconds: float) -> None:
        """Break all connections, and let nobody connect for a while."""
        self.cut()
        await anyio.sleep(seconds)
        await self.restore()

    def cut(self) -> None:
        self._scope.cancel()

    async def restore(self) -> None:
        await self._tasks.start(self._listen)

    async def _listen(self, *, task_status: TaskStatus[None]) -> None:
        # Not by anyio's listener: on asyncio, one that is cancelled may lose what it has accepted just now.
        with anyio.CancelScope() as self._scope, _bound(self._port) as listener:
            listener.listen()
            listener.setblocking(False)
            async with anyio.create_task_group() as forwards:
                task_status.started()
                while True:
                    await anyio.wait_readable(listener)
                    with contextlib.suppress(OSError):
                        forwards.start_soon(self._forward, listener.accept()[0])

    async def _forward(self, near: socket.socket) -> None:
        with near, socket.create_connection(("127.0.0.1", self._target)) as far:
            near.setblocking(False)
            far.setblocking(False)
            async with anyio.create_task_group() as pumps:
                pumps.start_soon(self._pump, near, far, pumps.cancel_scope)
                pumps.start_soon(self._pump, far, near, pumps.cancel_scope)

    async def _pump(self, source: socket.socket, target: socket.socket, scope: anyio.CancelScope) -> None:
        with contextlib.suppress(OSError):
            while piece := await self._received(source):
                if self._delay:
                    await anyio.sleep(2 * self._delay * self._chance.random())
                while piece:
                    await anyio.wait_writable(target)
                    piece = piece[target.send(piece) :]
        scope.cancel()

    async def _received(self, source: socket.socket) -> bytes:
        await anyio.wait_readable(source)
        return source.recv(4096)


@three_lanes
async def test_a_batch_comes_through_a_slow_link(
    server: FaultServer, connect: Connect, tmp_path: Path
) -> None:
    """Of some 400 kB a second for each connection, with a delay that varies."""
    paths = recordings(tmp_path, 20, size=30_000)
    async with Link.to(server, delay=0.01) as link, connect(base_url=link.url) as client:
        async with aai.transcribe_all(client, paths) as batch:
            outcomes = await batch.collect()
    check_each_has_its_job(server, outcomes, paths)


@both_loops
async def test_a_batch_comes_through_replies_that_drip(
    server: FaultServer, connect: Connect, tmp_path: Path
) -> None:
    """Byte by byte, all of them."""
    paths = recordings(tmp_path, 10)
    server.always("POST *", faults.drip(0.002))
    server.always("GET /v2/transcript/*", faults.drip(0.002))
    async with connect() as client, aai.transcribe_all(client, paths) as batch:
        outcomes = await batch.collect()
    check_each_has_its_job(server, outcomes, paths)


@three_lanes
async def test_a_batch_comes_through_an_outage_of_the_link(
    server: FaultServer, connect: Connect, tmp_path: Path
) -> None:
    """Nothing listens for a while, in the midst of it; then all are done, with one job each."""
    paths = recordings(tmp_path, 60)
    server.service.looks_until_done = 4
    async with Link.to(server) as link, connect(base_url=link.url) as client:
        async with aai.transcribe_all(client, paths, max_jobs=12, max_uploads=4) as batch:
            outcomes: list[aai.Outcome] = []
            async for outcome in batch:
                outcomes.append(outcome)
                if len(outcomes) == 5:
                    await link.be_away(0.8)
    check_each_has_its_job(server, sorted(outcomes, key=lambda outcome: outcome.index), paths)


@both_loops
async def test_a_batch_that_begins_without_a_connection_waits_for_one(
    server: FaultServer, connect: Connect, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """One of its items asks for all of them."""
    paths = recordings(tmp_path, 20)
    async with Link.to(server) as link, connect(base_url=link.url) as client:
        link.cut()
        async with aai.transcribe_all(client, [*paths, URL]) as batch:
            with anyio.fail_after(60):
                while "no connection: the batch waits" not in caplog.text:
                    await anyio.sleep(0.01)
            await link.restore()
            outcomes = await batch.collect()
    assert [outcome.error for outcome in outcomes] == [None] * 21
    assert len(server.service.jobs) == 21


@both_loops
async def test_a_submit_that_an_outage_has_cut_is_looked_for_when_it_is_over(
    server: FaultServer, connect: Connect, tmp_path: Path, quick_looks: None
) -> None:
    """However much longer that is than the looks into the list last."""
    paths = recordings(tmp_path, 5)
    async with Link.to(server) as link, connect(base_url=link.url) as client:
        server.on("POST /v2/transcript", *[faults.hang(processed=True)] * 5)
        async with aai.transcribe_all(client, paths) as batch:
            with anyio.fail_after(60):
                while len(server.service.jobs) < 5:
                    await anyio.sleep(0.01)
            await link.be_away(2.0)
            outcomes = await batch.collect()
    check_each_has_its_job(server, outcomes, paths)


@both_loops
async def test_an_outage_that_lasts_too_long_ends_a_batch(
    server: FaultServer, connect: Connect, tmp_path: Path
) -> None:
    """With errors that say so, and all that was made known by its id."""
    paths = recordings(tmp_path, 6)
    server.service.looks_until_done = 10**9
    polling = attrs.evolve(POLLING, unreachable_after=0.5)
    submitted = Incidents()
    async with Link.to(server) as link, connect(base_url=link.url, polling=polling) as client:

        def hear(event: aai.Event) -> None:
            submitted.hear(event)
            if len(submitted) == 3:
                # At once, so that the others are not submitted before.
                link.cut()

        async with aai.transcribe_all(client, paths, max_uploads=1, on_event=hear) as batch:
            with pytest.raises(aai.BatchAbortedError) as caught:
                await batch.collect()
    assert isinstance(caught.value.__cause__, aai.ConnectError | aai.RetryBudgetError)
    outcomes = [*caught.value.outcomes, *caught.value.unfinished]
    assert sorted(outcome.index for outcome in outcomes) == list(range(batch.summary.total))
    for outcome in caught.value.outcomes:
        assert isinstance(
            outcome.error,
            (aai.DeadlineError, aai.ConnectError, aai.RetryBudgetError, aai.AmbiguousSubmitError),
        )
    known = {event.transcript_id for event in submitted if isinstance(event, aai.Submitted)}
    assert known == {outcome.transcript_id for outcome in outcomes} - {None}
