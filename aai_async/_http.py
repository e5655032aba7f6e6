"""
Performs a `Call`: adds the key, sends, repeats what may be repeated, maps every failure to an error of ours.

The only module that knows the HTTP library.
"""

from __future__ import annotations

import contextlib
import functools
import platform
import ssl
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Self, TypeVar, cast

import anyio
import httpx
from anyio import to_thread

from aai_async._access import Hosts, Key
from aai_async._endpoints import Call
from aai_async._errors import (
    AAIError,
    APIError,
    AttemptTimeoutError,
    ConfigError,
    ConnectError,
    ProtocolError,
    SaveError,
    SourceError,
    TransportError,
    Verdict,
    escaped,
)
from aai_async._file import Replacement
from aai_async._reply import Reply
from aai_async._retry import Retry, Timeouts
from aai_async._source import CHUNK_SIZE, Source
from aai_async._version import __version__

T = TypeVar("T")

_GATE = 32
"""Requests in flight; the others wait here, because httpx slows down with each that waits in its pool."""

_SMALLEST_PIECE = 32 * 1024
"""Bytes handed to the transport at once on a slow link, and doubled from there on a quick one."""

_QUICK = 1.0
"""Seconds within which a piece must be sent for the next to be twice as large."""

_LARGE_REPLY = 256 * 1024
"""Bytes from which a reply is decoded in a thread."""


class HTTP:
    """A connection to the service: open it with `async with`, then `perform` calls."""

    def __init__(
        self,
        *,
        hosts: Hosts,
        key: Key,
        retry: Retry,
        timeouts: Timeouts,
        client: httpx.AsyncClient | None,
    ) -> None:
        self.hosts = hosts
        if client is not None and not callable(getattr(client, "aclose", None)):
            raise ConfigError(f"http must be an httpx.AsyncClient, not {type(client).__name__}.")
        self._key = key
        self._retry = retry
        self._timeout = httpx.Timeout(timeouts.stall, connect=timeouts.connect, pool=None)
        self._client = client
        self._is_ours = client is None
        self._gate: anyio.Semaphore | None = None

    async def __aenter__(self) -> Self:
        if self._gate is not None:
            raise ConfigError("This Client is open already: share it, or make another one.")
        # Made here, for it belongs to the event loop that is running.
        self._gate = anyio.Semaphore(_GATE)
        if self._is_ours:
            self._client = await _open_client(self.hosts)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._gate = None
        if self._is_ours and self._client is not None:
            await self._client.aclose()

    async def perform(self, call: Call[T]) -> T:
        """
        Send a request, again as long as the policy and the kind of request allow, and read its reply.

        Raises:
            AAIError: What went wrong last, with the operation and the number of attempts.
        """
        attempt = 0
        while True:
            attempt += 1
            result = await self._attempt(call)
            if not isinstance(result, AAIError):
                return result
            retry_after = result.retry_after if isinstance(result, APIError) else None
            delay = self._retry.delay(result.verdict, attempt, repeat=call.repeat, retry_after=retry_after)
            if delay is None:
                result.operation, result.attempts = call.operation, attempt
                # Without the frames where it was caught: the HTTP library's hold the request and its key.
                raise result.with_traceback(None)
            await anyio.sleep(delay)

    async def _attempt(self, call: Call[T]) -> T | AAIError:
        (gate, client), url = self._usable(), self._url(call)
        async with gate, _opened(call.body) as body:
            try:
                request = self._request(client, call, url, body)
                reply = await self._send(client, call, request)
            except SourceError as error:
                # The HTTP library lets it through, but not without taking its cause away.
                error.__cause__ = body.why_it_broke if body else None
                return error
            except (ProtocolError, SaveError) as error:
                return error
            except Exception as error:  # noqa: BLE001 - whatever a transport raises must not get out
                return _transport_error(error, body)
        if reply.status not in call.answers:
            return call.refuse(reply)
        try:
            return await _read(call, reply)
        except ProtocolError as error:
            error.verdict = Verdict.AMBIGUOUS
            return error

    async def _send(self, client: httpx.AsyncClient, call: Call[T], request: httpx.Request) -> Reply:
        auth = None if call.url else self._key
        response = await client.send(request, auth=auth, follow_redirects=False, stream=True)
        try:
            content = b""
            if call.into is None or response.status_code not in call.answers:
                content = await response.aread()
            else:
                await _save(response, call.into)
        finally:
            await response.aclose()
        return Reply(status=response.status_code, headers=dict(response.headers), body=content)

    def _request(
        self, client: httpx.AsyncClient, call: Call[T], url: str, body: _Body | None
    ) -> httpx.Request:
        headers = {"user-agent": _user_agent()} | (body.headers if body else {})
        if call.url:
            return _foreign_request(url, headers, self._timeout)
        request = client.build_request(call.method, url, headers=headers, timeout=self._timeout)
        if body is None:
            return request
        # As its stream: given as content it is wrapped in a generator, which a broken upload leaves open.
        return httpx.Request(
            request.method, request.url, headers=request.headers, stream=body, extensions=request.extensions
        )

    def _url(self, call: Call[T]) -> str:
        host = self.hosts.gateway if call.is_for_gateway else self.hosts.api
        if host is None:
            raise ConfigError(
                "The LLM Gateway has an address of its own, which base_url does not tell: "
                "give Client(gateway_url=...)."
            )
        return call.url or f"{host}{call.path}"

    def _usable(self) -> tuple[anyio.Semaphore, httpx.AsyncClient]:
        if self._gate is None or self._client is None or self._client.is_closed:
            raise ConfigError("This Client is not open: use it inside `async with Client() as client:`.")
        return self._gate, self._client


class _SignedURL(httpx.URL):
    """An address that lets in whoever has it: the HTTP library's log has it without its query."""

    def __str__(self) -> str:
        return super().__str__().partition("?")[0]


def _foreign_request(url: str, headers: dict[str, str], timeout: httpx.Timeout) -> httpx.Request:
    # Not built by the client, which may be the caller's own and have a key in whatever it sends.
    request = httpx.Request("GET", url, headers=headers, extensions={"timeout": timeout.as_dict()})
    request.url = _SignedURL(url)
    return request


class _Body(httpx.AsyncByteStream):
    """
    The content of one attempt, which knows whether the transport has begun to read it.

    What it reads it hands out in pieces, for the time to send one is what `Timeouts(stall=...)` bounds:
    small ones on a slow link, which would seem to stall, large ones on a fast link, where each costs CPU.
    """

    def __init__(self, chunks: AsyncIterator[bytes], headers: dict[str, str]) -> None:
        self._chunks = chunks
        self._left = memoryview(b"")
        self._piece_size = _SMALLEST_PIECE
        self._last_piece = anyio.current_time()
        self.headers = headers
        self.has_begun = False
        self.why_it_broke: BaseException | None = None

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        now = anyio.current_time()
        is_quick, self._last_piece = now - self._last_piece < _QUICK, now
        grown = min(self._piece_size * 2, CHUNK_SIZE)
        self._piece_size = grown if is_quick else _SMALLEST_PIECE
        while not self._left:
            try:
                self._left = memoryview(await anext(self._chunks))
            except SourceError as error:
                self.why_it_broke = error.__cause__
                raise
        self.has_begun = True
        piece, self._left = self._left[: self._piece_size], self._left[self._piece_size :]
        return bytes(piece)


@contextlib.asynccontextmanager
async def _opened(content: bytes | Source | None) -> AsyncGenerator[_Body | None]:
    if content is None:
        yield None
        return
    size: int | None
    if isinstance(content, bytes):
        kind, size, chunks = "application/json", len(content), _once(content)
    else:
        kind, size, chunks = "application/octet-stream", content.size, content.chunks()
    framing = {"transfer-encoding": "chunked"} if size is None else {"content-length": str(size)}
    async with contextlib.aclosing(chunks):
        yield _Body(chunks, {"content-type": kind} | framing)


async def _once(content: bytes) -> AsyncGenerator[bytes, None]:
    yield content


async def _save(response: httpx.Response, file: Replacement) -> None:
    # From its beginning, for an earlier attempt may have written some of it.
    await file.restart()
    pieces = cast("AsyncGenerator[bytes, None]", response.aiter_bytes(CHUNK_SIZE))
    is_empty = True
    async with contextlib.aclosing(pieces) as chunks:
        async for chunk in chunks:
            is_empty = False
            await file.write(chunk)
    if is_empty:
        raise ProtocolError("The file that the service has put there is empty.")


async def _open_client(hosts: Hosts) -> httpx.AsyncClient:
    if any(url and url.startswith("https://") for url in (hosts.api, hosts.gateway)):
        context = await to_thread.run_sync(_tls_context)
    else:
        # The client makes one in any case, and loading certificates takes a tenth of a second.
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    return httpx.AsyncClient(
        verify=context,
        trust_env=False,
        limits=httpx.Limits(max_connections=None, max_keepalive_connections=_GATE, keepalive_expiry=5.0),
    )


@functools.cache
def _tls_context() -> ssl.SSLContext:
    return httpx.create_ssl_context()


@functools.cache
def _user_agent() -> str:
    return f"aai-async/{__version__} httpx/{httpx.__version__} Python/{platform.python_version()}"


def _transport_error(error: Exception, body: _Body | None) -> TransportError:
    """
    Tell what an exception of the transport means.

    How far a request got is known from its body, not from the kind of exception: some transports call a
    reset after the last byte a failure to connect.
    """
    what = f"{type(error).__name__}: {escaped(str(error))}" if str(error) else type(error).__name__
    could_connect = not isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout))
    may_be_sent = body.has_begun if body else could_connect
    verdict = Verdict.AMBIGUOUS if may_be_sent else Verdict.NOT_SENT
    if not may_be_sent and not could_connect:
        message = f"No connection to the service ({what}). Check the network, the region and base_url."
        return ConnectError(message, verdict=verdict)
    if isinstance(error, httpx.TimeoutException):
        message = f"Nothing moved for as long as Timeouts(stall=...) allows ({what})."
        return AttemptTimeoutError(message, verdict=verdict)
    return TransportError(f"The connection broke ({what}).", verdict=verdict)


async def _read(call: Call[T], reply: Reply) -> T:
    if len(reply.body) < _LARGE_REPLY:
        return call.read(reply)
    return await to_thread.run_sync(call.read, reply)
