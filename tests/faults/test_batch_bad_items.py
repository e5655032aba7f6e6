"""An item that cannot be sent harms no other."""

from __future__ import annotations

import io
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import Any

import faults
import pytest
from batches import Audios, both_loops, recordings
from batches import connect as connect  # noqa: PLC0414 - a fixture
from fault_server import FaultServer
from lanes import Connect
from verbs import URL

import aai_async as aai


async def breaking_stream() -> AsyncGenerator[bytes, None]:
    yield b"a part"
    raise OSError("The disk is gone.")


class BadFile(io.RawIOBase):
    def readable(self) -> bool:
        return True

    def readinto(self, _buffer: object) -> int:
        raise OSError("The disk is gone.")


class BadPath:
    def __fspath__(self) -> str:
        raise RuntimeError("It has no path.")


POISON: dict[str, Callable[[Path], Any]] = {
    "missing": lambda folder: folder / "missing.wav",
    "directory": lambda folder: folder,
    "empty": lambda folder: folder / "empty.wav",
    "job-error": lambda _: b"poison",
    "stream": lambda _: breaking_stream(),
    "file": lambda _: BadFile(),
    "closed-file": lambda folder: closed_file(folder / "0.wav"),
    "ftp": lambda _: "ftp://example.com/call.mp3",
    "none": lambda _: None,
    "number": lambda _: 7,
    "list": lambda _: ["a.wav"],
    "pair-of-paths": lambda folder: (folder / "0.wav", folder / "1.wav"),
    "pair-with-dict": lambda folder: (folder / "0.wav", {"speaker_labels": True}),
    "pair-of-nothing": lambda _: (None, aai.Options()),
    "null-byte": lambda _: "a\0b.wav",
    "surrogate": lambda _: "\udcff.wav",
    "surrogate-of-no-byte": lambda _: "\ud800.wav",
}


def closed_file(path: Path) -> io.BufferedReader:
    file = path.open("rb")
    file.close()
    return file


@both_loops
@pytest.mark.parametrize("has_journal", [False, True], ids=["no journal", "a journal"])
@pytest.mark.parametrize("poison", POISON)
async def test_one_bad_item_harms_no_other(
    server: FaultServer, connect: Connect, tmp_path: Path, poison: str, has_journal: bool
) -> None:
    """It has its own error, in its place."""
    journal = tmp_path / "batch.journal" if has_journal else None
    (tmp_path / "empty.wav").touch()
    server.service.fault_of = lambda recording: "Bad." if recording == b"poison" else None
    sources: Audios = [*recordings(tmp_path, 20)]
    sources[7] = POISON[poison](tmp_path)
    async with connect() as client, aai.transcribe_all(client, sources, journal=journal) as batch:
        outcomes = await batch.collect()
    assert [outcome.index for outcome in outcomes] == list(range(20))
    bad = outcomes.pop(7)
    assert isinstance(bad.error, aai.AAIError)
    assert isinstance(bad.error, aai.TranscriptError if poison == "job-error" else aai.SourceError)
    assert bad.stage == ("finished" if poison == "job-error" else "pending")
    assert [outcome.error for outcome in outcomes] == [None] * 19
    assert batch.summary.failed == 1
    assert len(server.service.jobs) == 19 + (poison == "job-error")
    if has_journal:
        sources[7] = POISON[poison](tmp_path)
        async with connect() as client, aai.transcribe_all(client, sources, journal=journal) as batch:
            outcomes = await batch.collect()
        assert [outcome.index for outcome in outcomes if outcome.error] == [7]
        assert batch.summary.resumed == 19


async def stream_that_cannot_be_closed() -> AsyncGenerator[bytes, None]:
    try:
        yield b"a part"
        yield b"and another"
    finally:
        raise ValueError("It cannot be closed.")


UNFORESEEN: dict[str, Callable[[], Any]] = {
    "stream-that-cannot-be-closed": stream_that_cannot_be_closed,
    "options-that-are-no-json": lambda: (URL, aai.Options(extra={"x": object()})),
    "options-that-are-no-text": lambda: (URL, aai.Options(prompt="\ud800")),
}


@both_loops
@pytest.mark.parametrize("unforeseen", UNFORESEEN)
async def test_what_the_callers_own_objects_raise_harms_no_other_item(
    server: FaultServer, connect: Connect, tmp_path: Path, unforeseen: str
) -> None:
    """It is the error of that item, and typed; or it is told where the object is made."""
    sources: Audios = [*recordings(tmp_path, 5)]
    try:
        sources[2] = UNFORESEEN[unforeseen]()
    except aai.OptionsError:
        return
    # So that the stream is not read to its end.
    server.on("POST /v2/upload", *[faults.status(400, body=b'{"error": "No"}')] * 5)
    server.on("POST /v2/upload", *[faults.normal()] * 5)
    async with connect() as client, aai.transcribe_all(client, sources) as batch:
        outcomes = await batch.collect()
    assert all(isinstance(outcome.error, aai.AAIError) for outcome in outcomes)
    assert len(outcomes) == 5


@both_loops
async def test_a_path_that_cannot_be_read_harms_no_other_item(
    server: FaultServer, connect: Connect, tmp_path: Path
) -> None:
    """As one that is made when it is asked for."""
    sources: Audios = [*recordings(tmp_path, 5)]
    sources[2] = BadPath()
    async with connect() as client, aai.transcribe_all(client, sources) as batch:
        outcomes = await batch.collect()
    assert [outcome.index for outcome in outcomes if outcome.error] == [2]
