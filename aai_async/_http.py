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
from typing import Self, TypeVar
from urllib.parse import urlsplit

import anyio
import attrs
import httpx
from anyio import to_thread

from aai_async._endpoints import Call, Reply, escaped, refusal
from aai_async._errors import (
    AAIError,
    APIError,
    AttemptTimeoutError,
    ConfigError,
    ConnectError,
    ProtocolError,
    SourceError,
    TransportError,
    Verdict,
)
from aai_async._retry import Retry
from aai_async._source import Source
from aai_async._version import __version__

T = TypeVar("T")

_GATE = 32
"""Requests in flight; the others wait here, because httpx slows down with each that waits in its pool."""

_LARGE_REPLY = 256 * 1024
"""Bytes from which a reply is decoded in a thread."""


@attrs.frozen(kw_only=True)
class Timeouts:
    """How long a single attempt may stand still. There is no limit on the length of an upload."""

    connect: float = 10.0
    """Seconds to make a connection, TLS included."""

    stall: float = 60.0
    """Seconds in which not one byte could be sent or was received."""


class Key:
    """The API key: an `auth` for the HTTP library that shows itself nowhere else."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        """
        Check the key.

        Raises:
            ConfigError: It is empty, or nothing that a header can carry. The value is not shown.
        """
        value = value.strip()
        if value.lower().startswith("bearer "):
            raise ConfigError("The API key is sent as it is, without 'Bearer ': give the key alone.")
        if not value or not all("!" <= letter <= "~" for letter in value):
            raise ConfigError(
                "The API key is empty or has a line break, a space or a letter outside ASCII in it. "
                "Copy it again from the AssemblyAI dashboard."
            )
        self._value = value

    def __repr__(self) -> str:
        return "<API key>"

    def __reduce__(self) -> str:
        raise TypeError("An API key is not pickled; make the Client where it is used.")

    def __call__(self, request: httpx.Request) -> httpx.Request:
        request.headers["authorization"] = self._value
        return request


def checked_base_url(url: str) -> str:
    """
    Give the base URL without a trailing slash.

    Raises:
        ConfigError: Not http(s), with a user, path or query in it, or http to another machine: the key
            and the recordings would travel in the clear.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.path not in {"", "/"}:
        raise ConfigError(
            f"base_url must look like https://api.assemblyai.com, not {parts.scheme}://{parts.hostname or ''}"
        )
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ConfigError("base_url must have no user, query or fragment in it.")
    if parts.scheme == "http" and parts.hostname not in {"127.0.0.1", "localhost", "::1"}:
        raise ConfigError(
            f"base_url is http:// to {parts.hostname}: the key would travel in the clear. Use https://."
        )
    return f"{parts.scheme}://{parts.netloc}"


class HTTP:
    """A connection to the service: open it with `async with`, then `perform` calls."""

    def __init__(
        self,
        *,
        base_url: str,
        key: Key,
        retry: Retry,
        timeouts: Timeouts,
        client: httpx.AsyncClient | None,
    ) -> None:
        self.base_url = checked_base_url(base_url)
        self._key = key
        self._retry = retry
        self._timeout = httpx.Timeout(timeouts.stall, connect=timeouts.connect, pool=None)
        self._client = client
        self._is_ours = client is None
        self._gate: anyio.Semaphore

    async def __aenter__(self) -> Self:
        self._gate = anyio.Semaphore(_GATE)
        if self._is_ours:
            self._client = await _open_client(self.base_url)
        return self

    async def __aexit__(self, *_: object) -> None:
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
        client = self._usable_client()
        async with self._gate, _opened(call.body) as body:
            try:
                reply = await self._send(client, call, body)
            except SourceError as error:
                return error
            except httpx.HTTPError as error:
                return _transport_error(error, may_be_sent=body is None or body.has_begun)
        if reply.status != 200:
            return refusal(reply)
        try:
            return await _read(call, reply)
        except ProtocolError as error:
            error.verdict = Verdict.AMBIGUOUS
            return error

    async def _send(self, client: httpx.AsyncClient, call: Call[T], body: _Body | None) -> Reply:
        request = client.build_request(
            call.method,
            self.base_url + call.path,
            headers={"user-agent": _user_agent()} | (body.headers if body else {}),
            content=body,
            timeout=self._timeout,
        )
        response = await client.send(request, auth=self._key, follow_redirects=False)
        return Reply(status=response.status_code, headers=dict(response.headers), body=response.content)

    def _usable_client(self) -> httpx.AsyncClient:
        if self._client is None:
            raise ConfigError("This Client is not open: use it inside `async with Client() as client:`.")
        if self._client.is_closed:
            raise ConfigError("This Client is closed: keep what uses it inside its `async with` block.")
        return self._client


class _Body:
    """The content of one attempt, which knows whether the transport has begun to read it."""

    def __init__(self, chunks: AsyncIterator[bytes], headers: dict[str, str]) -> None:
        self._chunks = chunks
        self.headers = headers
        self.has_begun = False

    def __aiter__(self) -> _Body:
        return self

    async def __anext__(self) -> bytes:
        chunk = await anext(self._chunks)
        self.has_begun = True
        return chunk


@contextlib.asynccontextmanager
async def _opened(content: bytes | Source | None) -> AsyncGenerator[_Body | None]:
    if content is None:
        yield None
        return
    headers = {
        "content-type": "application/json" if isinstance(content, bytes) else "application/octet-stream"
    }
    size = len(content) if isinstance(content, bytes) else content.size
    if size is not None:
        headers["content-length"] = str(size)
    chunks = _once(content) if isinstance(content, bytes) else content.chunks()
    async with contextlib.aclosing(chunks):
        yield _Body(chunks, headers)


async def _once(content: bytes) -> AsyncGenerator[bytes, None]:
    yield content


async def _open_client(base_url: str) -> httpx.AsyncClient:
    if base_url.startswith("https://"):
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


def _transport_error(error: httpx.HTTPError, *, may_be_sent: bool) -> TransportError:
    what = f"{type(error).__name__}: {escaped(str(error))}" if str(error) else type(error).__name__
    if isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout)):
        return ConnectError(
            f"No connection to the service ({what}). Check the network, the region and base_url.",
            verdict=Verdict.NOT_SENT,
        )
    verdict = Verdict.AMBIGUOUS if may_be_sent else Verdict.NOT_SENT
    if isinstance(error, httpx.TimeoutException):
        return AttemptTimeoutError(
            f"Nothing moved for as long as Timeouts(stall=...) allows ({what}).", verdict=verdict
        )
    return TransportError(f"The connection broke ({what}).", verdict=verdict)


async def _read(call: Call[T], reply: Reply) -> T:
    if len(reply.body) < _LARGE_REPLY:
        return call.read(reply)
    return await to_thread.run_sync(call.read, reply)
