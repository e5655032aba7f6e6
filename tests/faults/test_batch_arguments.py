"""What a batch refuses at the call, and how it is used."""

from __future__ import annotations

import contextlib
import io
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from batches import Audios, both_loops, on_asyncio, recordings
from batches import connect as connect  # noqa: PLC0414 - a fixture
from fault_server import FaultServer
from lanes import KEY, Connect
from verbs import URL

import aai_async as aai

NO_LISTS: dict[str, Callable[[Path], Any]] = {
    "str": lambda _: "call.mp3",
    "bytes": lambda _: b"a recording",
    "bytearray": lambda _: bytearray(b"a recording"),
    "memoryview": lambda _: memoryview(b"a recording"),
    "path": lambda folder: folder / "call.mp3",
    "bytes-io": lambda _: io.BytesIO(b"a recording"),
    "dict": lambda _: {"call.mp3": aai.Options()},
    "int": lambda _: 7,
    "none": lambda _: None,
    "options": lambda _: aai.Options(),
}


@both_loops
@pytest.mark.parametrize("kind", NO_LISTS)
async def test_what_is_no_list_of_recordings_is_refused_at_the_call(
    server: FaultServer, connect: Connect, tmp_path: Path, kind: str
) -> None:
    """A single recording most of all, whose letters would be taken for paths."""
    async with connect() as client:
        with pytest.raises(aai.ConfigError, match="recording"):
            aai.transcribe_all(client, NO_LISTS[kind](tmp_path))
    assert server.requests == []


@on_asyncio
async def test_an_open_file_is_refused_at_the_call(
    server: FaultServer, connect: Connect, tmp_path: Path
) -> None:
    """It is an iterable of lines to Python."""
    (path,) = recordings(tmp_path, 1)
    async with connect() as client:
        with path.open("rb") as file, pytest.raises(aai.ConfigError, match="many recordings"):
            aai.transcribe_all(client, file)
        async with await anyio.open_file(path, "rb") as opened:
            with pytest.raises(aai.ConfigError, match="many recordings"):
                aai.transcribe_all(client, opened)


@on_asyncio
@pytest.mark.parametrize("bound", ["max_jobs", "max_uploads"])
@pytest.mark.parametrize("value", [0, -1, True, "8", 1.5, float("inf")])
async def test_a_bound_is_a_whole_number_from_one(connect: Connect, bound: str, value: Any) -> None:
    """Told at the call, with its name."""
    async with connect() as client:
        with pytest.raises(aai.ConfigError, match=f"{bound} must be a whole number from 1"):
            aai.transcribe_all(client, [URL], **{bound: value})


@on_asyncio
@pytest.mark.parametrize("options", [{"speaker_labels": True}, "nano", (), aai.Options])
async def test_options_are_options(connect: Connect, options: Any) -> None:
    """Told at the call."""
    async with connect() as client:
        with pytest.raises(aai.ConfigError, match=r"options must be aai\.Options"):
            aai.transcribe_all(client, [URL], options)


@on_asyncio
@pytest.mark.parametrize("client", [None, KEY, aai.Client])
async def test_a_client_is_a_client(client: Any) -> None:
    """Told at the call."""
    with pytest.raises(aai.ConfigError, match=r"client must be aai\.Client"):
        aai.transcribe_all(client, [URL])


async def awaited_listener(_: aai.Event) -> None:
    """Be no function that is called."""


@on_asyncio
@pytest.mark.parametrize("on_event", [7, "print", awaited_listener])
async def test_a_listener_is_a_function(connect: Connect, on_event: Any) -> None:
    """Told at the call."""
    async with connect() as client:
        with pytest.raises(aai.ConfigError, match="on_event must be a function"):
            aai.transcribe_all(client, [URL], on_event=on_event)


@on_asyncio
@pytest.mark.parametrize("journal", [7, True, ["calls.db"], object()])
async def test_a_journal_is_a_path_or_a_journal(connect: Connect, journal: Any) -> None:
    """Told at the call."""
    async with connect() as client:
        with pytest.raises(aai.ConfigError, match="journal"):
            aai.transcribe_all(client, [URL], journal=journal)


@both_loops
async def test_a_client_that_is_not_open_begins_no_batch(server: FaultServer, connect: Connect) -> None:
    """Before it was opened, and when it is closed."""
    client = connect()
    with pytest.raises(aai.ConfigError, match="not open"):
        async with aai.transcribe_all(client, [URL]):
            pytest.fail("it has begun")
    async with client:
        pass
    with pytest.raises(aai.ConfigError, match="not open"):
        async with aai.transcribe_all(client, [URL]):
            pytest.fail("it has begun")
    assert server.requests == []


@both_loops
async def test_a_batch_is_used_once_and_inside_its_block(server: FaultServer, connect: Connect) -> None:
    """It says so before, and when it is used again."""
    async with connect() as client:
        batch = aai.transcribe_all(client, [URL])
        for use in (batch.stop, lambda: batch.summary, lambda: batch.remaining):
            with pytest.raises(aai.ConfigError, match="has not been started"):
                use()
        with pytest.raises(aai.ConfigError, match="has not been started"):
            await anext(batch)
        with pytest.raises(aai.ConfigError, match="has not been started"):
            await batch.collect()
        async with batch:
            assert len(await batch.collect()) == 1
        with pytest.raises(aai.ConfigError, match="started before"):
            async with batch:
                pytest.fail("it has begun again")
    assert len(server.service.jobs) == 1


@both_loops
async def test_a_batch_whose_block_was_left_gives_nothing_more(server: FaultServer, connect: Connect) -> None:
    """Or says so; and no error of another library gets out."""
    async with connect() as client:
        async with aai.transcribe_all(client, [URL]) as batch:
            pass
        with contextlib.suppress(aai.AAIError):
            assert await batch.collect() == []


@both_loops
async def test_a_batch_that_is_done_stays_so(server: FaultServer, connect: Connect) -> None:
    """Whoever asks again is told again."""
    async with connect() as client, aai.transcribe_all(client, [URL]) as batch:
        assert len(await batch.collect()) == 1
        assert await batch.collect() == []
        with pytest.raises(StopAsyncIteration):
            await anext(batch)
        batch.stop()


async def no_items() -> AsyncIterator[bytes]:
    nothing: Audios = []
    for _ in nothing:
        yield b""


@both_loops
@pytest.mark.parametrize(
    "make", [list, tuple, set, lambda: iter(()), no_items], ids=["list", "tuple", "set", "iterator", "async"]
)
async def test_no_recordings_are_no_outcomes_and_no_request(
    server: FaultServer, connect: Connect, make: Callable[[], Any]
) -> None:
    """Whatever there are none of."""
    async with connect() as client, aai.transcribe_all(client, make()) as batch:
        assert await batch.collect() == []
        assert batch.summary.total == 0
    assert server.requests == []
