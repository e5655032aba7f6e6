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

HTTPClient: TypeAlias = "AsyncClient | Callable[[], AsyncClient]"
"""The value of `Client(http_client=...)`: a client that the caller closes, or a function that creates one."""


def library_of(client: object) -> Any:  # a module, which has no type of its own
    """
    Return the library of a client.

    Raises:
        ConfigError: It is not a client of either library.
    """
    for library in (httpx, sys.modules.get("httpx2")):
        if library is not None and isinstance(client, library.AsyncClient):
            return library
    raise ConfigError(
        "http_client must be an httpx.AsyncClient, an httpx2.AsyncClient, or a function that creates one, "
        f"not {type(client).__name__}."
    )


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
