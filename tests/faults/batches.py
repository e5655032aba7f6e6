"""What the tests of batches share."""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import TypeAlias

import faults
import pytest
from fault_server import Exchange, Fault, FaultServer
from lanes import LANES, Connect

import aai_async as aai

POLLING = aai.Polling(initial_delay=0.01, max_delay=0.05, min_list_interval=0.02)


Audios: TypeAlias = "list[aai.Audio]"


Pairs: TypeAlias = "list[aai.Audio | tuple[aai.Audio, aai.Options | None]]"


GONE = faults.status(403, body=b'{"error": "Cannot access uploaded file"}')


both_loops = pytest.mark.parametrize("lane", LANES[:2], ids=lambda lane: lane.name)
"""For what the library below has no part in."""


three_lanes = pytest.mark.parametrize("lane", [LANES[0], LANES[3], LANES[4]], ids=lambda lane: lane.name)
"""Each library once, and both event loops, for what takes long."""


on_asyncio = pytest.mark.parametrize("lane", LANES[:1], ids=lambda lane: lane.name)


@pytest.fixture
def connect(connect: Connect) -> Connect:
    """Make clients that look into the list often, too."""
    return functools.partial(connect, polling=POLLING)


def recordings(folder: Path, count: int, size: int = 100) -> list[Path]:
    paths = [folder / f"{number}.wav" for number in range(count)]
    for number, path in enumerate(paths):
        path.write_bytes(b"recording %d " % number + b"x" * size)
    return paths


def sent_for(server: FaultServer, outcome: aai.Outcome) -> bytes:
    """Give what the job of an outcome was made of."""
    job = next(job for job in server.service.jobs if job.id == outcome.transcript_id)
    return server.service.uploads.get(job.audio_url, job.audio_url.encode())


def check_each_has_its_job(server: FaultServer, outcomes: Iterable[aai.Outcome], paths: list[Path]) -> None:
    """Make sure that each file has a transcript, which is its own, of the one job that was made of it."""
    outcomes = list(outcomes)
    assert [outcome.index for outcome in outcomes] == list(range(len(paths)))
    assert [outcome.error for outcome in outcomes] == [None] * len(paths)
    assert [sent_for(server, outcome) for outcome in outcomes] == [path.read_bytes() for path in paths]
    assert [outcome.unwrap().id for outcome in outcomes] == [outcome.transcript_id for outcome in outcomes]
    assert len(server.service.jobs) == len(paths)


class Census:
    """How much was under way at the service at any time, by the kind of request."""

    def __init__(self, server: FaultServer) -> None:
        self._server = server
        self._now = Counter[str]()
        self.most = Counter[str]()
        self.held_until = Counter[str]()
        """No request of a kind is answered before so many were under way at once, or for 20 s."""

    def of(self, kind: str, pause: float = 0.0) -> Fault:
        async def fault(exchange: Exchange) -> None:
            self._now[kind] += 1
            self._note(kind, self._now[kind])
            try:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(20):
                        while self.most[kind] < self.held_until[kind]:
                            await asyncio.sleep(0.01)
                await asyncio.sleep(pause)
                await exchange.read_body()
                reply = exchange.process()
            finally:
                # Before the response is sent: with it, the client may send its next request.
                self._now[kind] -= 1
            await exchange.send(reply.render())
            self._note("jobs", sum(job.completed is None for job in self._server.service.jobs))
            self._note("connections", self._server.open_connections)

        return fault

    def _note(self, kind: str, count: int) -> None:
        self.most[kind] = max(self.most[kind], count)


def looks_of_last_job(count: int) -> Fault:
    """Make a job that is done after so many more looks."""

    async def fault(exchange: Exchange) -> None:
        await exchange.read_body()
        reply = exchange.process()
        exchange.service.jobs[-1].looks = -count
        await exchange.send(reply.render())

    return fault


class OwnError(Exception):
    """Of the block."""
