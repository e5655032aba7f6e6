"""What a batch would cost is known before anything is sent."""

from __future__ import annotations

import datetime as dt
import io
import os
import wave
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import anyio
import numpy as np
import pytest
from fault_server import FaultServer
from lanes import Connect, one_library_of_each_loop
from recording import tone, write

import aai_async as aai

pytestmark = pytest.mark.usefixtures("quick_looks")

PRICES = aai.PriceTable(
    date=dt.date(2026, 11, 1), source="https://example.com/prices", currency="USD", models={"best": 0.36}
)
BEST = aai.Options(speech_models=["best"])

lane = one_library_of_each_loop


def silence(path: Path, seconds: float) -> Path:
    """Write a recording of a length, with a header that states it."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(1)
        file.setframerate(100)
        file.writeframes(bytes(round(100 * seconds)))
    return path


def without_a_tag(folder: Path) -> bytes:
    """Make an MP3 file of 20 s whose bit rate is higher in the first 5 s."""
    plain = {"write_xing": "0", "id3v2_version": "0"}
    loud = write(folder / "a.mp3", tone(5.0), codec="libmp3lame", bit_rate=128_000, options=plain)
    quiet = write(folder / "b.mp3", tone(15.0), codec="libmp3lame", bit_rate=16_000, options=plain)
    return loud.read_bytes() + quiet.read_bytes()


def with_a_text(text: bytes, folder: Path) -> bytes:
    """Make that file with a text of its owner before its frames (ID3 2.3)."""
    frame = b"TXXX" + len(text).to_bytes(4) + bytes(2) + text
    return b"ID3\3\0\0\0\0" + bytes([len(frame) >> 7, len(frame) & 127]) + frame + without_a_tag(folder)


def with_a_comment(folder: Path) -> bytes:
    """Make a file with a comment that begins as the tag that counts frames."""
    return with_a_text(b"Info: by the studio", folder)


def with_utf_16(folder: Path) -> bytes:
    """Make a file with a text that has the mark of UTF-16 where that tag has the start of a frame."""
    return with_a_text(b"\xff\xfe" + bytes(11) + b"Info\0\0\0\1\0\0\0\2", folder)


def with_a_picture(folder: Path) -> bytes:
    """Make an MP3 file of 20 s with a tag that counts its frames, and a cover behind its sound."""
    return write(folder / "a.mp3", tone(20.0), codec="libmp3lame").read_bytes() + b"APETAGEX" + bytes(200_000)


def of_bare_frames(folder: Path) -> bytes:
    """Make an AAC file of 20 s of sound and then silence."""
    return write(
        folder / "a.aac", np.append(tone(5.0), np.zeros(240_000, np.int16)), codec="aac"
    ).read_bytes()


class Pipe:
    """A file object that cannot seek."""

    def __init__(self) -> None:
        self._file = io.BytesIO(b"its head and its rest")

    def read(self, size: int = -1) -> bytes:
        return self._file.read(min(size, 9))


async def estimated(client: aai.Client, sources: Any, **settings: Any) -> aai.Estimate:
    with anyio.fail_after(60):
        return await aai.transcribe_all(client, sources, BEST, prices=PRICES, **settings).estimate()


async def test_an_estimate_adds_up_lengths_and_prices_and_sends_nothing(
    server: FaultServer, connect: Connect, tmp_path: Path
) -> None:
    """It counts what it cannot know, and what cannot be sent."""
    (tmp_path / "noise.mp3").write_bytes(b"no recording")
    (tmp_path / "empty.mp3").touch()
    sources = [
        silence(tmp_path / "hour.wav", 3600),
        silence(tmp_path / "half.wav", 1800).read_bytes(),
        tmp_path / "hour.wav",
        tmp_path / "noise.mp3",
        tmp_path / "empty.mp3",
        "https://example.com/call.mp3",
    ]
    async with connect() as client:
        estimate = await estimated(client, sources)
    assert server.requests == []
    assert (estimate.recordings, estimate.jobs, estimate.duplicates, estimate.refused) == (6, 4, 1, 1)
    assert (estimate.audio_seconds, estimate.unknown_lengths, estimate.known) == (5400.0, 2, 0)
    assert estimate.price == pytest.approx(0.54)
    assert "at least 0.54 USD" in str(estimate)
    assert "2026-11-01" in str(estimate)


@pytest.mark.parametrize("make", [without_a_tag, with_a_comment, with_utf_16, with_a_picture, of_bare_frames])
async def test_an_estimate_counts_the_frames_of_a_file_whose_header_has_no_length(
    connect: Connect, tmp_path: Path, make: Callable[[Path], bytes]
) -> None:
    """The bit rate of the first frames is not that of all, and not all of the file is sound."""
    content = make(tmp_path)
    (tmp_path / "call").write_bytes(content)
    async with connect() as client:
        for source in (tmp_path / "call", content):
            estimate = await estimated(client, [source])
            assert estimate.unknown_lengths == 0
            assert estimate.audio_seconds == pytest.approx(20.0, abs=0.3)


async def test_an_estimate_tells_apart_what_the_journal_knows(
    server: FaultServer, connect: Connect, tmp_path: Path, path: Path
) -> None:
    """That is paid already, by an earlier batch of the same options."""
    server.service.length_of = lambda _: 100.0
    first, second = silence(tmp_path / "a.wav", 60), silence(tmp_path / "b.wav", 60)
    async with connect() as client:
        async with aai.transcribe_all(client, [first], BEST, journal=path) as batch:
            await batch.collect()
        estimate = await estimated(client, [first, second], journal=path)
        nothing_known = await estimated(client, [first, second], journal=tmp_path / "none.db")
    assert (estimate.jobs, estimate.known, estimate.known_seconds) == (1, 1, 100.0)
    assert estimate.price == pytest.approx(0.006)
    assert estimate.known_price == pytest.approx(0.01)
    assert (nothing_known.jobs, nothing_known.known) == (2, 0)
    assert not (tmp_path / "none.db").exists()


async def test_an_estimate_of_sources_that_are_read_once_is_refused(connect: Connect) -> None:
    """It would use them up."""
    async with connect() as client:
        with pytest.raises(aai.ConfigError, match=r"would use up the sources.*generator.*pass a list"):
            await estimated(client, (one for one in [b"0"]))


async def test_a_model_without_a_price_is_an_error_of_the_estimate(connect: Connect) -> None:
    """And not a price that is too low."""
    async with connect() as client:
        with pytest.raises(aai.ConfigError, match="no price for the model 'new'"):
            await estimated(client, [(b"0", aai.Options(speech_models=["new"]))])
        with pytest.raises(aai.ConfigError, match=r"prices must be aai\.PriceTable"):
            aai.transcribe_all(client, [b"0"], prices={"best": 1})  # type: ignore[arg-type]


async def chunks() -> AsyncIterator[bytes]:
    """A recording that can be read only once."""
    yield b"its head "
    yield b"and its rest"


@pytest.mark.parametrize("make", [chunks, lambda: io.BytesIO(b"its head and its rest"), Pipe])
async def test_an_estimate_reads_nothing_of_a_stream(
    server: FaultServer, connect: Connect, make: Callable[[], Any]
) -> None:
    """Otherwise the batch would send the recording without its head, and that would be billed."""
    async with connect() as client:
        batch = aai.transcribe_all(client, [make()], BEST, prices=PRICES)
        with anyio.fail_after(60):
            estimate = await batch.estimate()
            async with batch:
                [outcome] = await batch.collect()
    assert (estimate.jobs, estimate.unknown_lengths) == (1, 1)
    assert outcome.error is None
    assert [*server.service.uploads.values()] == [b"its head and its rest"]


async def test_an_estimate_does_not_wait_for_the_writer_of_a_pipe(connect: Connect, tmp_path: Path) -> None:
    """A recording with a key is not opened before it is sent, so its kind is unknown until then."""
    os.mkfifo(tmp_path / "pipe")
    async with connect() as client:
        estimate = await estimated(client, [aai.Item(tmp_path / "pipe", key="call")])
    assert (estimate.jobs, estimate.unknown_lengths) == (1, 1)
