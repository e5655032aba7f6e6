"""One open file in several calls at once: each sends all of it, or says that it cannot; none sends a part."""

from __future__ import annotations

import gzip
import io
import os
import tempfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import anyio
import pytest
from anyio import AsyncFile
from anyio.lowlevel import checkpoint
from fault_server import FaultServer
from lanes import LANES, Connect

import aai_async as aai
from aai_async._io.source import CHUNK_SIZE, Source
from aai_async._io.source_factory import source_from

pytestmark = pytest.mark.parametrize("lane", LANES[:2], ids=lambda lane: lane.name)

CONTENT = bytes(range(256)) * (3 * CHUNK_SIZE // 256 + 5)

HEADER = b"RIFF"


def plain(path: Path) -> Any:
    path.write_bytes(CONTENT)
    return path.open("rb")


def unbuffered(path: Path) -> Any:
    path.write_bytes(CONTENT)
    return path.open("rb", buffering=0)


def in_memory(_: Path) -> Any:
    return io.BytesIO(CONTENT)


def spooled(_: Path) -> Any:
    file = tempfile.SpooledTemporaryFile(max_size=2**30)  # noqa: SIM115 - closed by the test
    file.write(CONTENT)
    file.seek(0)
    return file


def named(_: Path) -> Any:
    file = tempfile.NamedTemporaryFile()  # noqa: SIM115 - closed by the test
    file.write(CONTENT)
    file.seek(0)
    return file


def compressed(path: Path) -> Any:
    path.write_bytes(gzip.compress(CONTENT, 1))
    return gzip.open(path, "rb")


FILES: dict[str, Callable[[Path], Any]] = {
    "plain": plain,
    "unbuffered": unbuffered,
    "in memory": in_memory,
    "spooled": spooled,
    "named": named,
    "compressed": compressed,
}


@pytest.mark.parametrize("kind", FILES)
async def test_each_of_the_calls_with_one_file_sends_all_of_it(
    server: FaultServer, connect: Connect, tmp_path: Path, kind: str
) -> None:
    """From where it stood when the first of them came, also where another begins amid the first."""
    with FILES[kind](tmp_path / "call.wav") as file:
        assert file.read(len(HEADER)) == CONTENT[: len(HEADER)]
        async with connect() as client, anyio.create_task_group() as tasks:
            tasks.start_soon(client.upload, file)
            tasks.start_soon(client.upload, file)
            with anyio.fail_after(60):
                while not server.requests:
                    await checkpoint()
            tasks.start_soon(client.upload, file)
    assert list(server.service.uploads.values()) == [CONTENT[len(HEADER) :]] * 3


async def test_a_batch_may_have_one_file_twice(server: FaultServer, connect: Connect) -> None:
    """With different options."""
    pairs = [(file := io.BytesIO(CONTENT), aai.Options()), (file, aai.Options(speaker_labels=True))]
    async with connect() as client, aai.transcribe_all(client, pairs) as batch:
        outcomes = await batch.collect()
    sent = [outcome.upload_url for outcome in outcomes if outcome.transcript]
    assert [server.service.uploads[url] for url in sent if url] == [CONTENT] * len(sent)
    assert all(isinstance(outcome.error, aai.SourceError) for outcome in outcomes if not outcome.transcript)


async def read(source: Source) -> bytes:
    return b"".join([chunk async for chunk in source.chunks()])


async def test_two_sources_of_one_file_are_read_in_turns() -> None:
    """Chunk by chunk, each from its own place."""
    file = io.BytesIO(CONTENT)
    first, second = source_from(file), source_from(file)
    await first.open()
    chunks = first.chunks()
    begun = await anext(chunks)
    await second.open()
    assert await read(second) == CONTENT
    assert begun + b"".join([chunk async for chunk in chunks]) == CONTENT
    await first.aclose()
    await second.aclose()


async def test_a_file_that_nobody_reads_any_more_is_sent_from_where_it_stands() -> None:
    """Whatever an earlier call has sent of it."""
    file = io.BytesIO(CONTENT)
    for start in (0, 7):
        file.seek(start)
        source = source_from(file)
        await source.open()
        assert await read(source) == CONTENT[start:]
        await source.aclose()


async def generated() -> AsyncIterator[bytes]:
    for start in range(0, len(CONTENT), CHUNK_SIZE):
        await anyio.sleep(0.01)
        yield CONTENT[start : start + CHUNK_SIZE]


class Reader:
    """Has a `read` that is awaited."""

    def __init__(self) -> None:
        self._file = io.BytesIO(CONTENT)

    async def read(self, size: int) -> bytes:
        await anyio.sleep(0.01)
        return self._file.read(size)


class Pipe(io.RawIOBase):
    """Cannot seek."""

    def __init__(self) -> None:
        self._file = io.BytesIO(CONTENT)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._file.readinto(buffer)


STREAMS: dict[str, Callable[[], Any]] = {
    "generator": generated,
    "reader": Reader,
    "pipe": Pipe,
    "async file": lambda: AsyncFile(io.BytesIO(CONTENT)),
}


@pytest.mark.parametrize("kind", STREAMS)
async def test_a_stream_is_sent_whole_by_one_call_and_refused_to_the_others(
    server: FaultServer, connect: Connect, kind: str
) -> None:
    """No two of them share its bytes."""
    stream, errors = STREAMS[kind](), list[aai.SourceError]()

    async def upload(client: aai.Client) -> None:
        try:
            await client.upload(stream)
        except aai.SourceError as error:
            errors.append(error)

    async with connect() as client, anyio.create_task_group() as tasks:
        for _ in range(3):
            tasks.start_soon(upload, client)
    assert list(server.service.uploads.values()) == [CONTENT]
    assert len(errors) == 2
    assert all("read by another call" in str(error) for error in errors)


async def test_a_file_and_what_stands_for_it_are_one(server: FaultServer, connect: Connect) -> None:
    """A temporary file, and the file in it."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(CONTENT)
        file.seek(0)
        async with connect() as client, anyio.create_task_group() as tasks:
            tasks.start_soon(client.upload, file)
            tasks.start_soon(client.upload, file.file)
    assert list(server.service.uploads.values()) == [CONTENT] * 2


async def test_a_pipe_is_read_to_its_end(server: FaultServer, connect: Connect) -> None:
    """In pieces of whatever size, of which some come late."""
    receiving, sending = os.pipe()

    async def write() -> None:
        with open(sending, "wb", buffering=0) as file:  # noqa: ASYNC230, PTH123 - a descriptor
            for start in range(0, 200_000, 50_000):
                await anyio.to_thread.run_sync(file.write, CONTENT[start : start + 50_000])
                await anyio.sleep(0.02)

    with open(receiving, "rb") as file:  # noqa: ASYNC230, PTH123 - a descriptor
        async with connect() as client, anyio.create_task_group() as tasks:
            tasks.start_soon(write)
            await client.upload(file)
    assert list(server.service.uploads.values()) == [CONTENT[:200_000]]
