"""A journal of embedded servers, whose jobs end with them."""

from __future__ import annotations

from pathlib import Path

import anyio
import pytest

import aai_async as aai
from aai_async.server import LocalServer, ScriptedEngine
from aai_async.server.engine import SpeechRequest

POLLING = aai.Polling(initial_delay=0.01, max_delay=0.05, min_list_interval=0.02)


async def transcribed(
    engine: ScriptedEngine, paths: list[Path], journal: aai.Journal, *, is_left: bool = False
) -> list[aai.Outcome]:
    """Transcribe with a new server; the batch may be left after the first result."""
    async with LocalServer(engine=engine, parallel_jobs=2) as server:
        async with aai.Client(server.key, base_url=server.base_url, polling=POLLING) as client:
            with anyio.fail_after(60):
                async with aai.transcribe_all(client, paths, journal=journal) as batch:
                    outcome = await anext(batch)
                    if is_left:
                        while len(engine.requests) < len(paths):
                            await anyio.sleep(0.01)
                        return [outcome]
                    return [outcome, *await batch.collect()]


async def test_the_next_server_goes_on_with_what_the_last_one_left(tmp_path: Path) -> None:
    """What is completed is taken from the journal; the others start again, with another key and URL."""
    paths = [tmp_path / name for name in ("a.mp3", "b.mp3")]
    for path in paths:
        path.write_text(path.name)
    journal = aai.Journal(tmp_path / "calls.db", of_embedded_server=True)

    async def first(request: SpeechRequest) -> str:
        if Path(request.audio).read_text() == "b.mp3":
            await anyio.sleep_forever()
        return "First."

    (completed,) = await transcribed(ScriptedEngine(first), paths, journal, is_left=True)
    async with aai.Journal.open(journal.path) as opened:
        assert str(await opened.summary()).startswith("1 of 2 completed")
    again = ScriptedEngine("Second.")
    outcomes = await transcribed(again, paths, journal)
    assert {outcome.index: outcome.unwrap().text for outcome in outcomes} == {0: "First.", 1: "Second."}
    assert len(again.requests) == 1
    assert completed.transcript_id in {outcome.transcript_id for outcome in outcomes}


@pytest.mark.parametrize("of_embedded_server", [True, False])
async def test_a_journal_of_the_service_is_no_journal_of_embedded_servers(
    tmp_path: Path, of_embedded_server: bool
) -> None:
    """Nor the other way round: neither knows the jobs of the other."""
    path = tmp_path / "a.mp3"
    path.write_text("sound")
    db = tmp_path / "calls.db"
    first = aai.Journal(db, of_embedded_server=of_embedded_server)
    await transcribed(ScriptedEngine("First."), [path], first)
    with pytest.raises(aai.JournalError, match=r"belongs to .*transcripts of one are unknown"):
        await transcribed(
            ScriptedEngine("Second."), [path], aai.Journal(db, of_embedded_server=not of_embedded_server)
        )
