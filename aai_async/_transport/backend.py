"""
The HTTP library of a client: httpx, or its successor httpx2 if the user has installed that.

They have the same names, but neither accepts the other's objects. This module creates the objects that are
passed to a client.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Any, TypeAlias, cast

import httpx

from aai_async._errors import ConfigError

if TYPE_CHECKING:
    import httpx2

AsyncClient: TypeAlias = "httpx.AsyncClient | httpx2.AsyncClient"
"""An HTTP client of either library."""

Transport: TypeAlias = "httpx.AsyncBaseTransport | httpx2.AsyncBaseTransport"
"""A transport of either library."""

HTTPClient: TypeAlias = "AsyncClient | Callable[[], AsyncClient | Transport]"
"""
The value of `Client(http_client=...)`.

A client that the caller closes, or a function that creates a client or a transport.
"""


def client_of(made: AsyncClient | Transport) -> AsyncClient:
    """
    Return what a function of the caller has created as a client.

    Raises:
        ConfigError: It is neither a client nor a transport.
    """
    for library in _libraries():
        if isinstance(made, library.AsyncBaseTransport):
            client: AsyncClient = _direct_client_class(library)(cast("Transport", made))
            return client
    library_of(made)
    return cast("AsyncClient", made)


def library_of(client: object) -> Any:  # a module, which has no type of its own
    """
    Return the library of a client.

    Raises:
        ConfigError: It is not a client of either library.
    """
    for library in _libraries():
        if isinstance(client, library.AsyncClient):
            return library
    raise ConfigError(
        "http_client must be an httpx.AsyncClient, an httpx2.AsyncClient, or a function that creates one or "
        f"a transport, not {type(client).__name__}."
    )


def _libraries() -> list[Any]:  # modules, as above
    return [httpx, sys.modules["httpx2"]] if "httpx2" in sys.modules else [httpx]


@functools.lru_cache(maxsize=64)
def parsed_url(library: Any, url: str) -> object:
    """Return a URL of the given library; those of uploads and submits are always the same."""
    return library.URL(url)


def stream_of(library: Any, pieces: AsyncIterator[bytes]) -> object:
    """Return the pieces of a body as a stream of the given library."""
    # As content, they would be wrapped in a generator, which a broken upload leaves open.
    return _stream_class(library)(pieces)


def quiet_url(client: Any, library: Any, url: str) -> object:
    """Return a URL whose query grants access, so that the library logs it without the query."""
    transport = type(getattr(client, "_transport", None)).__module__
    if transport.partition(".")[0] not in {library.__name__, "aai_async"}:
        # Another transport may use the text of the URL, and needs all of it.
        return library.URL(url)
    return _quiet_url_class(library)(url)


@functools.cache
def _stream_class(library: Any) -> Callable[[AsyncIterator[bytes]], object]:
    class Stream(library.AsyncByteStream):  # type: ignore[misc]  # the base is known at run time
        def __init__(self, pieces: AsyncIterator[bytes]) -> None:
            self._pieces = pieces

        def __aiter__(self) -> AsyncIterator[bytes]:
            return self._pieces

    return Stream


@functools.cache
def _quiet_url_class(library: Any) -> Callable[[str], object]:
    class QuietURL(library.URL):  # type: ignore[misc]  # the base is known at run time
        def __str__(self) -> str:
            return str(super().__str__()).partition("?")[0]  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]

    return cast("Callable[[str], object]", QuietURL)


@functools.cache
def _direct_client_class(library: Any) -> Callable[[Transport], Any]:
    class DirectClient(library.AsyncClient):  # type: ignore[misc]  # the base is known at run time
        """
        A client that passes requests to its transport as they are.

        It does without the cookies, defaults, redirects, hooks and log lines of the library, for which the
        caller would have created a client. They are a tenth of the CPU of a job.
        """

        def __init__(self, transport: Any) -> None:
            super().__init__(transport=transport, trust_env=False)  # pyright: ignore[reportUnknownMemberType]
            self._passed_to = transport

        def build_request(self, method: str, url: object, **settings: Any) -> Any:
            return library.Request(method, url, **settings)

        async def send(self, request: Any, *, auth: Any = None, **_: Any) -> Any:
            # The API key is a function. The response is always a stream, and redirects are not followed.
            return await self._passed_to.handle_async_request(request if auth is None else auth(request))

    return DirectClient
