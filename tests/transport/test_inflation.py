"""A reply is read to its end and no further, however it was compressed."""

from __future__ import annotations

import gzip
import tracemalloc
import zlib
from collections.abc import AsyncIterator

import anyio
import httpx
import pytest

import aai_async as aai
from aai_async._errors import ProtocolError
from aai_async._transport.deadline import AttemptDeadline
from aai_async._transport.response_body import read_error, read_response

TEXT = b'{"id": "a", "status": "completed"}'


class Pieces(httpx.AsyncByteStream):
    """What comes over the network, piece by piece; an iterator, so that nothing has to be closed."""

    def __init__(self, *pieces: bytes, repeat: int = 1) -> None:
        self._pieces = list(pieces)
        self._left = len(pieces) * repeat

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        if not self._left:
            raise StopAsyncIteration
        self._left -= 1
        await anyio.lowlevel.checkpoint()
        return self._pieces[-1 - self._left % len(self._pieces)]


async def read(*pieces: bytes, repeat: int = 1, encoding: str = "gzip") -> bytes:
    headers = {"content-encoding": encoding}
    response = httpx.Response(200, headers=headers, stream=Pieces(*pieces, repeat=repeat))
    return await read_response(response, AttemptDeadline(aai.Timeouts()))


async def test_a_compressed_reply_is_read_whatever_pieces_it_comes_in() -> None:
    """A byte at a time, or all at once."""
    compressed = gzip.compress(TEXT)
    assert await read(compressed) == TEXT
    assert await read(*(compressed[at : at + 1] for at in range(len(compressed)))) == TEXT


async def test_a_reply_of_several_members_is_read_whole() -> None:
    """As RFC 1952 allows, wherever one ends and the next begins."""
    compressed = gzip.compress(TEXT[:10]) + gzip.compress(TEXT[10:])
    assert await read(compressed) == TEXT
    assert await read(compressed[:40], compressed[40:]) == TEXT
    assert await read(*(compressed[at : at + 7] for at in range(0, len(compressed), 7))) == TEXT


@pytest.mark.parametrize("length", ["0", "1", "34", "35", "4194304", "4194305", "9" * 5000, "-1", "x"])
@pytest.mark.parametrize("encoding", ["gzip", "identity"])
async def test_the_length_that_a_response_claims_does_not_change_its_body(length: str, encoding: str) -> None:
    """A compressed one can be longer than its content. The buffer that it reserves is bounded."""
    body = gzip.compress(TEXT) if encoding == "gzip" else TEXT
    headers = {"content-encoding": encoding, "content-length": length}
    response = httpx.Response(200, headers=headers, stream=Pieces(body[:10], body[10:]))
    tracemalloc.start()
    try:
        assert await read_response(response, AttemptDeadline(aai.Timeouts())) == TEXT
        assert tracemalloc.get_traced_memory()[1] < 5 * 1024 * 1024
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("rest", [b"junk", b"\0" * 1000, b"\x1f\x8bjunk"])
async def test_what_follows_the_end_is_no_part_of_it(rest: bytes) -> None:
    """And is not collected, however much it is."""
    with pytest.raises(ProtocolError):
        await read(gzip.compress(TEXT), rest)


async def test_a_reply_that_ends_too_early_is_none() -> None:
    """Half a transcript must not be taken for the whole."""
    with pytest.raises(ProtocolError, match="in the middle"):
        await read(gzip.compress(TEXT)[:-4])
    with pytest.raises(ProtocolError, match="cannot be decompressed"):
        await read(b"no gzip at all")


async def test_a_reply_that_inflates_beyond_belief_is_given_up_early() -> None:
    """Long before it fills the memory."""
    compressor = zlib.compressobj(wbits=31)
    bomb = b"".join(compressor.compress(bytes(1024 * 1024)) for _ in range(300)) + compressor.flush()
    tracemalloc.start()
    try:
        with pytest.raises(ProtocolError, match="no valid response is that large"):
            await read(bomb)
        assert tracemalloc.get_traced_memory()[1] < 150 * 1024 * 1024
    finally:
        tracemalloc.stop()


async def test_a_reply_that_is_received_without_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where it inflates to nothing."""
    monkeypatch.setattr("aai_async._transport.response_body._LARGEST_RESPONSE", 1024 * 1024)
    empty_block = b"\0\0\0\xff\xff"
    head = gzip.compress(b"")[:10]
    with pytest.raises(ProtocolError, match="no valid response is that large"):
        await read(head, *[empty_block * 10_000] * 40)


async def test_a_refusal_is_read_as_far_as_it_says_anything() -> None:
    """An error page may be huge, or broken."""
    clock = AttemptDeadline(aai.Timeouts())
    long = httpx.Response(500, stream=Pieces(b"x" * 10_000, repeat=1000))
    assert await read_error(long, clock) == b"x" * 64 * 1024
    broken = httpx.Response(500, headers={"content-encoding": "gzip"}, stream=Pieces(b"<html>"))
    assert await read_error(broken, clock) == b""
