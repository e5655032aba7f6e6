"""What the journal keeps may be large: it is compressed and decoded in threads, and not in the event loop."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest
from fault_server import Exchange, FaultServer, Reply
from lanes import Connect, one_library_of_each_loop

import aai_async as aai
from aai_async._journal import compression, finished_rows, queries
from aai_async._models.whole import WholeReader

pytestmark = pytest.mark.usefixtures("quick_looks")

WORD = b'{"text": "word", "start": 1, "end": 2, "confidence": %s, "speaker": null}'

lane = one_library_of_each_loop


@pytest.fixture
def at_work(monkeypatch: pytest.MonkeyPatch) -> dict[str, set[threading.Thread]]:
    """The threads in which something large was compressed, decompressed or decoded."""
    threads: dict[str, set[threading.Thread]] = {"compressed": set(), "decompressed": set(), "fill": set()}

    def noted(name: str, work: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(work)
        def wrapped(*given: Any) -> Any:
            made = work(*given)
            if any(isinstance(one, bytes) and len(one) > 500_000 for one in (*given, made)):
                threads[name].add(threading.current_thread())
            return made

        return wrapped

    monkeypatch.setattr(queries, "compressed", noted("compressed", compression.compressed))
    for module in (queries, finished_rows):
        monkeypatch.setattr(module, "decompressed", noted("decompressed", compression.decompressed))
    monkeypatch.setattr(WholeReader, "fill", noted("fill", WholeReader.fill))
    return threads


def large(*, has_odd_number: bool) -> Callable[[Exchange], Any]:
    """The reply to a look: a transcript of a few megabytes, with a NaN in it or without."""

    async def fault(exchange: Exchange) -> None:
        await exchange.read_body()
        reply = exchange.process()
        words = b", ".join([WORD % b"0.9"] * 30_000 + [WORD % (b"NaN" if has_odd_number else b"0.1")])
        body = reply.body[:-1] + b', "words": [' + words + b"]}"
        await exchange.send(Reply.of(200, body).render())

    return fault


@pytest.mark.parametrize("has_odd_number", [False, True], ids=["right", "with-a-nan"])
async def test_a_large_result_is_neither_packed_nor_read_in_the_event_loop(
    server: FaultServer,
    connect: Connect,
    path: Path,
    at_work: dict[str, set[threading.Thread]],
    has_odd_number: bool,
) -> None:
    """When it is written, when a batch finds it in the journal, and when the journal is read."""
    server.always("GET /v2/transcript/*", large(has_odd_number=has_odd_number))
    sources = [b"a recording", b"another recording"]
    async with connect() as client:
        for _ in range(2):
            with anyio.fail_after(60):
                async with aai.transcribe_all(client, sources, journal=path) as batch:
                    outcomes = await batch.collect()
            assert [outcome.unwrap().is_done for outcome in outcomes] == [True, True]
    async with aai.Journal.open(path) as journal:
        assert [outcome.unwrap().is_done async for outcome in journal.outcomes()] == [True, True]
    assert all(at_work.values())
    assert threading.current_thread() not in set().union(*at_work.values())


async def test_a_large_result_that_a_duplicate_asks_for_later_is_not_read_in_the_event_loop(
    server: FaultServer, connect: Connect, path: Path, at_work: dict[str, set[threading.Thread]]
) -> None:
    """It is in the journal by then, and nowhere else."""
    server.always("GET /v2/transcript/*", large(has_odd_number=False))
    async with connect() as client:
        with anyio.fail_after(60):
            async with aai.transcribe_all(client, [b"a recording"] * 3, journal=path, max_jobs=1) as batch:
                outcomes = [outcome async for outcome in batch]
    assert [outcome.duplicate_of for outcome in outcomes] == [None, 0, 0]
    assert at_work["decompressed"]
    assert threading.current_thread() not in set().union(*at_work.values())
