"""Whatever a change of the journal raises is a JournalError, and never means that a paid job was not made."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import anyio
import pytest
from fault_server import FaultServer
from lanes import Connect, one_library_of_each_loop

import aai_async as aai
from aai_async._journal import queries
from aai_async._journal.database import Database

pytestmark = pytest.mark.usefixtures("quick_looks")

lane = one_library_of_each_loop


ERRORS: dict[str, Exception] = {
    "no-thread": RuntimeError("can't start new thread"),
    "no-memory": MemoryError(),
    "interface": sqlite3.InterfaceError("bad parameter or other API misuse"),
    "ours": aai.AAIError("No thread could be started.", verdict=aai.RequestState.NOT_SENT),
    "not-found": aai.AAIError("It is not there.", verdict=aai.RequestState.FATAL),
    "unforeseen": LookupError("of a bug"),
}


async def collected(client: aai.Client, sources: list[bytes], path: Path) -> list[aai.Outcome]:
    """Do a batch from its beginning to its end."""
    with anyio.fail_after(60):
        async with aai.transcribe_all(client, sources, journal=path) as batch:
            return await batch.collect()


@pytest.mark.parametrize("kind", ERRORS)
@pytest.mark.parametrize(
    ("change", "submits", "is_failed"),
    [
        ("claim", 0, False),
        ("uploaded", 0, False),
        ("submitting", 0, False),
        ("submitted", 1, False),
        ("done", 1, False),
        ("failed", 1, True),
    ],
)
async def test_whatever_a_change_of_the_journal_raises_ends_the_batch_and_loses_no_job(
    server: FaultServer,
    connect: Connect,
    path: Path,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    change: str,
    submits: int,
    is_failed: bool,
) -> None:
    """The batch ends with a JournalError as its cause; the next one takes up the job that was paid for."""
    server.service.fault_of = lambda _: "No speech." if is_failed else None

    def broken(*_: object, **__: object) -> None:
        raise ERRORS[kind]

    with monkeypatch.context() as context:
        context.setattr(queries, change, broken)
        async with connect() as client:
            with pytest.raises(aai.BatchAbortedError) as caught:
                await collected(client, [b"a recording"], path)
    assert isinstance(caught.value.__cause__, aai.JournalError)
    assert str(path) in str(caught.value.__cause__)
    assert server.count("POST /v2/transcript") == submits
    [outcome] = caught.value.outcomes
    assert outcome.transcript_id == (server.service.jobs[0].id if submits else None)
    assert outcome.stage != "submitting"
    if is_failed:
        assert isinstance(outcome.error, aai.TranscriptError)
        return
    async with connect() as client:
        [outcome] = await collected(client, [b"a recording"], path)
    assert outcome.unwrap().text == "What was said."
    assert len(server.service.jobs) == 1


@pytest.mark.parametrize("kind", ERRORS)
async def test_whatever_the_opening_of_a_journal_raises_is_an_error_of_the_journal(
    server: FaultServer, connect: Connect, path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """Nothing is sent."""

    def broken(*_: object, **__: object) -> None:
        raise ERRORS[kind]

    monkeypatch.setattr(Database, "open", broken)
    async with connect() as client:
        with pytest.raises(aai.JournalError):
            await collected(client, [b"a recording"], path)
    assert server.requests == []
