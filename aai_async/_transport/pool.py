"""
The HTTP clients that send requests, and their replacement after a broken attempt.

A cancelled attempt can leak a slot or a socket in the pool of httpx 0.28 (encode/httpcore#1093). So a client
that this library created is retired after one: new attempts use another client, and the old one is closed
when the last attempt on it has ended.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import os
import socket
import ssl
from collections import Counter
from collections.abc import AsyncGenerator, Generator, Mapping, Sequence
from typing import Any, cast

import anyio
import attrs
import httpx
from anyio.lowlevel import current_token

from aai_async._api.credentials import BaseURLs
from aai_async._concurrency.cancellation import CancelGrace, run_shielded
from aai_async._concurrency.permits import Permit
from aai_async._concurrency.threads import in_thread_if_there_is_one
from aai_async._errors import AAIError, ConfigError, ConnectError, RequestState
from aai_async._transport.backend import AsyncClient, HTTPClient, client_of, library_of
from aai_async._transport.late_delivery import SocketOption
from aai_async._transport.split_transport import SplitTransport

_MAX_IN_FLIGHT = 16
"""
Maximum number of requests in flight, and of uploads. Others wait in front of the pool, because each request
that waits in it slows httpx down. Uploads count separately: a slow recording must not delay other calls.
"""

_CLOSING = 0.5
"""Seconds that closing may take; a cancelled call waits for it."""


class ClientLease:
    """The use of a client for one attempt."""

    def __init__(self, client: AsyncClient) -> None:
        self.client: Any = client  # of httpx or httpx2, which have no common type
        self.library = library_of(client)
        self.is_broken = False
        """Whether the attempt began to send and did not complete."""
        self.is_body_cut = False
        """Whether the transport has reported that the body was not sent completely."""
        self.is_stray = False
        """Whether its connection must not be reused, and could not be shut down alone."""
        self._unwrapped: list[Any] = []

    async def trace(self, event: str, details: Mapping[str, Any]) -> None:
        """Receive the trace events of the transport, an extension that not every transport supports."""
        if event == "http11.send_request_body.failed":
            self.is_body_cut = True
        if event == "connection.connect_tcp.complete":
            self._unwrapped.append(details["return_value"])
        elif event == "connection.start_tls.complete" or not event.startswith("connection."):
            self._unwrapped.clear()

    def drop(self, response: Any) -> None:
        """
        Prevent the reuse of the connection of a response that is read and not yet closed.

        A faulty proxy may have sent the response twice, or in place of another, so that the next request
        would get the wrong one.
        """
        if response.is_closed or response.http_version not in {"HTTP/1.0", "HTTP/1.1"}:
            # It came from memory, or by a protocol that matches responses to requests.
            return
        stream = response.extensions.get("network_stream")
        own = stream.get_extra_info("socket") if stream else None
        if own is None:
            self.is_stray = True
            return
        # The pool finds that the connection has ended, and closes it. A copy is used, because not every event
        # loop's socket has the method.
        with contextlib.suppress(OSError), socket.fromfd(own.fileno(), own.family, own.type) as copy:
            copy.shutdown(socket.SHUT_RDWR)

    @property
    def has_loose_ends(self) -> bool:
        """Whether a connection has no owner, because it was cancelled during the TLS handshake."""
        return self.is_broken and bool(self._unwrapped)

    async def tie_up(self) -> None:
        """Close a connection that has no owner."""
        if self.is_broken:
            for stream in self._unwrapped:
                await stream.aclose()


class ClientPool:
    """
    The HTTP clients, and the limits on their use. Open it, then `lease`.

    Args:
        given: The client of the caller, or a function that creates one.
        base_urls: The hosts of the requests.
        socket_options: Those of the connections of clients that this library creates.
    """

    def __init__(
        self, given: HTTPClient | None, base_urls: BaseURLs, socket_options: Sequence[SocketOption] = ()
    ) -> None:
        self._socket_options = socket_options
        self._client: AsyncClient | None = None
        self._make = given if callable(given) else None
        self._is_ours = given is None or callable(given)
        self._checks_certificates = any(
            url and url.startswith("https://") for url in (base_urls.api, base_urls.gateway)
        )
        """Whether a client that this library creates loads certificates, which takes a tenth of a second."""
        if not self._is_ours or inspect.iscoroutinefunction(given):
            library_of(given)
            self._client = cast("AsyncClient", given)
        self._in_use = Counter[AsyncClient]()
        """Number of attempts on each client."""
        self._retired = set[AsyncClient]()
        """Clients that get no further attempts and are not closed yet."""
        self._binding: _LoopBinding | None = None

    async def open(self) -> None:
        """
        Create the objects that belong to the running event loop.

        Raises:
            ConfigError: It is already open, or `http` did not return an HTTP client.
        """
        if self._binding is not None and not self._binding.has_ended:
            raise ConfigError("This Client is already open: share it, or create another one.")
        # The clients of an event loop that has ended cannot be closed any more, only discarded.
        self._forget()
        self._binding = _LoopBinding.here()
        try:
            await self._current(self._binding)
        except BaseException:
            # Also after a cancellation: a client that was not opened can be opened again.
            self._binding = None
            raise

    def check(self) -> None:
        """
        Check that it is open, in this process and event loop.

        Raises:
            ConfigError: It is not.
        """
        self._checked_binding()

    @contextlib.contextmanager
    def room_for_uploads(self, most: int) -> Generator[None]:
        """Allow `most` concurrent uploads, if that is more than the usual limit."""
        limiter = self._checked_binding().recordings
        more = max(0, most - _MAX_IN_FLIGHT)
        limiter.total_tokens += more
        try:
            yield
        finally:
            limiter.total_tokens -= more

    async def close(self) -> None:
        """Close the clients that this library created."""
        self._binding = None
        clients = {*self._retired, *([self._client] if self._client and self._is_ours else [])}
        self._forget()
        async with contextlib.AsyncExitStack() as stack:
            # Each is closed, even if closing another one fails or is cancelled.
            for client in clients:
                stack.push_async_callback(client.aclose)

    def _forget(self) -> None:
        """Discard all clients except the caller's own."""
        self._in_use.clear()
        self._retired.clear()
        if self._is_ours:
            self._client = None

    @contextlib.asynccontextmanager
    async def lease(
        self, *, is_recording: bool, is_urgent: bool, is_to_storage: bool = False
    ) -> AsyncGenerator[ClientLease]:
        """
        Use a client for one attempt, as soon as the limit allows it, or at once if it is urgent.

        Args:
            is_recording: Whether a recording is sent; uploads have a separate limit.
            is_urgent: Whether the attempt ignores the limit.
            is_to_storage: Whether the request goes to an https host other than those of the client.

        Raises:
            ConfigError: It is not open, or not in this process and event loop.
            ConnectError: There is no client, and none could be created.
        """
        binding = self._checked_binding()
        gate = binding.recordings if is_recording else binding.others
        async with contextlib.nullcontext() if is_urgent else Permit(gate):
            if is_to_storage and not self._checks_certificates:
                self._check_certificates()
            client = await self._current_during_call(binding)
            self._in_use[client] += 1
            lease = ClientLease(client)
            try:
                yield lease
            finally:
                await self._put_back(lease)

    async def _put_back(self, lease: ClientLease) -> None:
        client = cast("AsyncClient", lease.client)
        self._in_use[client] -= 1
        is_free = self._in_use[client] <= 0
        if is_free:
            del self._in_use[client]
        if (lease.is_broken or lease.is_stray) and client is self._client:
            self._retire()
        is_over = is_free and client in self._retired
        self._retired -= {client} if is_over else set()
        if is_over or lease.has_loose_ends:
            closing = functools.partial(_close, lease, client if is_over else None)
            await run_shielded(closing, CancelGrace(_CLOSING))

    def _check_certificates(self) -> None:
        """Retire a client that was created without certificates, for hosts without TLS."""
        self._checks_certificates = True
        if self._make is None:
            self._retire()

    def _retire(self) -> None:
        """Use the current client for no further attempts, unless it is the caller's own."""
        if self._is_ours and self._client is not None:
            self._retired.add(self._client)
            self._client = None

    async def _current_during_call(self, binding: _LoopBinding) -> AsyncClient:
        try:
            return await self._current(binding)
        except AAIError:
            raise
        except Exception as error:
            raise ConnectError(
                f"Client(http_client=...) could not create another client: {type(error).__name__}: {error}.",
                verdict=RequestState.NOT_SENT,
            ) from error

    async def _current(self, binding: _LoopBinding) -> AsyncClient:
        if self._client is None and self._is_ours:
            async with binding.making:
                if self._client is None:
                    await self._renew(binding)
        if self._client is None or self._client.is_closed:
            raise ConfigError("The HTTP client that was given to this Client is closed.")
        return self._client

    async def _renew(self, binding: _LoopBinding) -> None:
        if self._make is None:
            made: AsyncClient = await in_thread_if_there_is_one(
                _make_client, self._checks_certificates, self._socket_options
            )
        else:
            made = client_of(self._make())
        if made.is_closed:
            raise ConfigError(
                "Client(http_client=...) returned a closed client: it must create a new one for each call."
            )
        if self._binding is not binding:
            await made.aclose()
            raise ConfigError("This Client was closed while a call was in progress.")
        self._client = made

    def _checked_binding(self) -> _LoopBinding:
        if self._binding is None:
            raise ConfigError(
                "This Client is not open: use it inside `async with Client() as client:`, or call "
                "`await client.open()` first."
            )
        self._binding.check()
        return self._binding


@attrs.frozen
class _LoopBinding:
    """The process and event loop in which a client was opened, and the only ones that can use it."""

    process: int
    loop: object
    recordings: anyio.CapacityLimiter
    others: anyio.CapacityLimiter
    making: anyio.Lock

    @classmethod
    def here(cls) -> _LoopBinding:
        gates = anyio.CapacityLimiter(_MAX_IN_FLIGHT), anyio.CapacityLimiter(_MAX_IN_FLIGHT)
        return cls(os.getpid(), current_token(), *gates, anyio.Lock())

    @property
    def has_ended(self) -> bool:
        """Whether the event loop has ended, so that nothing can be closed in it."""
        loop: Any = getattr(self.loop, "native_token", self.loop)
        if self.process != os.getpid():
            return False
        if hasattr(loop, "is_closed"):
            is_closed: bool = loop.is_closed()
            return is_closed
        try:
            # Trio reports that a loop has ended only when a function is scheduled in it.
            loop.run_sync_soon(_nothing)
        except RuntimeError:
            return True
        return False

    def check(self) -> None:
        if self.process != os.getpid():
            raise ConfigError("This Client was opened before a fork: open one in each process.")
        if self.loop == current_token():
            return
        if self.has_ended:
            raise ConfigError("The event loop in which this Client was opened has ended: open it again.")
        raise ConfigError("This Client was opened in another event loop: open one in each.")


def _nothing() -> None:
    """Do nothing; scheduled in a loop to check that it runs."""


async def _close(lease: ClientLease, client: AsyncClient | None) -> None:
    try:
        await lease.tie_up()
    finally:
        if client is not None:
            await client.aclose()


def _make_client(checks_certificates: bool, socket_options: Sequence[SocketOption]) -> httpx.AsyncClient:
    # Without a context, httpx creates one that loads certificates, which takes a tenth of a second.
    context = _tls_context() if checks_certificates else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    transport = SplitTransport(context, most_idle=2 * _MAX_IN_FLIGHT, socket_options=socket_options)
    return httpx.AsyncClient(transport=transport, trust_env=False)


@functools.cache
def _tls_context() -> ssl.SSLContext:
    return httpx.create_ssl_context()
