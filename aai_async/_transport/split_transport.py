"""
A transport of httpx that has a pool of its own for each request in flight.

For each request, and again at its end, the pool of httpx 0.28 walks all of its connections and asks the
operating system about each idle one. With 32 connections that is a third of the CPU time of a batch. Here a
pool has one connection, and the pool that was used last is used first.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import AsyncIterator, Callable, Sequence
from typing import cast

import httpx

from aai_async._transport.late_delivery import SocketOption

_KEEPALIVE = 5.0
"""Seconds after which an idle connection is closed: servers close theirs after as little as that."""


class SplitTransport(httpx.AsyncBaseTransport):
    """
    The transport of the clients that this library creates.

    Args:
        context: The TLS settings of all connections.
        most_idle: Maximum number of idle connections that are kept open.
        socket_options: Those of all connections.
    """

    def __init__(
        self, context: ssl.SSLContext, *, most_idle: int, socket_options: Sequence[SocketOption] = ()
    ) -> None:
        self._context = context
        self._most_idle = most_idle
        self._socket_options = socket_options
        self._pools = set[httpx.AsyncHTTPTransport]()
        self._idle: list[tuple[tuple[str, bytes], float, httpx.AsyncHTTPTransport]] = []
        """The pools without a request: the scheme and host of the connection, since when, and the pool."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request through an idle pool that is connected to its host, or through a new one."""
        # Before the request: a call that is cancelled here holds no response.
        await self._close_old()
        host = request.url.scheme, request.url.netloc
        pool = self._take(host)
        try:
            response = await pool.handle_async_request(request)
        except BaseException:  # also a cancellation, after which the pool can be used again
            self._put_back(host, pool)
            raise
        # That of an asynchronous transport is always asynchronous.
        stream = cast("httpx.AsyncByteStream", response.stream)
        response.stream = _Stream(stream, lambda: self._put_back(host, pool))
        return response

    def _take(self, host: tuple[str, bytes]) -> httpx.AsyncHTTPTransport:
        for index in range(len(self._idle) - 1, -1, -1):
            if self._idle[index][0] == host:
                return self._idle.pop(index)[2]
        limits = httpx.Limits(max_keepalive_connections=1, keepalive_expiry=_KEEPALIVE)
        pool = httpx.AsyncHTTPTransport(
            verify=self._context, trust_env=False, limits=limits, socket_options=self._socket_options
        )
        self._pools.add(pool)
        return pool

    def _put_back(self, host: tuple[str, bytes], pool: httpx.AsyncHTTPTransport) -> None:
        if pool in self._pools:
            self._idle.append((host, time.monotonic(), pool))

    async def _close_old(self) -> None:
        """Close the pools that have been idle for long, and the oldest of too many."""
        while self._idle and (
            len(self._idle) > self._most_idle or self._idle[0][1] < time.monotonic() - _KEEPALIVE
        ):
            pool = self._idle.pop(0)[2]
            self._pools.remove(pool)
            await pool.aclose()

    async def aclose(self) -> None:
        """Close all connections."""
        pools = [*self._pools]
        self._pools.clear()
        self._idle.clear()
        for pool in pools:
            await pool.aclose()


class _Stream(httpx.AsyncByteStream):
    """The body of a response, whose end makes its connection idle."""

    def __init__(self, stream: httpx.AsyncByteStream, on_end: Callable[[], None]) -> None:
        self._stream = stream
        self._on_end: Callable[[], None] | None = on_end

    def __aiter__(self) -> AsyncIterator[bytes]:
        return aiter(self._stream)

    async def aclose(self) -> None:
        on_end, self._on_end = self._on_end, None
        try:
            await self._stream.aclose()
        finally:
            if on_end is not None:
                on_end()
