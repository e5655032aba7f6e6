"""What it costs to run a finished batch again: no request, and few questions to its journal."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from batches import both_loops
from batches import connect as connect  # noqa: PLC0414 - a fixture
from fault_server import FaultServer
from lanes import Connect

import aai_async as aai
from aai_async._concurrency import threads


@both_loops
async def test_a_finished_batch_is_read_with_one_question_for_each_item(
    server: FaultServer, connect: Connect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its row is found, claimed and read at once, by the thread of the journal, and decoded in no other."""
    urls = [f"https://example.com/{number}.mp3" for number in range(50)]
    journal = tmp_path / "batch.journal"
    async with connect() as client, aai.transcribe_all(client, urls, journal=journal) as batch:
        first = await batch.collect()
    requests = len(server.requests)
    questions = 0
    do, give = threads.OneThread.do, threads._give

    async def counted(thread: threads.OneThread, work: Callable[[], object]) -> object:
        nonlocal questions
        questions += 1
        return await do(thread, work)

    async with connect() as client:
        monkeypatch.setattr(threads.OneThread, "do", counted)
        monkeypatch.setattr(threads, "_give", pytest.fail)
        async with aai.transcribe_all(client, urls, journal=journal) as batch:
            second = await batch.collect()
        monkeypatch.setattr(threads, "_give", give)
    assert [one.unwrap().body for one in second] == [one.unwrap().body for one in first]
    assert len(server.requests) == requests
    # And a few to open and to close it.
    assert questions <= len(urls) + 10
