"""Where the recordings of a batch come from."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import faults
import pytest
from batches import Audios, Pairs, both_loops, check_each_has_its_job, recordings, sent_for
from batches import connect as connect  # noqa: PLC0414 - a fixture
from fault_server import FaultServer
from lanes import Connect
from verbs import URL

import aai_async as aai
from aai_async._io.file import InputFile


def as_generator(items: Audios) -> Iterator[aai.Audio]:
    yield from items


async def as_async_generator(items: Audios) -> AsyncIterator[aai.Audio]:
    for item in items:
        await anyio.lowlevel.checkpoint()
        yield item


class AsAsyncIterable:
    def __init__(self, items: Audios) -> None:
        self._items = items

    def __aiter__(self) -> AsyncIterator[aai.Audio]:
        return as_async_generator(self._items)


SHAPES: dict[str, Callable[[Audios], Any]] = {
    "list": list,
    "tuple": tuple,
    "iterator": iter,
    "generator": as_generator,
    "map": lambda items: map(str, items),
    "dict-keys": lambda items: dict.fromkeys(items).keys(),
    "async-generator": as_async_generator,
    "async-iterable": AsAsyncIterable,
    "pairs": lambda items: [(item, aai.Options(language_code="de")) for item in items],
    "dict-items": lambda items: dict.fromkeys(items, aai.Options(language_code="de")).items(),
    "pairs-with-none": lambda items: [(item, None) for item in items],
}


@both_loops
@pytest.mark.parametrize("shape", SHAPES)
async def test_recordings_come_from_whatever_can_be_iterated_over(
    server: FaultServer, connect: Connect, tmp_path: Path, shape: str
) -> None:
    """Each by itself or with options of its own."""
    paths = recordings(tmp_path, 5)
    sources = SHAPES[shape]([*paths])
    async with (
        connect() as client,
        aai.transcribe_all(client, sources, aai.Options(language_code="en")) as batch,
    ):
        outcomes = await batch.collect()
    check_each_has_its_job(server, outcomes, paths)
    own = "de" if shape in {"pairs", "dict-items"} else "en"
    assert {job.options["language_code"] for job in server.service.jobs} == {own}
    assert [str(outcome.source) for outcome in outcomes] == [str(path) for path in paths]


async def stream() -> AsyncGenerator[bytes, None]:
    yield b"a str"
    yield b"eam"


@both_loops
async def test_a_batch_takes_recordings_of_all_kinds_together(
    server: FaultServer, connect: Connect, tmp_path: Path
) -> None:
    """Paths, addresses, bytes, files and streams, with options or without."""
    one, other = recordings(tmp_path, 2)
    with other.open("rb") as file:
        sources: Pairs = [
            one,
            URL,
            b"bytes",
            file,
            stream(),
            (str(one), aai.Options(language_code="de")),
            (io.BytesIO(b"in memory"), None),
        ]
        async with connect() as client, aai.transcribe_all(client, sources) as batch:
            outcomes = await batch.collect()
    assert [sent_for(server, outcome) for outcome in outcomes] == [
        one.read_bytes(),
        URL.encode(),
        b"bytes",
        other.read_bytes(),
        b"a stream",
        one.read_bytes(),
        b"in memory",
    ]
    assert outcomes[5].source == str(one)


class SourcesError(Exception):
    """Of the caller's own."""


@both_loops
@pytest.mark.parametrize("is_async", [False, True])
async def test_sources_that_cannot_be_read_on_end_a_batch(
    server: FaultServer, connect: Connect, tmp_path: Path, is_async: bool
) -> None:
    """What was drawn comes to its end, and then the error is the cause of that of the batch."""
    paths = recordings(tmp_path, 5)
    server.service.looks_until_done = 3

    async def breaking() -> AsyncIterator[Path]:
        for path in paths:
            await anyio.sleep(0.01)
            yield path
        raise SourcesError("The folder is gone.")

    def breaking_at_once() -> Iterator[Path]:
        yield from paths
        raise SourcesError("The folder is gone.")

    sources = breaking() if is_async else breaking_at_once()
    async with connect() as client, aai.transcribe_all(client, sources) as batch:
        with pytest.raises(aai.BatchAbortedError, match="SourcesError: The folder is gone") as caught:
            await batch.collect()
    assert isinstance(caught.value.__cause__, SourcesError)
    assert caught.value.unfinished == ()
    check_each_has_its_job(server, caught.value.outcomes, paths)


@both_loops
async def test_no_more_is_drawn_than_there_is_room_for(
    server: FaultServer, connect: Connect, tmp_path: Path
) -> None:
    """What is drawn and not taken is never more than `jobs`; who does not take holds the drawing back."""
    paths = recordings(tmp_path, 12)
    drawn = taken = most_ahead = 0

    def counted() -> Iterator[Path]:
        nonlocal drawn, most_ahead
        for path in paths:
            drawn += 1
            most_ahead = max(most_ahead, drawn - taken)
            yield path

    async with connect() as client, aai.transcribe_all(client, counted(), max_jobs=3, max_uploads=2) as batch:
        await anyio.sleep(0.3)
        assert drawn == 3
        async for _ in batch:
            taken += 1
            if taken == 4:
                await anyio.sleep(0.3)
                assert drawn == 4 + 3
    assert (drawn, taken) == (12, 12)
    # That which is just being taken has left its place.
    assert most_ahead <= 3 + 1


@both_loops
async def test_no_more_is_drawn_than_can_be_uploaded(
    server: FaultServer, connect: Connect, tmp_path: Path
) -> None:
    """However many jobs there may be."""
    server.always("POST /v2/upload", faults.hang())
    drawn = 0

    def counted() -> Iterator[Path]:
        nonlocal drawn
        for path in recordings(tmp_path, 12):
            drawn += 1
            yield path

    async with connect() as client, aai.transcribe_all(client, counted(), max_jobs=10, max_uploads=2):
        await anyio.sleep(0.3)
    assert drawn == 2


@both_loops
@pytest.mark.parametrize(("has_journal", "opens"), [(False, 1), (True, 2)])
async def test_a_small_file_is_opened_once_unless_a_journal_may_know_it(
    server: FaultServer,
    connect: Connect,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    has_journal: bool,
    opens: int,
) -> None:
    """Each opening is a thread call; a batch that is resumed must not read all files again."""
    opened = Counter[object]()
    whole = InputFile.open

    def counted(file: InputFile) -> tuple[int, ...]:
        opened[file._path] += 1
        return whole(file)

    monkeypatch.setattr(InputFile, "open", counted)
    paths = recordings(tmp_path, 3)
    journal = tmp_path / "calls.db" if has_journal else None
    async with connect() as client, aai.transcribe_all(client, paths, journal=journal) as batch:
        outcomes = await batch.collect()
    check_each_has_its_job(server, outcomes, paths)
    assert opened == dict.fromkeys(paths, opens)
