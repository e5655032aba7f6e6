"""What is erased from a journal is in none of its files afterwards; everything else stays."""

from __future__ import annotations

import contextlib
import random
import sqlite3
import zlib
from pathlib import Path

import anyio
import pytest
from fault_server import FaultServer
from lanes import KEY, Connect, one_library_of_each_loop

import aai_async as aai
from aai_async._journal.compression import DICTIONARY
from aai_async._journal.database import Database, QueuedWrite
from aai_async._journal.queries import claim, done
from aai_async._journal.rows import ItemClaim, Result

RANDOM = random.Random
"""Seeded, so that each run is the same."""

lane = one_library_of_each_loop


def everything(folder: Path) -> bytes:
    """All bytes in the files of a folder."""
    return b"\0".join(one.read_bytes() for one in sorted(folder.iterdir()) if one.is_file())


def stored(number: int, size: int) -> bytes:
    """A result as it is in the database."""
    compressor = zlib.compressobj(zdict=DICTIONARY)
    return compressor.compress(body_of(number, size)) + compressor.flush()


def pieces(number: int, sizes: list[int]) -> list[bytes]:
    """Parts of a result, from all over it, that are in no other result."""
    data = stored(number, sizes[number])
    others = b"".join(stored(other, size) for other, size in enumerate(sizes) if other != number)
    places = range(0, max(1, len(data) - 15), max(1, len(data) // 60))
    found = [data[at : at + 16] for at in places if data[at : at + 16] not in others]
    assert len(found) >= min(len(data) // 32, 30)
    return found


def body_of(number: int, size: int) -> bytes:
    """A reply of the service whose text is compressed little."""
    text = RANDOM(number).randbytes(size // 2).hex()
    return f'{{"id": "id-{number}", "status": "completed", "text": "text-{number}-{text}"}}'.encode()


def filled(path: Path, sizes: list[int]) -> None:
    """Make a journal whose results came in random order, which moves rows from page to page."""
    database = Database(path)
    database.open("http://127.0.0.1:9", aai.Client(KEY)._pipeline.sender.fingerprint)

    def enter(connection: sqlite3.Connection) -> None:
        for number in range(len(sizes)):
            options = f'{{"domain":"domain-{number}"}}'
            claim(connection, ItemClaim((b"key %d" % number,), number, f"secret-{number}.wav", 1, options))
            connection.execute("UPDATE jobs SET transcript_id = ? WHERE id = ?", (f"id-{number}", number + 1))

    database.commit([QueuedWrite(enter)])
    for number in RANDOM(0).sample(range(len(sizes)), len(sizes)):
        result = Result(audio_duration=1.0, warnings=(), missing=(), body=body_of(number, sizes[number]))

        def end(connection: sqlite3.Connection, job: int = number + 1, result: Result = result) -> None:
            done(connection, job, result, 0)

        database.commit([QueuedWrite(end)])
    database.close()


async def names(path: Path) -> list[str]:
    async with aai.Journal.open(path) as journal:
        return [str(outcome.source) async for outcome in journal.outcomes()]


@pytest.mark.parametrize("by", ["source", "id"])
async def test_what_is_forgotten_is_in_no_file_of_the_folder(path: Path, by: str) -> None:
    """Neither its text, of whatever size, nor its name, nor its options; all other texts are there."""
    sizes = [(40, 900, 5_000, 60_000, 500_000)[number % 5] for number in range(40)]
    filled(path, sizes)
    for number in range(0, 40, 8):
        name = f"secret-{number}.wav" if by == "source" else f"id-{number}"
        assert await aai.Journal(path).forget(name) == 1
        left = everything(path.parent)
        assert f"secret-{number}.wav".encode() not in left
        assert f'"id-{number}"'.encode() not in left
        assert f'"domain-{number}"'.encode() not in left
        assert not [piece for piece in pieces(number, sizes) if piece in left]
    async with aai.Journal.open(path) as journal:
        kept = {str(outcome.source): outcome.unwrap().body async for outcome in journal.outcomes()}
    assert kept == {
        f"secret-{number}.wav": body_of(number, sizes[number]) for number in range(40) if number % 8
    }


async def test_what_is_forgotten_is_not_in_the_log_either_while_others_have_the_journal_open(
    path: Path,
) -> None:
    """A reader that waits keeps the log in place, which is empty then."""
    filled(path, [3_000] * 5)
    async with aai.Journal.open(path) as reader:
        await reader.summary()
        await aai.Journal(path).forget("id-3")
        left = everything(path.parent)
        assert not [piece for piece in pieces(3, [3_000] * 5) if piece in left]
        assert (await reader.summary()).completed == 4


async def test_nothing_is_forgotten_while_somebody_reads_what_is_to_go(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would stay in the log; when that is over, the same call does it."""
    filled(path, [3_000] * 5)
    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda *args, **more: connect(*args, **{**more, "timeout": 0.1}))
    with contextlib.closing(connect(path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM results").fetchall()
        with contextlib.closing(connect(path)) as writer, writer:
            writer.execute("UPDATE jobs SET retries = 1")
        with pytest.raises(aai.JournalError, match="another program reads it"):
            await aai.Journal(path).forget("id-3")
    assert len(await names(path)) == 5
    await aai.Journal(path).forget("id-3")
    assert len(await names(path)) == 4


@pytest.mark.parametrize("name", ["call.wav", "./calls/../call.wav", "{folder}/call.wav"])
async def test_a_recording_is_forgotten_with_all_of_its_rows(
    server: FaultServer, connect: Connect, path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """For all options, by any of its paths; and is a new recording then."""
    monkeypatch.chdir(path.parent)
    Path("call.wav").write_bytes(b"a recording")
    german = aai.Options(language_code="de")
    async with connect() as client:
        for options in (None, german):
            async with aai.transcribe_all(client, ["call.wav"], options, journal=path) as batch:
                await batch.collect()
        assert await aai.Journal(path).forget(Path(name.format(folder=path.parent))) == 2
        async with aai.transcribe_all(client, ["call.wav"], journal=path) as batch:
            await batch.collect()
    assert len(server.service.jobs) == 3


async def test_an_address_is_forgotten_with_or_without_its_query(
    server: FaultServer, connect: Connect, path: Path
) -> None:
    """The journal does not keep what lets others in."""
    url = "https://user:word@example.com/call.mp3?signature=secret"
    async with connect() as client:
        for name in (url, "https://example.com/call.mp3"):
            async with aai.transcribe_all(client, [url], journal=path) as batch:
                await batch.collect()
            assert await aai.Journal(path).forget(name) == 1
    assert await names(path) == []


async def test_a_name_that_is_not_in_the_journal_is_an_error_and_nothing_is_removed(path: Path) -> None:
    """All names are checked first; no secret of an address is shown."""
    filled(path, [100] * 3)
    with pytest.raises(aai.JournalError, match=r"Not in the journal .*'typo\.wav'") as caught:
        await aai.Journal(path).forget("id-1", "typo.wav", "https://example.com/x?signature=hidden")
    assert "hidden" not in str(caught.value)
    assert len(await names(path)) == 3


async def test_a_journal_is_needed_to_forget_something(path: Path) -> None:
    """And none is made, nor anything else."""
    with pytest.raises(aai.JournalError, match="There is no journal"):
        await aai.Journal(path).forget("id-1")
    path.write_bytes(b"Minutes of the meeting of May." * 50)
    with pytest.raises(aai.JournalError, match="damaged, or not a journal"):
        await aai.Journal(path).forget("id-1")
    for name in ("", 3):
        with pytest.raises(aai.ConfigError, match="given by its path, URL or transcript id"):
            await aai.Journal(path).forget(name)  # type: ignore[arg-type]


async def test_nothing_is_forgotten_while_a_batch_uses_the_journal(
    server: FaultServer, connect: Connect, path: Path
) -> None:
    """And a batch does not begin while something is forgotten, by the same lock."""
    async with connect() as client:
        async with aai.transcribe_all(client, [b"one"], journal=path) as batch:
            [outcome] = await batch.collect()
            with pytest.raises(aai.JournalLockedError):
                await aai.Journal(path).forget(outcome.transcript_id or "")
        requests = len(server.requests)
        assert await aai.Journal(path).forget(outcome.transcript_id or "") == 1
        assert len(server.requests) == requests
        with anyio.fail_after(60):
            async with aai.transcribe_all(client, [b"one"], journal=path) as batch:
                await batch.collect()
    assert len(server.service.jobs) == 2
