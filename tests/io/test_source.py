"""Whatever holds a recording becomes a source; whatever holds none is refused before anything is sent."""

from __future__ import annotations

import array
import asyncio
import contextlib
import ctypes
import functools
import gc
import hashlib
import io
import os
import tempfile
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from pathlib import Path
from typing import Any, cast

import anyio
import httpx
import numpy as np
import pytest
import respx
from descriptors import open_files
from hypothesis import given
from hypothesis import strategies as st

import aai_async as aai
from aai_async._io import source as source_module
from aai_async._io.file_sources import PathSource
from aai_async._io.source import CHUNK_SIZE, Source
from aai_async._io.source_factory import source_from

AUDIO = bytes(range(256)) * (2 * CHUNK_SIZE // 256)


async def read(source: Source) -> bytes:
    return b"".join([chunk async for chunk in source.chunks()])


async def stream_of(*chunks: Any) -> AsyncGenerator[bytes, None]:
    for chunk in chunks:
        yield chunk


class Reader:
    """An object with an async `read`, as upload handlers have it."""

    filename = "call.wav"

    def __init__(self, data: bytes) -> None:
        self._data = io.BytesIO(data)

    async def read(self, size: int = -1) -> bytes:
        return self._data.read(size)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "call.wav"
    path.write_bytes(AUDIO)
    return path


@pytest.mark.parametrize("as_given", [str, Path], ids=["str", "Path"])
async def test_a_path_knows_its_size_and_can_be_read_again(path: Path, as_given: Any) -> None:
    """A failed upload begins anew."""
    source = source_from(as_given(path))
    await source.open()
    assert (source.size, source.replayable, source.url) == (len(AUDIO), True, None)
    assert await read(source) == await read(source) == AUDIO


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
async def test_bytes_can_be_read_again_in_chunks(kind: Any) -> None:
    """No copy of the whole is made."""
    source = source_from(kind(AUDIO))
    await source.open()
    assert source.size == len(AUDIO)
    assert [len(chunk) async for chunk in source.chunks()] == [CHUNK_SIZE, CHUNK_SIZE]
    assert await read(source) == AUDIO


async def test_a_view_with_gaps_is_sent_as_its_bytes() -> None:
    """Every other byte of a buffer is a recording like any other."""
    source = source_from(memoryview(AUDIO)[::2])
    await source.open()
    assert await read(source) == AUDIO[::2]


async def test_a_file_object_is_sent_from_where_it_stands(path: Path) -> None:
    """Whoever read a header on purpose does not want it sent."""
    with path.open("rb") as file:
        file.seek(100)
        source = source_from(file)
        await source.open()
        assert (source.size, source.replayable) == (len(AUDIO) - 100, True)
        assert await read(source) == await read(source) == AUDIO[100:]


async def test_a_pipe_is_read_once(path: Path) -> None:
    """What cannot be sought cannot be sent twice."""
    with os.popen(f"cat '{path}'") as pipe:  # noqa: S605 - the path is pytest's
        source = source_from(pipe.buffer)  # type: ignore[attr-defined]
        await source.open()
        assert (source.size, source.replayable) == (None, False)
        assert await read(source) == AUDIO


async def test_an_async_reader_is_read_once() -> None:
    """Its own name is used in messages."""
    source = source_from(Reader(AUDIO))
    await source.open()
    assert (source.size, source.replayable, source.name) == (None, False, "'call.wav'")
    assert await read(source) == AUDIO


async def test_an_anyio_file_is_read_once(path: Path) -> None:
    """It has a `read` and is iterable by lines; it is read, not iterated."""
    async with await anyio.open_file(path, "rb") as file:
        source = source_from(file)
        await source.open()
        assert await read(source) == AUDIO


async def test_an_async_iterable_is_read_once() -> None:
    """An empty chunk at its start is not its end."""
    source = source_from(stream_of(b"", b"ab", b"", b"c"))
    await source.open()
    assert (source.size, source.replayable) == (None, False)
    assert await read(source) == b"abc"


@pytest.mark.parametrize("url", ["https://example.com/a.mp3?signature=secret", "HTTP://example.com/a.mp3"])
async def test_a_url_is_left_to_the_service(url: str) -> None:
    """Nothing is downloaded, and the secret in it is not shown."""
    source = source_from(url)
    await source.open()
    assert source.url == url
    assert "secret" not in source.name
    with pytest.raises(aai.SourceError, match="the service fetches it"):
        await read(source)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("ftp://host/call.mp3", "not ftp://.*pre-signed https://"),
        ("s3://bucket/call.mp3", r"not s3://: use aai\.ObjectSource"),
        ("file:///call.mp3", r"not file://: use aai\.ObjectSource"),
        ("https://", "is not a valid URL"),
        ("https://example.com/\udcff", "is not a valid URL"),
        (42, "int is not audio"),
        (None, "NoneType is not audio"),
        (["a.mp3"], "list is not audio"),
        (io.StringIO("text"), "opened as text"),
    ],
    ids=["ftp", "s3", "file", "no host", "surrogate", "int", "None", "list", "text file"],
)
def test_what_cannot_be_audio_is_refused_at_once(given: Any, said: str) -> None:
    """The message says what could be given instead."""
    with pytest.raises(aai.SourceError, match=said):
        source_from(given)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("missing.mp3", "No such file"),
        ("", "No such file"),
        ("Hello, this is the text of my recording.", "No such file"),
        ("http:x.wav", "No such file"),
        ("a\0b", "cannot be read"),
        ("x" * 5000, "cannot be read"),
        ("/dev/null", "not a regular file"),
        ("/", "is a directory"),
    ],
    ids=lambda value: ascii(value)[:30],
)
async def test_a_path_without_a_recording_is_refused(name: str, said: str) -> None:
    """Before anything is sent, and by name."""
    with pytest.raises(aai.SourceError, match=said) as caught:
        await source_from(name).open()
    assert len(str(caught.value)) < 400


async def test_an_empty_recording_is_refused(tmp_path: Path) -> None:
    """The service would take it, and the job would fail."""
    (tmp_path / "empty.wav").touch()
    for empty in (tmp_path / "empty.wav", b"", io.BytesIO(), Reader(b""), stream_of(), stream_of(b"", b"")):
        with pytest.raises(aai.SourceError, match="is empty"):
            await source_from(empty).open()


async def test_a_file_object_at_its_end_is_refused() -> None:
    """It was read before; the message says where it stands."""
    with pytest.raises(aai.SourceError, match=r"after 3 bytes: call seek\(0\)"):
        file = io.BytesIO(b"abc")
        file.seek(3)
        await source_from(file).open()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
async def test_a_file_that_may_not_be_read_is_refused(path: Path) -> None:
    """With the operating system's own reason."""
    path.chmod(0)
    with pytest.raises(aai.SourceError, match="Permission denied"):
        await source_from(path).open()


async def test_a_closed_file_is_refused(path: Path) -> None:
    """The error is ours, not a bare ValueError."""
    file = path.open("rb")
    file.close()
    with pytest.raises(aai.SourceError, match="closed file"):
        await source_from(file).open()


async def test_a_pipe_without_a_writer_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    """Opening it the usual way would block for ever."""
    os.mkfifo(tmp_path / "pipe")
    with anyio.fail_after(60), pytest.raises(aai.SourceError, match="not a regular file"):
        await source_from(tmp_path / "pipe").open()


async def test_a_recording_over_the_limit_of_the_service_is_refused(tmp_path: Path) -> None:
    """Not after two gigabytes have gone."""
    with (tmp_path / "large.wav").open("wb") as file:
        file.truncate(source_module.MAX_UPLOAD_SIZE + 1)
    with pytest.raises(aai.SourceError, match="2,200,000,001 bytes"):
        await source_from(tmp_path / "large.wav").open()


@pytest.mark.parametrize("chunk", ["text", 7, ["a"]])
async def test_a_stream_of_something_else_than_bytes_is_refused(chunk: Any) -> None:
    """Whether it comes at once or later."""
    async with contextlib.aclosing(stream_of(chunk)) as stream:
        with pytest.raises(aai.SourceError, match="instead of bytes"):
            await source_from(stream).open()
    async with contextlib.aclosing(stream_of(b"a", chunk)) as stream:
        source = source_from(stream)
        await source.open()
        with pytest.raises(aai.SourceError, match="instead of bytes"):
            await read(source)


async def test_a_stream_that_fails_says_so() -> None:
    """Whatever the caller's stream raises, it is about the source."""

    async def broken() -> AsyncIterator[bytes]:
        yield b"a"
        raise OSError("the microphone is gone")

    source = source_from(broken())
    await source.open()
    with pytest.raises(aai.SourceError, match="the microphone is gone"):
        await read(source)


@pytest.mark.parametrize("change", ["grow", "shrink", "touch", "replace"])
async def test_a_file_that_changes_while_it_is_read_is_an_error(path: Path, change: str) -> None:
    """A transcript of half the old file and half the new would be worthless."""
    source = source_from(path)
    await source.open()
    chunks = source.chunks()
    await anext(chunks)
    if change == "grow":
        path.write_bytes(AUDIO + b"more")
    elif change == "shrink":
        os.truncate(path, CHUNK_SIZE)
    elif change == "touch":
        os.utime(path, (0, 0))
    else:
        path.with_suffix(".new").write_bytes(AUDIO)
        path.with_suffix(".new").replace(path)
    with pytest.raises(aai.FileChangedError, match="changed while"):
        async for _ in chunks:
            pass
        await read(source)


async def test_a_small_file_that_is_uploaded_next_is_read_when_it_is_opened(tmp_path: Path) -> None:
    """Once; another attempt reads it again, and finds out whether it has changed."""
    path = tmp_path / "call.wav"
    path.write_bytes(b"a recording")
    source = PathSource(path)
    source.is_uploaded_next = True
    await source.open()
    path.write_bytes(b"another recording")
    assert await read(source) == b"a recording"
    with pytest.raises(aai.FileChangedError, match="changed while"):
        await read(source)


async def test_a_source_that_is_closed_keeps_no_content(tmp_path: Path) -> None:
    """A batch may keep many that it has closed."""
    path = tmp_path / "call.wav"
    path.write_bytes(b"a recording")
    source = PathSource(path)
    source.is_uploaded_next = True
    async with contextlib.aclosing(source):
        await source.open()
    path.unlink()
    with pytest.raises(aai.SourceError, match="No such file"):
        await read(source)


@pytest.mark.parametrize("change", ["grow", "shrink"])
async def test_a_file_object_that_changes_while_it_is_read_is_an_error(change: str) -> None:
    """Its size was promised to the service."""
    file = io.BytesIO(AUDIO)
    source = source_from(file)
    await source.open()
    if change == "grow":
        file.seek(0, io.SEEK_END)
        file.write(b"more")
    else:
        file.truncate(CHUNK_SIZE)
    with pytest.raises(aai.FileChangedError, match="changed while"):
        await read(source)


@pytest.mark.skipif(not hasattr(os, "RWF_NOWAIT"), reason="only for Linux")
@pytest.mark.parametrize("in_memory", [0, 100_000, 2**30])
async def test_what_the_system_has_in_memory_is_read_without_a_thread(
    path: Path, monkeypatch: pytest.MonkeyPatch, in_memory: int
) -> None:
    """What it does not have is read in a thread, and so are the first chunk and the last one."""
    audio = AUDIO * 4
    path.write_bytes(audio)
    read_in_threads: list[int] = []
    in_thread, left = os.read, in_memory

    def noted(descriptor: int, size: int) -> bytes:
        read_in_threads.append(size)
        return in_thread(descriptor, size)

    def cached(descriptor: int, buffers: list[bytearray], offset: int, flags: int) -> int:
        nonlocal left
        assert (offset, flags) == (-1, os.RWF_NOWAIT)
        if not left:
            raise BlockingIOError
        size = os.readv(descriptor, [memoryview(buffers[0])[:left]])
        left -= size
        return size

    monkeypatch.setattr(os, "read", noted)
    monkeypatch.setattr(os, "preadv", cached)
    source = source_from(path)
    await source.open()
    assert await read(source) == audio
    assert len(read_in_threads) == (2 if in_memory > len(audio) else 8)


async def test_a_file_is_touched_in_worker_threads_only(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that is slow, or far away, holds up nobody else on the event loop."""
    threads: list[threading.Thread] = []

    def noted(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            threads.append(threading.current_thread())
            return function(*arguments)

        return call

    for name in ("open", "fstat", "read"):
        monkeypatch.setattr(os, name, noted(getattr(os, name)))
    source = source_from(path)
    await source.open()
    assert await read(source) == AUDIO
    monkeypatch.undo()
    assert len(threads) > 6
    assert threading.current_thread() not in threads


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.parametrize("slow", ["open", "read"])
async def test_a_file_that_a_thread_still_uses_is_closed_by_that_thread(
    path: Path, monkeypatch: pytest.MonkeyPatch, slow: str
) -> None:
    """Asyncio's own cancel does not wait for threads: none may leak a file, or read from somebody else's."""
    entered, go_on, done = threading.Event(), threading.Event(), threading.Event()
    function = getattr(os, slow)

    def delayed(*arguments: Any) -> Any:
        entered.set()
        go_on.wait(5)
        try:
            return function(*arguments)
        finally:
            done.set()

    source = source_from(path)
    await source.open()
    before = open_files()
    monkeypatch.setattr(os, slow, delayed)
    task = asyncio.get_running_loop().create_task(read(source))
    await asyncio.to_thread(entered.wait, 5)
    # Twice: the first is taken by anyio, which waits for its thread.
    task.cancel()
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    during = open_files()
    go_on.set()
    await asyncio.to_thread(done.wait, 5)
    monkeypatch.undo()
    with anyio.fail_after(60):
        while open_files() != before:
            await anyio.sleep(0.01)
    assert during == before + (slow == "read")


@pytest.mark.parametrize("fails", [False, True])
async def test_a_generator_is_closed_when_its_upload_ends(fails: bool) -> None:
    """It may hold a file open."""
    closed = []

    async def recording() -> AsyncIterator[bytes]:
        try:
            yield b"a"
            yield b"b"
        finally:
            closed.append(True)

    source = source_from(recording())
    async with contextlib.aclosing(source):
        await source.open()
        if not fails:
            await read(source)
    assert closed == [True]


async def test_an_abandoned_read_leaves_no_file_open(path: Path) -> None:
    """An attempt that fails half way closes what it opened."""
    source = source_from(path)
    await source.open()
    before = open_files()
    chunks = source.chunks()
    await anext(chunks)
    await chunks.aclose()
    assert open_files() == before


@given(data=st.binary(min_size=1), start=st.integers(0, 50))
def test_any_bytes_arrive_as_they_are(data: bytes, start: int) -> None:
    """From memory, from a file and from a stream."""

    async def check() -> None:
        with tempfile.NamedTemporaryFile() as file:
            file.write(data)
            file.flush()
            for holder in (
                data,
                file.name,
                io.BytesIO(data),
                Reader(data),
                stream_of(data[:start], data[start:]),
            ):
                source = source_from(holder)
                await source.open()
                assert await read(source) == data

    anyio.run(check)


# Readers whose `read` gives an awaitable, though it is no coroutine function.


class Handed:
    """It hands the call on."""

    def __init__(self, data: bytes) -> None:
        self._inner = Reader(data)

    def read(self, size: int) -> Any:
        return self._inner.read(size)


class HandedFile(Handed):
    """So does a file of some wrappers, with all else that a file has."""

    def seekable(self) -> bool:
        return True


class AllAwaited(Handed):
    def seekable(self) -> Any:
        return self._answer()

    async def _answer(self) -> bool:
        return True


class Decorated(Reader):
    @functools.wraps(Reader.read)
    def read(self, *arguments: Any) -> Any:  # type: ignore[override]
        return super().read(*arguments)


class CallableRead:
    def __init__(self, data: bytes) -> None:
        self.read = self._Read(data)

    class _Read:
        def __init__(self, data: bytes) -> None:
            self._reader = Reader(data)

        async def __call__(self, size: int) -> bytes:
            return await self._reader.read(size)


@pytest.mark.parametrize("kind", [Handed, HandedFile, AllAwaited, Decorated, CallableRead])
async def test_a_read_that_gives_an_awaitable_is_awaited(kind: Any) -> None:
    """Also where only its first answer shows it; nothing of that is lost, and nothing is left unawaited."""
    source = source_from(kind(AUDIO + b"end"))
    await source.open()
    assert (source.size, source.replayable) == (None, False)
    assert await read(source) == AUDIO + b"end"
    gc.collect()


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_read_that_gives_a_future_of_the_event_loop_is_awaited() -> None:
    """It can be called in the loop alone."""

    class InExecutor:
        def __init__(self, data: bytes) -> None:
            self._file = io.BytesIO(data)

        def read(self, size: int) -> Any:
            return asyncio.get_running_loop().run_in_executor(None, self._file.read, size)

    source = source_from(InExecutor(b"a recording"))
    await source.open()
    assert await read(source) == b"a recording"


async def test_an_empty_reader_that_is_awaited_is_refused() -> None:
    """As any other."""
    source = source_from(cast("Any", Handed(b"")))
    with pytest.raises(aai.SourceError, match="Handed is empty"):
        await source.open()


# Whatever holds bytes.

BUFFERS = {
    "bytearray": bytearray,
    "memoryview": memoryview,
    "array": lambda data: array.array("B", data),
    "signed array": lambda data: array.array("b", data),
    "numbers": lambda data: array.array("H", data),
    "ctypes": lambda data: (ctypes.c_ubyte * len(data)).from_buffer_copy(data),
    "numpy": lambda data: np.frombuffer(data, "uint8"),
    "subclass": type("Sub", (bytes,), {}),
}


@pytest.mark.parametrize("kind", BUFFERS)
async def test_chunks_are_whatever_holds_bytes(kind: str) -> None:
    """Of an async iterable, of an awaited `read`, of a file object."""
    make: Any = BUFFERS[kind]

    class Of(Reader):
        async def read(self, size: int = -1) -> Any:
            return make(await super().read(size))

    class OfFile(io.BytesIO):
        def read(self, size: int | None = -1, /) -> Any:
            return make(super().read(size))

    given: list[Any] = [stream_of(make(b"abcd"), make(b""), make(b"ef")), Of(b"abcdef"), OfFile(b"abcdef")]
    for one in given:
        source = source_from(one)
        await source.open()
        content = await read(source)
        assert (content, type(content)) == (b"abcdef", bytes)


@pytest.mark.parametrize("kind", sorted(set(BUFFERS) - {"numbers"}))
async def test_a_buffer_of_bytes_is_a_recording(kind: str) -> None:
    """As bytes are, and the same for a journal."""
    make: Any = BUFFERS[kind]
    source, plain = source_from(make(b"abcdef")), source_from(b"abcdef")
    await source.open()
    await plain.open()
    assert (source.size, source.replayable, await read(source)) == (6, True, b"abcdef")
    assert await source.identity() == await plain.identity()


def test_a_buffer_of_samples_is_refused() -> None:
    """It would be paid for, and come to nothing, for it lacks the header."""
    for samples in (array.array("h", [0, 1]), np.zeros(4, "float32")):
        with pytest.raises(aai.SourceError, match="WAV"):
            source_from(cast("Any", samples))


# Sources of one's own.


class Stored(aai.Source):
    """An object in a store, as a user writes it."""

    def __init__(self, *chunks: Any, **facts: Any) -> None:
        self._chunks = chunks
        self.closed = 0
        for name, value in facts.items():
            setattr(self, name, value)

    async def open(self) -> None:
        pass

    async def aclose(self) -> None:
        self.closed += 1

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        for chunk in self._chunks:
            if isinstance(chunk, Exception):
                raise chunk
            yield chunk


async def test_a_source_of_ones_own_is_sent(client: aai.Client, respx_mock: respx.MockRouter) -> None:
    """With its size, and closed when it was; again where the first upload fails."""
    route = respx_mock.post("http://127.0.0.1:9/v2/upload")
    route.side_effect = [
        httpx.Response(503),
        httpx.Response(200, json={"upload_url": "https://cdn/upload/1"}),
    ]
    source = Stored(b"abc", bytearray(b"def"), size=6, name="s3://calls/1")
    assert await client.upload(source) == "https://cdn/upload/1"
    assert [call.request.content for call in route.calls] == [b"abcdef"] * 2
    assert route.calls.last.request.headers["content-length"] == "6"
    assert source.closed == 1


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (Stored("text"), "returned str instead of bytes"),
        (Stored(KeyError("bucket")), "cannot be read: KeyError: 'bucket'"),
        (Stored(b"abc", size=6, name="s3://calls/1"), "s3://calls/1 announced 6 bytes"),
        (Stored(b"abc", b"def", size=4), "announced 4 bytes"),
        (Stored(b"", size=0), "The recording is empty"),
        (Stored(), "The recording is empty"),
        (Stored(size=3_000_000_000), "at most 2,200,000,000"),
        (Stored(size="large"), "cannot be read: TypeError"),
        (Stored(url="ftp://example.com/a.mp3"), "not ftp://"),
    ],
)
async def test_a_source_of_ones_own_that_breaks_its_word_is_refused(source: aai.Source, said: str) -> None:
    """As a `SourceError`, whatever it is."""
    checked = source_from(source)
    with pytest.raises(aai.SourceError, match=said):
        await checked.open()
        await read(checked)


async def test_a_source_of_ones_own_may_be_fetched_or_known_by_a_journal() -> None:
    """By its address, its identity, its digest."""
    remote = source_from(Stored(url="https://example.com/a.mp3"))
    await remote.open()
    assert remote.url == "https://example.com/a.mp3"

    class Known(Stored):
        async def identity(self) -> bytes | None:
            return b"etag"

    known = source_from(Known(b"abc"))
    await known.open()
    assert (await known.identity(), await known.digest()) == (b"etag", hashlib.sha256(b"abc").digest())
    assert await source_from(Stored(b"abc")).identity() is None
