"""
What can go wrong with a reply, and what may be odd about one: factories of faults for `FaultServer`.

Where there is a choice, `processed` says whether the service carried the request out before the fault: made
the job, stored the upload. Without, a reply that is needed is an empty JSON object.
"""

from __future__ import annotations

import asyncio
import functools
import gzip
import itertools
import json
import struct
import zlib
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import replace
from typing import Literal

from fault_server import Exchange, Fault, Reply

_MEBIBYTE = 1024 * 1024
_WORD = b'{"text": "word", "start": 1, "end": 2, "confidence": 0.9, "speaker": null}'


async def _reply(exchange: Exchange, *, processed: bool) -> Reply:
    await exchange.read_body()
    return exchange.process() if processed else Reply.json({})


def _half(data: bytes) -> bytes:
    return data[: len(data) // 2]


# The connection breaks.


def normal() -> Fault:
    """None: to stand between others."""

    async def fault(exchange: Exchange) -> None:
        await exchange.answer()

    return fault


def reset_before_body() -> Fault:
    """RST as soon as the head is there."""

    async def fault(exchange: Exchange) -> None:
        exchange.reset()

    return fault


def reset_amid_body(after: int = 1024) -> Fault:
    """RST after so many bytes of the body."""

    async def fault(exchange: Exchange) -> None:
        await exchange.read_some(after)
        exchange.reset()

    return fault


def reset_after_body(*, processed: bool = False) -> Fault:
    """RST in place of the reply."""

    async def fault(exchange: Exchange) -> None:
        await _reply(exchange, processed=processed)
        exchange.reset()

    return fault


def reset_in_reply_head(*, processed: bool = True) -> Fault:
    """RST after half of the status line and the headers."""

    async def fault(exchange: Exchange) -> None:
        reply = await _reply(exchange, processed=processed)
        await exchange.send(_half(reply.head()))
        exchange.reset()

    return fault


def reset_in_reply_body(*, processed: bool = True) -> Fault:
    """RST after half of the body of the reply."""

    async def fault(exchange: Exchange) -> None:
        reply = await _reply(exchange, processed=processed)
        await exchange.send(reply.head() + _half(reply.body))
        exchange.reset()

    return fault


def close(*, processed: bool = False) -> Fault:
    """FIN in place of the reply."""

    async def fault(exchange: Exchange) -> None:
        await _reply(exchange, processed=processed)
        await exchange.close()

    return fault


def stale_keep_alive(after: float = 0.05, *, reset: bool = False) -> Fault:
    """The right reply, which promises to keep the connection, and its silent end so many seconds later."""

    async def fault(exchange: Exchange) -> None:
        reply = await _reply(exchange, processed=True)
        await exchange.send(reply.with_header("Connection", "keep-alive").render())
        await asyncio.sleep(after)
        if reset:
            exchange.reset()
        else:
            await exchange.close()

    return fault


def when_reused(then: Fault) -> Fault:
    """The right reply, and another fault for the next request on the same connection."""

    async def fault(exchange: Exchange) -> None:
        await exchange.answer()
        exchange.then(then)

    return fault


def reset_when_reused() -> Fault:
    """The right reply, and RST when the head of the next request arrives on the same connection."""
    return when_reused(reset_before_body())


# A reply comes twice, or is mixed up with another.


def sent_twice() -> Fault:
    """The right reply, and at once another copy of it, for whoever reads on."""

    async def fault(exchange: Exchange) -> None:
        reply = await _reply(exchange, processed=True)
        await exchange.send(reply.render() * 2)

    return fault


def sent_again_later(first: Fault | None = None) -> Fault:
    """The right reply, or another fault; the reply again in place of the next one on the connection."""

    async def fault(exchange: Exchange) -> None:
        sent: list[bytes] = []
        send = exchange.send

        async def keep(data: bytes) -> None:
            sent.append(data)
            await send(data)

        exchange.send = keep  # type: ignore[method-assign]
        await (first or normal())(exchange)

        async def again(following: Exchange) -> None:
            await following.read_body()
            await following.send(b"".join(sent))
            await following.answer()

        exchange.then(again)

    return fault


# Nothing comes, or not all of it, or no end of it.


def hang(*, processed: bool = False) -> Fault:
    """No reply, ever."""

    async def fault(exchange: Exchange) -> None:
        await _reply(exchange, processed=processed)
        await exchange.hang()

    return fault


def stop_reading(after: int = 0) -> Fault:
    """The body is not read, but for its first bytes, and the connection is kept."""

    async def fault(exchange: Exchange) -> None:
        await exchange.read_some(after)
        await exchange.stop_reading()

    return fault


def drip(gap: float = 0.05, *, part: Literal["head", "body"] = "body", processed: bool = True) -> Fault:
    """The reply, from its head or its body on, a byte every so many seconds."""

    async def fault(exchange: Exchange) -> None:
        reply = await _reply(exchange, processed=processed)
        at_once = len(reply.head()) if part == "body" else 0
        rendered = reply.render()
        await exchange.send(rendered[:at_once])
        await _send_all(exchange, (bytes([byte]) for byte in rendered[at_once:]), gap)

    return fault


def drip_forever(gap: float = 0.05, *, piece: bytes = b" ", processed: bool = True) -> Fault:
    """A reply whose body is spaces without end, one every so many seconds."""

    async def fault(exchange: Exchange) -> None:
        reply = await _reply(exchange, processed=processed)
        await exchange.send(_as_chunked(reply).head())
        await _send_all(exchange, itertools.repeat(_chunk(piece)), gap)

    return fault


def endless_header(gap: float = 0.0, *, has_lines: bool = False) -> Fault:
    """A head without end: a single header, or ever more of them."""
    piece = b"X-More: of the same\r\n" * 512 if has_lines else b"a" * 8192
    start = b"HTTP/1.1 200 OK\r\n" + (b"" if has_lines else b"X-Long: ")

    async def fault(exchange: Exchange) -> None:
        await exchange.read_body()
        await exchange.send(start)
        await _send_all(exchange, itertools.repeat(piece), gap)

    return fault


def long_status_line(size: int = _MEBIBYTE, *, processed: bool = True) -> Fault:
    """The reply with a reason phrase of so many bytes."""

    async def fault(exchange: Exchange) -> None:
        reply = await _reply(exchange, processed=processed)
        _, _, rest = reply.render().partition(b"\r\n")
        await exchange.send(f"HTTP/1.1 {reply.status} ".encode() + b"a" * size + b"\r\n" + rest)

    return fault


def cut_body(*, processed: bool = True) -> Fault:
    """Half of the body that Content-Length promises, and FIN."""

    async def fault(exchange: Exchange) -> None:
        reply = await _reply(exchange, processed=processed)
        await exchange.send(reply.head() + _half(reply.body))
        await exchange.close()

    return fault


def bad_chunking(*, processed: bool = True) -> Fault:
    """A chunked body whose second chunk has no size, and FIN."""

    async def fault(exchange: Exchange) -> None:
        reply = await _reply(exchange, processed=processed)
        await exchange.send(_as_chunked(reply).head() + _chunk(_half(reply.body)) + b"zz\r\nrest\r\n")
        await exchange.close()

    return fault


async def _send_all(exchange: Exchange, pieces: Iterable[bytes], gap: float) -> None:
    for piece in pieces:
        await exchange.send(piece)
        await asyncio.sleep(gap)


def _as_chunked(reply: Reply) -> Reply:
    return reply.without_header("Content-Length").with_header("Transfer-Encoding", "chunked")


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


# Another reply.


def status(
    code: int, *, body: bytes = b"", headers: Mapping[str, str] | None = None, processed: bool = False
) -> Fault:
    """A reply with a status, a body that claims to be JSON, and headers on top of the usual ones."""

    async def fault(exchange: Exchange) -> None:
        await _reply(exchange, processed=processed)
        reply = Reply.of(code, body)
        for name, value in (headers or {}).items():
            reply = reply.with_header(name, value)
        await exchange.send(reply.render())

    return fault


def redirect(location: str, status_code: int = 307, *, processed: bool = False) -> Fault:
    """A reply that sends the client elsewhere."""
    return status(status_code, headers={"Location": location}, processed=processed)


def html(*, processed: bool = False) -> Fault:
    """A 200 with a page for people, as from a captive portal."""
    page = b"<!doctype html><title>Welcome</title><p>Please sign in."
    return status(200, body=page, headers={"Content-Type": "text/html"}, processed=processed)


def reply_json(value: object, status_code: int = 200, *, processed: bool = False) -> Fault:
    """A reply that says a value, or bytes that claim to be JSON."""
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    return status(status_code, body=body, processed=processed)


def early_413(*, lingering: bool = True, after: int = 64) -> Fault:
    """
    A 413 after the first bytes of the body.

    The rest of it is read and thrown away, or the connection is reset, and the client may lose the reply.
    """

    async def fault(exchange: Exchange) -> None:
        await exchange.read_some(after)
        reply = Reply.json({"error": "Payload too large"}, 413).with_header("Connection", "close")
        await exchange.send(reply.render())
        if not lingering:
            exchange.reset()
            return
        await exchange.read_body()
        await exchange.close()

    return fault


def large_json(megabytes: int = 200, *, processed: bool = True) -> Fault:
    """The right reply with so many MiB of words in it, sent as it is made."""

    async def fault(exchange: Exchange) -> None:
        reply = await _reply(exchange, processed=processed)
        await exchange.send(_as_chunked(reply).head())
        async for piece in _with_words(json.loads(reply.body), megabytes):
            await exchange.send(_chunk(piece))
        await exchange.send(b"0\r\n\r\n")

    return fault


async def _with_words(document: dict[str, object], megabytes: int) -> AsyncIterator[bytes]:
    others = json.dumps({name: value for name, value in document.items() if name != "words"}).encode()
    yield others[:-1] + (b", " if others != b"{}" else b"") + b'"words": [' + _WORD
    words = (b", " + _WORD) * (_MEBIBYTE // len(_WORD + b", "))
    for _ in range(megabytes):
        yield words
    yield b"]}"


# The right reply in an odd way, which a client takes.


def informational(code: int = 103) -> Fault:
    """An interim reply before the right one: 103 Early Hints, or 100 Continue."""
    interim = Reply(code)
    if code == 103:
        interim = interim.with_header("Link", "</style.css>; rel=preload")

    async def fault(exchange: Exchange) -> None:
        await exchange.read_body()
        await exchange.send(interim.render())
        await exchange.answer()

    return fault


def http_1_0() -> Fault:
    """The right reply as of HTTP/1.0: its end is the end of the connection."""

    async def fault(exchange: Exchange) -> None:
        reply = await _reply(exchange, processed=True)
        await exchange.send(replace(reply.without_header("Content-Length"), version="HTTP/1.0").render())
        await exchange.close()

    return fault


def odd_headers() -> Fault:
    """The right reply with its headers in lower case, and some of them twice."""

    async def fault(exchange: Exchange) -> None:
        reply = await _reply(exchange, processed=True)
        lower = [(name.lower(), value) for name, value in reply.headers]
        twice = [("x-request-id", "1"), ("x-request-id", "2"), *(one for one in lower if one[0] == "date")]
        await exchange.send(replace(reply, headers=(*lower, *twice)).render())

    return fault


# Encodings of the reply.


def honest_gzip() -> Fault:
    """The right reply, compressed."""
    return nested_gzip(depth=1)


def nested_gzip(depth: int = 2) -> Fault:
    """The right reply, compressed several times."""

    async def fault(exchange: Exchange) -> None:
        reply = await _reply(exchange, processed=True)
        body = functools.reduce(lambda inner, _: gzip.compress(inner), range(depth), reply.body)
        encoding = ", ".join(["gzip"] * depth)
        await exchange.send(reply.with_body(body).with_header("Content-Encoding", encoding).render())

    return fault


def gzip_bomb(megabytes: int = 1024, *, depth: int = 1, processed: bool = False) -> Fault:
    """A small reply that inflates to so many MiB of zeros; with a depth of two it is smaller still."""
    body = functools.reduce(
        lambda inner, _: gzip.compress(inner), range(depth - 1), compressed_zeros(megabytes)
    )
    return encoded(", ".join(["gzip"] * depth), body, processed=processed)


def encoded(name: str, body: bytes, *, processed: bool = False) -> Fault:
    """A 200 whose body claims an encoding, which it need not have."""
    return status(200, body=body, headers={"Content-Encoding": name}, processed=processed)


@functools.cache
def compressed_zeros(megabytes: int) -> bytes:
    """A single gzip member of so many MiB of zeros."""
    zeros = bytes(_MEBIBYTE)
    compressor = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    # After a full flush nothing refers back, so that the same block may stand there again.
    block = compressor.compress(zeros) + compressor.flush(zlib.Z_FULL_FLUSH)
    checksum = 0
    for _ in range(megabytes):
        checksum = zlib.crc32(zeros, checksum)
    trailer = struct.pack("<II", checksum, megabytes * _MEBIBYTE % 2**32)
    return gzip.compress(b"")[:10] + block * megabytes + compressor.flush() + trailer
